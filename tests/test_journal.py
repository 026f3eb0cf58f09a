"""An app that knows nothing of openheart gains reactions with a few changed lines."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parent / "apps" / "journal"
ROOT = APP.parents[2]
LIMIT = 5  # changed lines

ROUTE = '@bp.route("/entries/<int:number>"'
CHANGES = {
    "__init__.py": [
        ("from flask import Flask\n", "from flask import Flask\nfrom openheart import OpenHeart\n"),
        ("    db.init_app(app)\n", "    db.init_app(app)\n    OpenHeart(app)\n"),
    ],
    "blog.py": [(f"{ROUTE})", f"""{ROUTE}, openheart=lambda number: f"entry-{{find(number)['id']}}")""")],
    "templates/entry.html": [("body }}</p>\n", "body }}</p>\n{{ request.openheart.reactions }}\n")],
}

REACTIONS = """
from journal.suite import client, join


def test_an_entry_has_reactions(client):
    join(client)
    client.post("/write", data={"title": "First", "body": "Hello"})
    assert client.post("/openheart/entries/1", data="🥨").json == {"🥨": 1}
    assert "🥨" in client.get("/entries/1").text
    assert client.post("/openheart/entries/2", data="🥨").status_code == 404
    assert client.post("/openheart/auth/login", data="🥨").status_code == 404
"""


def suite(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, *files],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OPENHEART_URI": "memory:"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package = tmp_path / "site" / "journal"
    shutil.copytree(APP, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package.parent


def changed_lines(folder: Path) -> list[str]:
    lines = []
    for path in sorted(each for each in APP.rglob("*") if each.suffix in (".py", ".html")):
        after = folder / "journal" / path.relative_to(APP)
        if after.exists():
            lines += list(
                difflib.unified_diff(path.read_text().splitlines(), after.read_text().splitlines(), n=0)
            )
    return [line for line in lines if line.startswith("+") and not line.startswith("+++")]


def test_it_gains_reactions_with_five_changed_lines_and_its_own_tests_still_pass(folder: Path) -> None:
    before = suite(folder, "journal/suite.py")
    for name, changes in CHANGES.items():
        path = folder / "journal" / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    (folder / "test_reactions.py").write_text(REACTIONS, encoding="utf-8")

    after = suite(folder, "journal/suite.py", "test_reactions.py")

    assert before.returncode == 0, before.stdout
    assert after.returncode == 0, after.stdout
    assert "4 passed" in before.stdout
    assert "5 passed" in after.stdout
    assert 0 < len(changed_lines(folder)) <= LIMIT
