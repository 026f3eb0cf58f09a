"""Real servers, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..requirements import program
from ..servers.ports import free_port
from ..waiting import PATIENCE, until

APP = """
import sys, threading
from flask import Flask, request
import openheart

app = openheart.load(Flask("served"))

@app.get("/slow")
def slow():
    print("started", flush=True)
    sys.stdin.readline()
    return "finished"

if __name__ == "__main__":
    openheart.run(ready=lambda url: print(url, flush=True))
    print("returned", flush=True)
"""


class Server:
    """A served app.

    Attributes:
        url: where it listens.
        process: the process; its standard input releases ``/slow``, which prints ``started``.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.url = self.line()
        # Granian's workers open their ports themselves, a moment after it has said where.
        until(lambda: accepts(self.url), "it does not listen")

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        # Two threads of granian wait for a worker, and the one that did not see its end may say so.
        return self.line() if "refused to gracefully stop" in line else line

    def rest(self) -> list[str]:
        """All the lines that it prints until it ends."""
        assert self.process.stdout is not None
        return self.process.stdout.read().splitlines()

    def release(self) -> None:
        """Let ``/slow`` finish."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def accepts(url: str) -> bool:
    address = urlsplit(url)
    try:
        if address.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(address.path)
            return True
        socket.create_connection((address.hostname, address.port)).close()
    except OSError:
        return False
    return True


StartServer = Callable[..., Server]


@pytest.fixture
def app() -> str:
    """The app that is served; a module may have another one."""
    return APP


@pytest.fixture
def start_server(tmp_path: Path, app: str) -> Iterator[StartServer]:
    """Starts the app with the variables given; it is killed after the test."""
    script = tmp_path / "served.py"
    script.write_text(app)
    with contextlib.ExitStack() as stack:

        def start(**variables: str) -> Server:
            process = subprocess.Popen(
                [sys.executable, str(script)],
                env={**os.environ, "PORT": str(free_port()), **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            stack.callback(_kill, process)
            return Server(process)

        yield start


StartNginx = Callable[[str, str], str]


@pytest.fixture
def start_nginx(tmp_path: Path) -> Iterator[StartNginx]:
    """Starts nginx with one location that passes on to a server, with these lines; gives its URL."""
    binary = program("NGINX", "nginx", package="nginx-light")
    with contextlib.ExitStack() as stack:

        def start(location: str, lines: str) -> str:
            port = free_port()
            folder = tmp_path / f"nginx-{port}"
            folder.mkdir()
            temporary = "".join(
                f"{name}_temp_path {folder}/{name};"
                for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            configuration = folder / "nginx.conf"
            configuration.write_text(
                f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr; events {{}}"
                f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port};"
                f"location {location} {{ {lines} }} }} }}"
            )
            process = subprocess.Popen([str(binary), "-c", str(configuration), "-e", "stderr"])
            stack.callback(process.wait, PATIENCE)
            stack.callback(process.terminate)
            url = f"http://127.0.0.1:{port}"
            until(lambda: accepts(url), "nginx does not listen")
            return url

        yield start


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
