"""Start and stop a WSGI server in a process group of its own, ready when its address answers."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.servers.ports import free_port

__all__ = [
    "SERVERS",
    "THREADS",
    "Server",
    "ServerKind",
    "children_of",
    "own_environment",
    "serve",
]

ServerKind = Literal["gunicorn", "waitress", "granian"]
SERVERS: tuple[ServerKind, ...] = get_args(ServerKind)
"""The WSGI servers that the benchmark can use."""

THREADS = 4
"""Threads in each worker, the same for every application and server."""

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 30.0  # seconds
STOPPED_WITHIN = 15.0  # seconds
GONE_WITHIN = 5.0  # seconds
# Settings of the person who runs the benchmark must not reach what it measures.
FOREIGN: tuple[str, ...] = (
    "OPENHEART_",
    "SERVER",
    "FLASK_",
    "GUNICORN_",
    "GRANIAN_",
    "WEB_CONCURRENCY",
    "PYTHONPATH",
    "DEBUG",
    # Without compiled modules a worker is larger, and slower to start.
    "PYTHONDONTWRITEBYTECODE",
)
FOREIGN += ("LEVEL", "INSTANCE", "NAME", "HOST", "PORT")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        port: where it listens on the loopback.
        pid: its main process, the leader of its process group.
        folder: its working folder.
    """

    port: int
    pid: int
    folder: Path

    def workers(self) -> list[int]:
        """The processes that answer requests: the main one's children, or itself where it has none."""
        return children_of(self.pid) or [self.pid]


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process, where the system tells (Linux); else nothing."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@contextlib.contextmanager
def serve(
    application: str,
    folder: Path,
    *,
    kind: ServerKind = "gunicorn",
    workers: int = 1,
    settings: Mapping[str, str] | None = None,
    python: str = sys.executable,
    ready_path: str = "/openheart/page-0",
) -> Iterator[Server]:
    """Run an application until the block ends.

    Args:
        application: where the WSGI callable is, as ``module:name``.
        folder: the working folder, made where it is missing; the server's log goes there.
        kind: which WSGI server.
        workers: how many processes; waitress has one only.
        settings: more environment variables.
        python: the interpreter, which decides the virtual environment.
        ready_path: the server is ready once this path answers 200.

    Raises:
        RuntimeError: the server did not start; the text holds the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "server.log"
    port = free_port()
    environment = {**own_environment(), "PYTHONPATH": str(ROOT), **(settings or {})}
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", *_command(kind, application, port, workers)],
            cwd=folder, env=environment, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_ready(process, port, ready_path, log_path)
        yield Server(port, process.pid, folder)
    finally:
        _stop(process)


def own_environment() -> dict[str, str]:
    """The environment without the settings of the person who runs the benchmark."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def _command(kind: ServerKind, application: str, port: int, workers: int) -> list[str]:
    if kind == "waitress":
        if workers != 1:
            raise ValueError(
                f"waitress runs in one process, not in {workers}: choose gunicorn or granian for more"
            )
        # As `openheart run` has it, and for all alike; docs/howto/deploy.rst says why.
        options = [f"--listen=127.0.0.1:{port}", f"--threads={THREADS}", "--send-bytes=18000"]
        return ["waitress", *options, application]
    if kind == "granian":
        arguments = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        arguments += ["--workers", str(workers), "--blocking-threads", str(THREADS), "--log-level", "warning"]
        return [*arguments, application]
    arguments = [
        "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--worker-class",
        "gthread",
        "--threads",
        str(THREADS),
    ]
    arguments += ["--workers", str(workers), "--keep-alive", "30", "--log-level", "warning"]
    # Newer versions open one control socket per user, which servers side by side would fight over.
    if importlib.util.find_spec("gunicorn.ctl"):
        arguments.append("--no-control-socket")
    return [*arguments, application]


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    answer = "no answer"
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            answer = f"status {connection.getresponse().status}"
            if answer == "status 200":
                return
        except (OSError, http.client.HTTPException) as error:
            answer = str(error)
        finally:
            connection.close()
        time.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise RuntimeError(
        f"the server at {path} was not ready within {READY_WITHIN:.0f} s ({answer}); its log ends:\n{tail}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOPPED_WITHIN)
            break
    # A worker that outlived its parent is still in the group, and holds the port until it is gone.
    deadline = time.monotonic() + GONE_WITHIN
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.01)
