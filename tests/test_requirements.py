from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import requirements

ROOT = Path(__file__).parents[1]
CONFTEST = "from tests.conftest import pytest_terminal_summary\n"
TEST = """
from tests.requirements import program

def test_first():
    program("OPENHEART_TEST_NOTHING", "no-such-program", package="no-such-package")

def test_second():
    program("OPENHEART_TEST_NOTHING", "no-such-program", package="no-such-package")
"""


def run(folder: Path, *arguments: str, **variables: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_it.py").write_text(TEST, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, "test_it.py"],
        cwd=folder,
        env={**kept, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_missing_on_a_laptop_is_skipped_and_listed_once_with_how_to_get_it(
    tmp_path: Path, workers: str
) -> None:
    output = run(tmp_path, "-p", "xdist", "-n", workers)

    assert "2 skipped" in output
    summary = output.split("missing on this machine, so some tests were skipped", 1)[1]
    assert summary.count("no-such-program: install it (Debian: apt-get install no-such-package)") == 1
    assert "OPENHEART_TEST_NOTHING" in summary


def test_what_is_missing_in_ci_is_a_failure(tmp_path: Path) -> None:
    output = run(tmp_path, CI="true")

    assert "2 failed" in output
    assert "apt-get install no-such-package" in output


def test_a_program_named_in_the_environment_goes_before_the_one_on_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENHEART_TEST_SHELL", sys.executable)

    assert requirements.program("OPENHEART_TEST_SHELL", "sh", package="dash") == Path(sys.executable)


def test_a_name_in_the_environment_that_is_no_program_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_TEST_SHELL", "/nowhere")

    with pytest.raises(pytest.fail.Exception, match="OPENHEART_TEST_SHELL=/nowhere is no program"):
        requirements.program("OPENHEART_TEST_SHELL", "sh", package="dash")


def test_a_data_file_is_taken_from_the_cache_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "package" / "usr" / "share" / "nowhere" / "data.txt"
    cached.parent.mkdir(parents=True)
    cached.touch()
    monkeypatch.setattr(requirements, "CACHE", tmp_path)

    found = requirements.debian_file("OPENHEART_TEST_DATA", "/usr/share/nowhere/data.txt", "package")

    assert found == cached
