"""Storages on both sides of a fork: servers that import the app and then fork, and a program that forks."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

import tests

from ..engines import get_engine
from ..servers.ports import free_port
from ..servers.valkey import Server
from ..waiting import PATIENCE, until
from .conftest import accepts
from .reactor import Tally, react_from_threads

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.slow,  # tests/system/test_forks.py runs on the further Pythons too
]

ROOT = Path(tests.__file__).parents[1]
APP = """
import faulthandler, os, signal
import openheart

faulthandler.register(signal.SIGPROF, all_threads=True)
app = openheart.load(name="forked")

@app.after_request
def tell_process(response):
    response.headers["X-Process"] = str(os.getpid())
    return response

if os.environ["BEFORE"] == "used":
    openheart.react("pre", "🥨")
"""
SESSIONS = """
import openheart
from flask import session

app = openheart.load(name="forked", uri="memory:", redis_session=True)

@app.route("/visit/<name>")
def visit(name):
    session["seen"] = [*session.get("seen", []), name]
    return session["seen"]

# With the session and the client of the process that forks.
app.test_client().get("/visit/before")
"""
WORKERS, THREADS = 2, 4
CLIENTS = 8
TURNS, MANY_TURNS = 20, 100
CHILDREN, MANY_CHILDREN = 3, 8
RUNS = 10  # of a torture

Variables = Mapping[str, str]


class Processes:
    """A program with the processes that it forks.

    Args:
        command: the program.
        variables: its environment, beside that of the tests.
        log: the file for all that it prints.
    """

    def __init__(self, command: list[str], variables: Variables, log: Path) -> None:
        self._log = log
        # Each of them keeps the other end open until it ends.
        self._ended, held = os.pipe()
        # For the forker, which is a module of the tests.
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with log.open("w") as output:
            self.first = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": path, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[held],
            )
        os.close(held)

    def signal(self, number: int) -> bool:
        """Send a signal to each; whether there is one."""
        try:
            os.killpg(self.first.pid, number)
        except ProcessLookupError:
            return False
        return True

    def output(self) -> str:
        """What they printed last."""
        return self._log.read_text(errors="replace")[-6000:]

    def dump(self) -> None:
        """Let each print what its threads do."""
        size = self._log.stat().st_size
        if self.signal(signal.SIGPROF):
            with contextlib.suppress(AssertionError):
                until(lambda: self._log.stat().st_size > size, patience=2)

    def wait(self, what: str) -> int:
        """Wait until all have ended; the exit code of the first.

        Args:
            what: the complaint when they do not.
        """
        ended, _, _ = select.select([self._ended], [], [], PATIENCE)
        if not ended:
            self.dump()
            raise AssertionError(what)
        return self.first.wait(PATIENCE)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.first.wait(PATIENCE)
        os.close(self._ended)


def uwsgi(address: str) -> list[str]:
    command = [str(Path(sys.executable).with_name("uwsgi")), "--http-socket", address]
    command += ["--pythonpath", ".", "--module", "forked:app", "--need-app"]
    command += ["--die-on-term", "--disable-logging"]
    return [*command, "-p", str(WORKERS), "--enable-threads", "--threads", str(THREADS)]


def gunicorn(address: str, kind: str) -> list[str]:
    # Older versions have no flag for it, and ignore it in this file.
    Path("gunicorn.conf.py").write_text("control_socket_disable = True\n", encoding="utf-8")
    command = [sys.executable, "-m", "gunicorn", "--bind", address, "--preload", "-k", kind, "forked:app"]
    return [*command, "--workers", str(WORKERS), "--threads", str(THREADS)]


SERVERS: dict[str, Callable[[str], list[str]]] = {
    "uwsgi": uwsgi,
    "uwsgi-master": lambda address: [*uwsgi(address), "--master"],
    "gthread": lambda address: gunicorn(address, "gthread"),
    "gevent": lambda address: gunicorn(address, "gevent"),
}


@pytest.fixture(params=["sqlite", "valkey", "mongodb"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/forks.db"
    fixture = {"valkey": "valkey_server", "mongodb": "mongodb_alone"}[request.param]
    return str(request.getfixturevalue(fixture).uri)


@contextlib.contextmanager
def running(command: list[str], variables: Variables) -> Iterator[Processes]:
    processes = Processes(command, variables, Path("log"))
    try:
        yield processes
    finally:
        processes.kill()
        # Shown when the test fails.
        print(processes.output())


def assert_stored(tally: Tally, uri: str, instance: str, before: str) -> None:
    tally.acknowledged.update({"pre": 1} if before == "used" else {})
    with get_engine(uri, instance=instance) as backend:
        tally.verify(dict(backend.iter_targets()))


@contextlib.contextmanager
def served(server: str, code: str, variables: Variables) -> Iterator[str]:
    """An app on a server that imports it and then forks; its address."""
    Path("forked.py").write_text(code, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    with running(SERVERS[server](address), variables) as processes:

        def listens() -> bool:
            assert processes.first.poll() is None, "it does not start"
            return accepts(f"http://{address}")

        until(listens, "it does not listen")
        try:
            yield address
        except AssertionError:
            processes.dump()
            raise
        if server == "uwsgi":
            processes.signal(signal.SIGTERM)
        else:
            # The master stops its workers, and a second signal would interrupt their end.
            processes.first.terminate()
        processes.wait("it does not stop")


def react_over_http(server: str, uri: str, before: str, turns: int) -> None:
    """React through a server that has forked, and compare what it answered with what is stored."""
    instance = f"forks-{uuid.uuid4().hex}"
    with served(server, APP, {"OPENHEART_URI": uri, "INSTANCE": instance, "BEFORE": before}) as address:
        assert_stored(_react_over_http(address, turns), uri, instance, before)


def _react_over_http(address: str, turns: int) -> Tally:
    answered: set[str | None] = set()
    deadline = time.monotonic() + PATIENCE

    def is_done(turn: int) -> bool:
        if turn < turns:
            return False
        assert time.monotonic() < deadline, f"only {len(answered)} of {WORKERS} workers answered"
        return len(answered) == WORKERS

    def react(target: str, emoji: str) -> Mapping[str, int]:
        # A connection of its own, which any of the workers takes.
        with contextlib.closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
            connection.request("POST", f"/openheart/{target}", emoji.encode())
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {text}")
        answered.add(answer.getheader("X-Process"))
        counts: dict[str, int] = json.loads(text)
        return counts

    return react_from_threads(react, range(CLIENTS), is_done)


def react_while_forking(uri: str, before: str, children: int, turns: int) -> None:
    """React in a program that forks meanwhile, and in its children."""
    instance = f"forks-{uuid.uuid4().hex}"
    command = [sys.executable, "-m", "tests.serving.forker", before]
    command += [str(children), str(THREADS), str(turns)]
    with running(command, {"OPENHEART_URI": uri, "INSTANCE": instance}) as processes:
        assert processes.wait("it does not end") == 0
        tally = Tally()
        for number in range(children + 1):
            tally.add(Tally.read(Path(f"tally-{number}.json")))
        assert_stored(tally, uri, instance, before)


every_server = pytest.mark.parametrize("server", SERVERS)
used_or_not = pytest.mark.parametrize("before", ["used", "fresh"])


@every_server
@used_or_not
def test_workers_that_are_forked_count_each_reaction_once(server: str, uri: str, before: str) -> None:
    react_over_http(server, uri, before, TURNS)


@used_or_not
def test_a_program_that_forks_under_load_counts_each_reaction_once(uri: str, before: str) -> None:
    react_while_forking(uri, before, CHILDREN, TURNS)


@every_server
def test_workers_that_are_forked_have_the_sessions_of_their_own_visitors(
    server: str, valkey_server: Server
) -> None:
    variables = {"REDISTOGO_URL": valkey_server.uri, "SECRET_KEY": "s", "INSTANCE": uuid.uuid4().hex}
    with served(server, SESSIONS, variables) as address:

        def visit(name: str) -> object:
            headers: dict[str, str] = {}
            for _ in range(TURNS):
                with contextlib.closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
                    connection.request("GET", f"/visit/{name}", headers=headers)
                    answer = connection.getresponse()
                    cookie, text = answer.getheader("Set-Cookie"), answer.read().decode()
                assert answer.status == 200, text
                headers = {"Cookie": cookie.partition(";")[0]} if cookie else headers
            return json.loads(text)

        names = [f"visitor-{number}" for number in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            assert list(pool.map(visit, names)) == [[name] * TURNS for name in names]


@pytest.mark.torture
@every_server
@used_or_not
def test_workers_that_are_forked_count_each_reaction_once_each_time(
    server: str, uri: str, before: str
) -> None:
    for _ in range(RUNS):
        react_over_http(server, uri, before, MANY_TURNS)


@pytest.mark.torture
@used_or_not
def test_a_program_that_forks_under_load_counts_each_reaction_once_each_time(uri: str, before: str) -> None:
    for _ in range(RUNS):
        react_while_forking(uri, before, MANY_CHILDREN, MANY_TURNS)
