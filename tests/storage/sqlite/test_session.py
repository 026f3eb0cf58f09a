from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from openheart.errors import BackendUnusable
from openheart.storage import Change, Counts
from openheart.storage.combine import Job
from openheart.storage.sqlite import backend as sqlite_backend
from openheart.storage.sqlite.backend import SqliteBackend
from openheart.storage.sqlite.lock_file import LockFile, bucket_of
from openheart.storage.sqlite.readers import Readers
from openheart.storage.sqlite.session import Session
from openheart.storage.sqlite.writer import Writer

from ...child import run_child
from ...conftest import open_databases
from ...engines import get_engine
from ...waiting import PATIENCE, until

URI = "sqlite:///openheart.db"
FILE = Path("openheart.db")

FORK = """
import json, os, sys, threading
from openheart.storage import get_backend
backend = get_backend("sqlite:///openheart.db")
backend.connect()
backend.incr("page", "🥨")
backend.counts(["page"])
stop = threading.Event()
def busy():
    while not stop.is_set():
        backend.counts(["page"])
        backend.incr("page", "🥨")
workers = [threading.Thread(target=busy) for _ in range(4)]
for worker in workers:
    worker.start()
to_parent, to_child = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    backend.incr("child", "🥨")
    os.write(to_parent[1], b"x")
    os.read(to_child[0], 1)
    backend.incr("child", "🥨")
    found = backend.counts(["child"])
    backend.disconnect()
    os._exit(0 if found == [{"🥨": 2}] else 1)
os.read(to_parent[0], 1)
stop.set()
for worker in workers:
    worker.join()
# The last connection of the parent goes; were the child's locks wrong, the log would go with it.
backend.disconnect()
os.write(to_child[1], b"x")
_, status = os.waitpid(child, 0)
with get_backend("sqlite:///openheart.db") as again:
    print(json.dumps([os.waitstatus_to_exitcode(status), again.counts(["child"])[0]]))
"""

FORK_WITH_A_LOOK = """
import json, os
# Another thread may look just then. The first hook runs last, so every connection is closed by now.
os.register_at_fork(before=lambda: backend._session.look())
from openheart.storage import get_backend
backend = get_backend("sqlite:///openheart.db")
backend.connect()
backend.incr("page", "🥨")
to_parent, to_child = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    backend.incr("page", "🥨")
    os.write(to_parent[1], b"x")
    os.read(to_child[0], 1)
    backend.incr("page", "🥨")
    os.write(to_parent[1], b"x")
    os.read(to_child[0], 1)
    os._exit(0)
os.read(to_parent[0], 1)
backend.disconnect()
os.write(to_child[1], b"x")
os.read(to_parent[0], 1)
with get_backend("sqlite:///openheart.db") as again:
    print(json.dumps(again.counts(["page"])))
os.write(to_child[1], b"x")
os.waitpid(child, 0)
"""

UNTOLD_FORK = """
import ctypes, os
from openheart.errors import BackendUnusable
from openheart.storage import get_backend
backend = get_backend("sqlite:///openheart.db")
backend.connect()
# As a server written in C does it: Python's hooks do not run.
if ctypes.PyDLL(None).fork() == 0:
    again = get_backend("sqlite:///openheart.db")
    for use in (lambda: backend.incr("page", "🥨"), backend.disconnect, again.connect):
        try:
            use()
        except BackendUnusable as error:
            print(error, flush=True)
    os._exit(0)
os.wait()
assert backend.incr("page", "🥨") == {"🥨": 1}
backend.disconnect()
"""

FORKS_OF_UWSGI = """
import ctypes, os, sys, types
uwsgi = sys.modules["uwsgi"] = types.ModuleType("uwsgi")
uwsgi.worker_id = lambda: 0
from openheart.storage import get_backend
backend = get_backend("sqlite:///openheart.db")
backend.connect()
backend.incr("page", "🥨")
for number in (1, 2):
    if ctypes.PyDLL(None).fork() == 0:
        uwsgi.worker_id = lambda: number
        backend.incr("page", "🥨")
        backend.disconnect()
        os._exit(0)
    os.wait()
print(backend.incr("page", "🥨")["🥨"])
backend.disconnect()
"""

FORK_WITH_CTRL_C = """
import json, os, signal, sys, threading
from openheart.storage import get_backend
sys.unraisablehook = lambda failed: None
reading, over = threading.Event(), threading.Event()

def interrupt():
    # Once the fork waits for the read.
    while backend._session._readers._life.is_open:
        pause.wait(0.001)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

pause = threading.Event()
backend = get_backend("sqlite:///openheart.db")
backend.connect()
backend.incr("page", "🥨")

def read():
    with backend._session._readers._life:
        reading.set()
        over.wait()

reader = threading.Thread(target=read)
reader.start()
reading.wait()
threading.Thread(target=interrupt).start()
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
over.set()
reader.join()
print(json.dumps([backend.incr("page", "🥨"), backend.counts(["other"])]))
backend.disconnect()
"""

FORK_WITH_A_LATE_READ = """
import os, threading
from openheart.errors import BackendUnusable
from openheart.storage import get_backend
reading, over = threading.Event(), threading.Event()
backend = get_backend("sqlite:///openheart.db", busy_timeout=0.01)
backend.connect()

def read(session):
    with session._readers._life:
        reading.set()
        over.wait()

reader = threading.Thread(target=read, args=(backend._session,))
reader.start()
reading.wait()
backend.disconnect()
child = os.fork()
if child == 0:
    try:
        backend.connect()
    except BackendUnusable as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
over.set()
reader.join()
"""


def add_as_another_program(target: str, emoji: str, count: int) -> None:
    connection = sqlite3.connect(FILE)
    with connection:
        connection.execute("INSERT OR REPLACE INTO reaction VALUES ('', ?, ?, ?)", (target, emoji, count))
    connection.close()


def refuse_to_select(*arguments: Any) -> Any:
    raise AssertionError("the database was asked")


def test_what_was_read_or_written_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_backend, "LOOK_EVERY", 3600.0)
    with get_engine(URI) as backend:
        backend.incr("written", "🥨")
        assert backend.counts(["unknown"]) == [{}]
        monkeypatch.setattr(Readers, "select", refuse_to_select)
        assert backend.counts(["written", "unknown"]) == [{"🥨": 1}, {}]


def test_what_another_program_changes_shows_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        backend.counts(["page"])
        add_as_another_program("page", "🥨", 5)
        monkeypatch.setattr(sqlite_backend, "LOOK_EVERY", 0.0)
        backend._next_look = 0.0  # type: ignore[attr-defined]
        assert backend.counts(["page"]) == [{"🥨": 5}]
        add_as_another_program("page", "🥨", 9)
        assert backend.counts(["page"]) == [{"🥨": 9}]
        assert backend.incr("page", "🥨") == {"🥨": 10}


def test_nothing_is_remembered_of_a_commit_that_a_killed_process_left_open() -> None:
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        killed = LockFile(Path("openheart.db.lock"))
        killed.announce({bucket_of("page")})
        add_as_another_program("page", "🥨", 2)
        assert backend.counts(["page"]) == [{"🥨": 2}]
        add_as_another_program("page", "🥨", 3)
        assert backend.counts(["page"]) == [{"🥨": 3}]
        backend.incr("elsewhere", "🥨")
        assert not killed.was_left_writing
        assert killed.generations is not None
        assert killed.generations[bucket_of("page")] % 2 == 0
        killed.close()
        assert backend.counts(["page"]) == [{"🥨": 3}]
        assert backend.incr("page", "🥨") == {"🥨": 4}


def test_after_a_fork_both_processes_write_and_nothing_is_lost() -> None:
    exit_code, stored = json.loads(run_child(FORK))
    assert exit_code == 0
    assert stored == {"🥨": 2}


def test_a_look_before_a_fork_loses_nothing_that_the_child_acknowledged() -> None:
    assert json.loads(run_child(FORK_WITH_A_LOOK)) == [{"🥨": 3}]


def test_a_look_during_a_suspension_opens_nothing_and_the_next_one_looks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite_backend, "LOOK_EVERY", 0.0)
    with SqliteBackend(URI) as backend:
        backend.incr("page", "🥨")
        assert backend.counts(["page"]) == [{"🥨": 1}]
        session = backend._session
        assert session is not None
        backend.suspend()
        try:
            session.look()
            assert open_databases() == set()
        finally:
            backend.resume()
        add_as_another_program("page", "🥨", 5)
        assert backend.counts(["page"]) == [{"🥨": 5}]
        add_as_another_program("page", "🥨", 9)
        assert backend.counts(["page"]) == [{"🥨": 9}]


def test_a_fork_that_python_is_not_told_of_is_refused_in_the_child_by_every_backend_of_the_file() -> None:
    lines = run_child(UNTOLD_FORK).splitlines()
    assert ["call disconnect() before the fork" in line for line in lines] == [True] * 3


def test_the_forks_of_uwsgi_lose_nothing() -> None:
    assert run_child(FORKS_OF_UWSGI) == "4\n"


def test_a_call_whose_session_another_thread_closes_after_its_own_use_gets_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In uWSGI's master a session lasts for the calls that run at the same time."""
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(worker_id=lambda: 0))
    first_began, second_began, first_ended = (threading.Event() for _ in range(3))
    counts, apply = Session.counts, Session.apply
    tries: list[Session] = []

    def count_once_the_second_began(session: Session, targets: Sequence[str]) -> list[Counts]:
        first_began.set()
        assert second_began.wait(PATIENCE)
        return counts(session, targets)

    def apply_once_the_first_ended(session: Session, changes: Sequence[Change]) -> list[Counts]:
        tries.append(session)
        second_began.set()
        assert first_ended.wait(PATIENCE)
        # Without this a fault would be an endless loop.
        assert len(tries) < 10
        return apply(session, changes)

    monkeypatch.setattr(Session, "counts", count_once_the_second_began)
    monkeypatch.setattr(Session, "apply", apply_once_the_first_ended)
    outcomes: list[Counts] = []
    with get_engine(URI) as backend:
        first = threading.Thread(target=backend.counts, args=(["page"],))
        second = threading.Thread(target=lambda: outcomes.append(backend.incr("page", "🥨")))
        first.start()
        assert first_began.wait(PATIENCE)
        second.start()
        first.join(PATIENCE)
        first_ended.set()
        second.join(PATIENCE)
        assert outcomes == [{"🥨": 1}]
        assert len(tries) == 2
        assert open_databases() == set()


def test_ctrl_c_while_a_fork_waits_for_a_read_leaves_nothing_suspended() -> None:
    assert json.loads(run_child(FORK_WITH_CTRL_C)) == [{"🥨": 2}, [{}]]


@pytest.mark.parametrize("function", ["Writer.close", "Writer.disconnect", "Readers.close"])
def test_a_disconnect_that_is_interrupted_can_be_repeated(function: str) -> None:
    def trace(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_qualname == function:
            # As Ctrl-C does.
            raise KeyboardInterrupt

    backend = SqliteBackend(URI)
    backend.connect()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            backend.disconnect()
    finally:
        sys.settrace(None)
    again = threading.Thread(target=backend.disconnect, daemon=True)
    again.start()
    again.join(PATIENCE)
    assert not again.is_alive()
    assert open_databases() == set()
    with backend:
        assert backend.incr("page", "🥨") == {"🥨": 1}


def test_backends_that_threads_open_at_the_same_time_do_not_disturb_each_other() -> None:
    failures: list[BaseException] = []

    def connect(number: int) -> None:
        try:
            for _ in range(100):
                with get_engine(f"sqlite:///{number}.db"):
                    pass
        except BaseException as error:
            failures.append(error)

    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=connect, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(often)
    assert failures == []


def test_the_end_does_not_wait_for_ever_for_a_read() -> None:
    connected, over = threading.Event(), threading.Event()

    def connect() -> sqlite3.Connection:
        connected.set()
        assert over.wait(PATIENCE)
        return sqlite3.connect(FILE, check_same_thread=False)

    readers = Readers(connect)
    reading = threading.Thread(target=readers.select, args=("SELECT 1",))
    reading.start()
    assert connected.wait(PATIENCE)
    assert not readers.close(0.01)
    over.set()
    reading.join(PATIENCE)
    assert readers.close(0)
    assert open_databases() == set()


def test_a_read_that_outlives_its_session_keeps_a_child_from_the_file() -> None:
    assert "call disconnect() before the fork" in run_child(FORK_WITH_A_LATE_READ)


def test_a_check_of_a_new_file_leaves_an_empty_database() -> None:
    with get_engine(URI) as backend:
        backend.check()
    connection = sqlite3.connect(FILE)
    assert connection.execute("SELECT count(*) FROM reaction").fetchone() == (0,)
    connection.close()


def test_a_check_goes_with_the_writes_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    transactions: list[int] = []
    began, may_go_on = threading.Event(), threading.Event()
    commit = Writer.commit

    def slow(self: Writer, group: Sequence[Job]) -> None:
        transactions.append(len(group))
        began.set()
        assert may_go_on.wait(PATIENCE)
        commit(self, group)

    monkeypatch.setattr(Writer, "commit", slow)
    with get_engine(URI) as backend:
        threads = [threading.Thread(target=backend.incr, args=("hello", "🥨"))]
        threads[0].start()
        assert began.wait(PATIENCE)
        threads += [threading.Thread(target=backend.incr, args=("hello", "🥨")) for _ in range(3)]
        threads.append(threading.Thread(target=backend.check))
        for thread in threads[1:]:
            thread.start()
        assert isinstance(backend, SqliteBackend)
        assert backend._session is not None
        queue = backend._session._combiner
        until(lambda: len(queue._queue) == 4, "the others do not wait")
        may_go_on.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert transactions == [1, 4]
        assert backend.counts(["hello"]) == [{"🥨": 4}]


def test_a_look_that_comes_after_the_end_opens_nothing() -> None:
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        session = backend._session  # type: ignore[attr-defined]
    session.look()
    assert open_databases() == set()


def test_the_counts_survive_without_their_log_after_an_orderly_end() -> None:
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
    assert not Path("openheart.db-wal").exists()


def test_a_storage_that_fails_to_open_can_be_tried_again() -> None:
    backend = get_engine(URI)
    FILE.write_text("not yet" * 1000)
    for _ in range(2):
        with pytest.raises(BackendUnusable):
            backend.connect()
    FILE.unlink()
    with backend:
        assert backend.incr("page", "🥨") == {"🥨": 1}
