from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask.cli import run_command

from openheart.batteries.background.reloader import is_reloader

from ...child import ROOT
from ...servers.ports import free_port
from ...waiting import until

APP = """
import os, pathlib, time
import openheart

app = openheart.load(name=__name__, uri="memory:")
started = pathlib.Path("started")
given = openheart.run_background(os.getpid) is not None
with pathlib.Path("loaded").open("a") as file:
    file.write(f"{os.getpid()} {given}\\n")

@openheart.background(timeout=0.01)
def note():
    with started.open("a") as file:
        file.write(f"{os.getpid()}\\n")

@app.get("/")
def index():
    return str(os.getpid())

if __name__ == "__main__":
    openheart.run()
"""


@contextlib.contextmanager
def served(folder: Path, *command: str) -> Iterator[int]:
    """The app, served by a command; gives the process that answers."""
    (folder / "app.py").write_text(APP)
    port = free_port()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PORT": str(port),
                "FLASK_RUN_PORT": str(port),
                "LEVEL": "DEBUG",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            # The reloader and the process that it starts are stopped together.
            start_new_session=True,
        )
    answered: list[int] = []

    def answers() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            answered.append(int(answer.read()))
        return True

    try:
        until(lambda: process.poll() is not None or answers())
        assert answered, (folder / "output").read_text()
        yield answered[0]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.slow
def test_under_flask_run_with_debug_only_the_process_that_serves_does_the_work(tmp_path: Path) -> None:
    with served(tmp_path, "-m", "flask", "run", "--debug") as serving:
        until(lambda: len(lines(tmp_path / "started")) > 2)
        first, second = lines(tmp_path / "loaded")
        assert first.endswith(" False")
        assert second == f"{serving} True"
        assert set(lines(tmp_path / "started")) == {str(serving)}


@pytest.mark.slow
def test_without_the_reloader_the_one_process_does_the_work(tmp_path: Path) -> None:
    with served(tmp_path, "-m", "flask", "run", "--debug", "--no-reload") as serving:
        until(lambda: len(lines(tmp_path / "started")) > 2)
        assert lines(tmp_path / "loaded") == [f"{serving} True"]


@pytest.mark.slow
def test_the_reloader_of_openheart_run_stops_what_the_script_began_before_it(tmp_path: Path) -> None:
    with served(tmp_path, "app.py") as serving:
        until(lambda: lines(tmp_path / "started").count(str(serving)) > 2)
        seen = len(lines(tmp_path / "started"))
        until(lambda: len(lines(tmp_path / "started")) > seen + 10)
        assert set(lines(tmp_path / "started")[seen:]) == {str(serving)}


@pytest.mark.parametrize(
    ("name", "reload", "debug", "is_one"),
    [
        ("run", True, "", True),
        ("run", None, "1", True),
        ("run", None, "", False),
        ("run", False, "1", False),
        ("routes", None, "1", False),
    ],
)
def test_the_options_of_flask_run_say_whether_it_reloads(
    monkeypatch: pytest.MonkeyPatch, name: str, reload: bool | None, debug: str, is_one: bool
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", debug)
    monkeypatch.delenv("WERKZEUG_RUN_MAIN", raising=False)
    with click.Context(run_command, info_name=name) as context:
        context.params["reload"] = reload
        assert is_reloader() is is_one
        monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")
        assert not is_reloader()
    assert not is_reloader()
