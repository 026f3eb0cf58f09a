"""A server that is told to stop finishes the work in the background, in whichever process that is."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ..waiting import PATIENCE
from .conftest import Server, StartServer

SERVERS = ["waitress", "gunicorn", "granian", "werkzeug"]

APP = """
import os, sys
from flask import Flask
import openheart

app = openheart.load(Flask("served"))

def wait():
    print("begun", flush=True)
    with open(os.environ["GATE"]) as gate:
        gate.read()
    print("first done", flush=True)

@app.get("/work")
def work():
    openheart.run_background(wait)
    openheart.run_background(print, ("second done",), {"flush": True})
    openheart.run_background(print, ("too early",), target_time=4e9)
    return "asked"

if __name__ == "__main__":
    openheart.run(ready=lambda url: print(url, flush=True))
    print("returned", flush=True)
"""


@pytest.fixture
def app() -> str:
    return APP


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def begin_work(served: Server) -> None:
    httpx.get(f"{served.url}/work", timeout=PATIENCE).raise_for_status()
    assert served.line() == "begun"


def wait_until_closed(served: Server) -> None:
    """Wait until nobody listens any more, which is when the stop has begun."""
    address = urlsplit(served.url)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address.hostname, address.port), timeout=PATIENCE).close()
        except OSError:
            return
        time.sleep(0.02)  # between two looks
    pytest.fail("the server goes on listening")


def open_gate(served: Server, gate: Path) -> None:
    """Let the work go on; it fails where nobody waits at the gate any more."""
    while True:
        try:
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            assert served.process.poll() is None, "the server ended before the work did"
            time.sleep(0.02)  # between two looks
        else:
            return


@pytest.mark.parametrize("server", SERVERS)
def test_work_in_the_background_is_finished_before_the_server_ends(
    start_server: StartServer, gate: Path, server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    served = start_server(SERVER=server, GATE=str(gate), SERVER_GRACE="20s", OPENHEART_BACKGROUND_THREADS="1")
    begin_work(served)
    served.process.send_signal(signal.SIGTERM)
    wait_until_closed(served)
    open_gate(served, gate)
    assert [served.line() for _ in range(3)] == ["first done", "second done", "returned"]
    assert served.process.wait(PATIENCE) == 0
    assert (
        "Work in the background is not run, because the application closed: builtins.print"
        in capfd.readouterr().err
    )


@pytest.mark.parametrize("server", SERVERS)
def test_work_that_takes_longer_than_the_grace_is_named_and_does_not_keep_the_server(
    start_server: StartServer, gate: Path, server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    served = start_server(SERVER=server, GATE=str(gate), SERVER_GRACE="2s", OPENHEART_BACKGROUND_THREADS="1")
    begin_work(served)
    assert served.stop() == 0
    said = capfd.readouterr().err
    assert (
        "Work in the background is not run, because the application closed: builtins.print (2 times)" in said
    )
    assert "still runs after SERVER_GRACE; it ends with the process: __main__.wait" in said
