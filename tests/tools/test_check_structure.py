from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    tool = ROOT / "tools" / "check_structure.py"
    return subprocess.run([sys.executable, tool, *arguments], capture_output=True, text=True)


def build(folder: Path, files: dict[str, str]) -> Path:
    """Make a package ``house`` of these files."""
    package = folder / "house"
    for path, text in {"__init__.py": "", **files}.items():
        file = package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return package


def function(lines: int) -> str:
    return "def long():\n" + "    pass\n" * (lines - 1)


def names(number: int) -> str:
    return f"__all__ = {[f'name{each}' for each in range(number)]}\n"


def faults(folder: Path, files: dict[str, str]) -> list[str]:
    done = check(build(folder, files))
    assert done.returncode == int(bool(done.stderr))
    return done.stderr.splitlines()


def test_this_package_exceeds_no_limit() -> None:
    done = check()
    assert (done.stderr, done.returncode) == ("", 0)


def test_what_is_measured_is_printed_with_its_limit(tmp_path: Path) -> None:
    text = (
        '"""A module,\n\non lines."""\n\n# It has\n# comments.\n\nFEW = 1  # And one here.\n\n\n'
        'class One:\n    """A class."""\n\n    text = """\n    not of the documentation\n    """\n'
    )
    done = check(
        build(tmp_path, {"core/one.py": text, "core/__init__.py": "", "base.py": "class Two: ...\n"})
    )
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["top-level", "folders", "1", "at", "most", "12"],
        ["top-level", "files", "2", "at", "most", "20"],
        ["names", "in", "__all__", "0", "at", "most", "30"],
        ["cycles", "of", "files", "0", "at", "most", "0"],
        ["cycles", "of", "rooms", "0", "at", "most", "0"],
        ["facades", "with", "more", "0", "at", "most", "0"],
        ["longest", "file", "16", "at", "most", "400"],
        ["longest", "function", "0", "at", "most", "70"],
        ["repeated", "classes", "0", "at", "most", "0"],
        ["repeated", "files", "0", "at", "most", "0"],
        ["modules", "4"],
        ["classes", "2"],
        ["lines", "of", "code", "6"],
        ["lines", "of", "docstrings", "4"],
        ["lines", "of", "comments", "2"],
    ]


def test_a_facade_only_re_exports_its_battery_and_no_module_of_the_package_imports_it(tmp_path: Path) -> None:
    files = {
        "batteries/mail/battery.py": "def send(): ...\n",
        "core/state.py": "STATE = 1\n",
        "mail.py": "from .batteries.mail.battery import send\nfrom .core.state import STATE\n",
        "base.py": "from .mail import send\n",
        "__init__.py": "from . import mail\n",
    }
    assert faults(tmp_path, files) == [
        "facades with more: mail.py imports house.core.state; a facade only re-exports its battery",
        "facades with more: base.py imports house.mail; a facade only re-exports its battery",
    ]


def test_a_package_may_reach_each_limit(tmp_path: Path) -> None:
    files = {
        **{f"room{number}/__init__.py": "" for number in range(12)},
        **{f"file{number}.py": "" for number in range(19)},
        "__init__.py": names(30),
        "room0/long.py": function(70) + "\n" * 330,
        # What Python itself writes is no room.
        "__pycache__/file0.cpython-311.pyc": "",
    }
    assert faults(tmp_path, files) == []


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (
            {f"room{number}/__init__.py": "" for number in range(13)},
            "top-level folders: 13, and the limit is 12",
        ),
        ({f"data{number}/one.css": "" for number in range(13)}, "top-level folders: 13, and the limit is 12"),
        ({f"file{number}.py": "" for number in range(20)}, "top-level files: 21, and the limit is 20"),
        ({"__init__.py": names(31)}, "names in __all__: 31, and the limit is 30"),
        ({"__init__.py": names(30) + "__all__ += ['one']\n"}, "names in __all__: 31, and the limit is 30"),
        ({"core/long.py": "\n" * 401}, "longest file: core/long.py has 401 lines"),
        ({"core/long.py": function(71)}, "longest function: long() in core/long.py has 71 lines"),
        ({"core/long.py": "async " + function(71)}, "longest function: long() in core/long.py has 71 lines"),
        (
            {"core/a.py": "class Page: ...\n", "web/b.py": "def make():\n    class Page: ...\n"},
            "repeated classes: Page in core/a.py and web/b.py",
        ),
        ({"core/page.py": "", "web/page.py": ""}, "repeated files: page.py in core/page.py and web/page.py"),
        ({"batteries/a/pool.py": "", "storage/b/pool.py": ""}, "repeated files: pool.py in "),
        ({"core/row.py": "", "web/row.py": ""}, "repeated files: row.py in core/row.py and web/row.py"),
        (
            {"pool.py": "", "storage/b/pool.py": ""},
            "repeated files: pool.py in pool.py and storage/b/pool.py",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_exceeds_a_limit_is_named(files: dict[str, str], fault: str, tmp_path: Path) -> None:
    (line,) = faults(tmp_path, files)
    assert line.startswith(fault)


def test_the_shape_of_batteries_and_storages_and_the_facades_repeat_their_names(tmp_path: Path) -> None:
    batteries = ["batteries/battery.py", "batteries/mail/battery.py", "batteries/mail/row.py"]
    storages = ["storage/backend.py", "storage/sqlite/backend.py", "storage/sqlite/row.py"]
    facades = ["mail.py", "web/mail.py", "config.py", "settings/config.py"]
    assert faults(tmp_path, dict.fromkeys([*batteries, *storages, *facades], "")) == []


def test_a_folder_that_only_python_left_does_not_count(tmp_path: Path) -> None:
    assert faults(tmp_path, {f"gone{each}/__pycache__/one.pyc": "" for each in range(13)}) == []


@pytest.mark.parametrize(
    "text",
    [
        "from .b import B\n",
        "from . import b\n",
        "from house.web import b\n",
        "import house.web.b\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from .b import B\n",
        "def make():\n    from .b import B\n",
        "try:\n    from .b import B\nexcept ImportError:\n    pass\n",
    ],
)
def test_files_that_import_each_other_are_a_cycle_however_they_do(text: str, tmp_path: Path) -> None:
    (line,) = faults(tmp_path, {"web/__init__.py": "", "web/a.py": text, "web/b.py": "from .a import A\n"})
    assert line.startswith("cycles of files: ")
    assert "web/a.py imports house.web.b" in line
    assert "web/b.py imports house.web.a" in line


def test_each_cycle_is_named_also_a_long_one(tmp_path: Path) -> None:
    files = {
        **{f"web/a{each}.py": f"from .a{(each + 1) % 3} import x\n" for each in range(3)},
        **{f"web/b{each}.py": f"from .b{(each + 1) % 2} import x\n" for each in range(2)},
    }
    first, second = faults(tmp_path, files)
    assert first.count(" imports ") == 3
    assert second.count(" imports ") == 2


def test_rooms_that_import_each_other_are_a_cycle_where_no_files_are(tmp_path: Path) -> None:
    files = {
        "core/a.py": "from ..web.b import x\n",
        "core/c.py": "",
        "web/b.py": "",
        "web/d.py": "from ..core import c\n",
    }
    files |= {"core/__init__.py": "", "web/__init__.py": ""}
    (line,) = faults(tmp_path, files)
    assert line.startswith("cycles of rooms: ")
    assert "core/a.py imports house.web.b" in line
    assert "web/d.py imports house.core.c" in line


@pytest.mark.parametrize("text", ["from .. import errors\n", "from house import errors\n", "import house\n"])
def test_whoever_imports_from_the_root_of_the_package_imports_the_root(text: str, tmp_path: Path) -> None:
    files = {
        "__init__.py": "from .core.a import x\n",
        "errors.py": "",
        "core/__init__.py": "",
        "core/a.py": text,
    }
    of_files, of_rooms = faults(tmp_path, files)
    for line in (of_files, of_rooms):
        assert "__init__.py imports house.core.a" in line
        assert re.search(r"core/a\.py imports house\b(?!\.)", line)


def test_a_package_may_import_what_is_in_it_and_its_files_each_other(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from .core import x\n",
        "core/__init__.py": "from .a import x\n",
        "core/a.py": "from .b import x\nfrom . import c\nimport house.core.d\n",
        "core/b.py": "",
        "core/c.py": "",
        "core/d.py": "import json\nfrom os import path\n",
    }
    assert faults(tmp_path, files) == []


def test_a_file_that_imports_from_the_package_that_it_is_in_is_a_cycle(tmp_path: Path) -> None:
    files = {"core/__init__.py": "from .a import x\n", "core/a.py": "from . import y\n"}
    (line,) = faults(tmp_path, files)
    assert "core/a.py imports house.core" in line
    assert "core/__init__.py imports house.core.a" in line
