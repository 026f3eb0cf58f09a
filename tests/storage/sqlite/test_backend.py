from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from openheart.errors import BackendNotConnected
from openheart.storage import Change, Counts
from openheart.storage.sqlite import backend as sqlite_backend
from openheart.storage.sqlite.backend import SqliteBackend
from openheart.storage.sqlite.session import Session

from ...child import run_child
from ...waiting import PATIENCE, until

URI = "sqlite:///openheart.db"
FILE = Path("openheart.db")

FORK_WHILE_ANOTHER_THREAD_WAITS_TO_CONNECT = """
import json, os, signal, threading
from pathlib import Path
from openheart.storage import get_backend
from openheart.storage.sqlite import backend as sqlite_backend
from openheart.storage.sqlite.lock_file import LockFile
from openheart.system import forks
forks.PATIENCE = sqlite_backend._FORK_PATIENCE = 0.01
stopped = LockFile(Path("openheart.db.lock"))
stopped.acquire(1)
backend = get_backend("sqlite:///openheart.db")
connecting = threading.Thread(target=backend.connect)
connecting.start()
pause = threading.Event()
while not backend._opening.here.locked():
    pause.wait(0.001)
child = os.fork()
if child == 0:
    signal.alarm(30)
    backend.connect()
    backend.incr("page", "🥨")
    backend.disconnect()
    os._exit(0)
stopped.release()
_, status = os.waitpid(child, 0)
connecting.join()
print(json.dumps([os.waitstatus_to_exitcode(status), backend.counts(["page"])]))
backend.disconnect()
"""

FORK_WHILE_ANOTHER_THREAD_OPENS_THE_FILE = """
import ctypes, os, signal, sys, threading
from openheart.errors import BackendUnusable
from openheart.storage import get_backend
from openheart.storage.sqlite import backend as sqlite_backend
from openheart.storage.sqlite.session import Session
from openheart.system import forks
forks.PATIENCE = sqlite_backend._FORK_PATIENCE = 0.01
opened, go_on = threading.Event(), threading.Event()
original = Session.open
def slow(session):
    original(session)
    opened.set()
    go_on.wait()
Session.open = slow
backend = get_backend("sqlite:///openheart.db")
connecting = threading.Thread(target=backend.connect)
connecting.start()
opened.wait()
# The second one is what a server in C does: Python does not notice it.
child = os.fork() if sys.argv[1] == "os" else ctypes.PyDLL(None).fork()
if child == 0:
    Session.open = original
    signal.alarm(30)
    try:
        backend.connect()
        backend.incr("page", "🥨")
    except BackendUnusable as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
go_on.set()
connecting.join()
assert backend.incr("page", "🥨") == {"🥨": 1}
backend.disconnect()
"""

FORK_WHILE_ANOTHER_THREAD_BEGINS = """
import json, os, threading
opened, began = threading.Event(), threading.Event()
def use():
    began.set()
    with get_backend("sqlite:///openheart.db") as backend:
        backend.incr("page", "🥨")
        opened.set()
        done.wait()
def late():
    using.start()
    began.wait()
    # It opens nothing before the fork is over.
    opened.wait(0.5)
# The first hook runs last, right before the fork.
os.register_at_fork(before=late)
from openheart.storage import get_backend
done, using = threading.Event(), threading.Thread(target=use)
child = os.fork()
if child == 0:
    with get_backend("sqlite:///openheart.db") as backend:
        backend.incr("page", "🥨")
    os._exit(0)
_, status = os.waitpid(child, 0)
done.set()
using.join()
with get_backend("sqlite:///openheart.db") as backend:
    print(json.dumps([os.waitstatus_to_exitcode(status), backend.counts(["page"])]))
"""

KILLED_IN_ITS_TURN = """
import json, os, signal
from openheart.storage import get_backend
uri = "sqlite:///openheart.db"
killable, end = os.pipe(), os.pipe()
parent = os.fork()
if parent == 0:
    backend = get_backend(uri)
    backend.connect()
    backend.incr("page", "🥨")
    if os.fork() == 0:
        os.read(end[0], 1)
        os._exit(0)
    backend._session._lock.acquire(1)
    os.write(killable[1], b"x")
    signal.pause()
os.read(killable[0], 1)
os.kill(parent, signal.SIGKILL)
os.waitpid(parent, 0)
try:
    with get_backend(uri) as other:
        print(json.dumps(other.incr("page", "🥨")))
finally:
    os.write(end[1], b"x")
"""


def test_a_child_does_not_wait_for_a_thread_that_its_parent_has() -> None:
    exit_code, found = json.loads(run_child(FORK_WHILE_ANOTHER_THREAD_WAITS_TO_CONNECT))
    assert exit_code == 0
    assert found == [{"🥨": 1}]


@pytest.mark.parametrize("fork", ["os", "C"])
def test_a_child_that_was_forked_while_the_file_was_being_opened_refuses_it(fork: str) -> None:
    assert "connect() after it" in run_child(FORK_WHILE_ANOTHER_THREAD_OPENS_THE_FILE, fork)


def test_a_storage_that_is_first_used_during_a_fork_is_opened_after_it() -> None:
    assert json.loads(run_child(FORK_WHILE_ANOTHER_THREAD_BEGINS)) == [0, [{"🥨": 2}]]


def test_a_child_that_does_nothing_keeps_no_turn_of_a_parent_that_was_killed() -> None:
    assert json.loads(run_child(KILLED_IN_ITS_TURN)) == {"🥨": 2}


def test_a_fork_that_finds_another_one_under_way_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_backend, "_FORK_PATIENCE", 0.1)
    backend = SqliteBackend(URI)
    backend.connect()
    session = backend._session
    assert session is not None

    def fork() -> None:
        backend.suspend()
        backend.resume()

    backend.suspend()
    other = threading.Thread(target=fork)
    other.start()
    other.join()
    assert session.suspended
    assert backend._opening.here.locked()
    backend.suspend()
    backend.resume()
    backend.resume()
    assert not session.suspended
    assert not backend._opening.here.locked()
    assert backend.incr("page", "🥨") == {"🥨": 1}
    backend.disconnect()


def test_who_meets_a_session_that_is_being_replaced_waits_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered, may_write, asked, closed, may_open = (threading.Event() for _ in range(5))
    outcomes: list[object] = []
    backend = SqliteBackend(URI)
    apply, close, renewed = Session.apply, Session.close, backend._renewed

    def late_apply(session: Session, changes: Sequence[Change]) -> list[Counts]:
        if not entered.is_set():
            entered.set()
            assert may_write.wait(PATIENCE)
        return apply(session, changes)

    def slow_close(session: Session) -> None:
        close(session)
        closed.set()
        assert may_open.wait(PATIENCE)

    def seen_renewed(session: Session | None) -> Session:
        if threading.current_thread() is writing:
            asked.set()
        return renewed(session)

    def write() -> None:
        try:
            outcomes.append(backend.incr("page", "🥨"))
        except BackendNotConnected as error:
            outcomes.append(error)

    writing = threading.Thread(target=write)
    reading = threading.Thread(target=lambda: backend.counts(["page"]))
    with backend:
        with monkeypatch.context() as patch:
            patch.setattr(Session, "apply", late_apply)
            patch.setattr(Session, "close", slow_close)
            patch.setattr(backend, "_renewed", seen_renewed)
            writing.start()
            assert entered.wait(PATIENCE)
            for file in Path().glob("openheart.db*"):
                os.replace(file, f"old-{file.name}")
            backend._next_look = 0.0
            reading.start()
            assert closed.wait(PATIENCE)
            may_write.set()
            until(lambda: outcomes or asked.is_set())
            may_open.set()
            reading.join()
            writing.join()
        assert outcomes == [{"🥨": 1}]
        assert backend.counts(["page"]) == [{"🥨": 1}]


def test_who_meets_the_end_is_told_so_after_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[Session] = []
    apply = Session.apply

    def apply_after_the_end(session: Session, changes: Sequence[Change]) -> list[Counts]:
        tries.append(session)
        backend.disconnect()
        return apply(session, changes)

    monkeypatch.setattr(Session, "apply", apply_after_the_end)
    with SqliteBackend(URI) as backend:
        with pytest.raises(BackendNotConnected, match=r"call connect\(\)"):
            backend.incr("page", "🥨")
        assert len(tries) == 1
