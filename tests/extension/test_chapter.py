"""The documentation's extension chapter, typed in from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "docs" / "howto" / "extension.rst"


def files() -> dict[str, str]:
    """Each file of the chapter: a block goes into the file that was named last before it."""
    text = CHAPTER.read_text(encoding="utf-8")
    block = re.compile(r"^\.\. code-block:: (python|html\+jinja)\n\n((?:   .*\n|\n)+)", re.MULTILINE)
    typed: dict[str, str] = {}
    start = 0
    name = ""
    for found in block.finditer(text):
        names = re.findall(r"[Ii]n(?:to)? ``([\w/]+\.(?:py|html))``", text[start : found.start()])
        name = names[-1] if names else name
        typed[name] = typed.get(name, "") + textwrap.dedent(found[2]) + "\n"
        start = found.end()
    return typed


def test_typed_in_from_top_to_bottom_it_works(tmp_path: Path) -> None:
    for name, text in files().items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_its_files_are_those_that_it_names() -> None:
    assert sorted(files()) == [
        "blog.py",
        "templates/index.html",
        "templates/post.html",
        "test_blog.py",
        "views/__init__.py",
    ]
