from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from openheart.errors import BackendUnavailable
from openheart.storage.sqlite import lock_file
from openheart.storage.sqlite.lock_file import BUCKETS, LockFile, bucket_of

from ...child import run_child

PATH = Path("x.lock")

CHILD_FORGETS = """
import os
from pathlib import Path
from openheart.errors import BackendUnavailable
from openheart.storage.sqlite.lock_file import LockFile
one, two = LockFile(Path("x.lock")), LockFile(Path("x.lock"))
one.acquire(1)
child = os.fork()
if child == 0:
    one.forget()
    one.forget()
    one.close()
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    held = [link for link in links if os.path.exists(link) and "x.lock" in os.readlink(link)]
    # Those of the other one: two files, and the shared memory.
    os._exit(len(held) - 3)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
try:
    two.acquire(0.01)
except BackendUnavailable as error:
    print(error)
one.announce({10})
one.release()
two.acquire(1)
"""


def test_one_holds_it_and_the_other_waits() -> None:
    one, two = LockFile(PATH), LockFile(PATH)
    one.acquire(1)
    with pytest.raises(BackendUnavailable, match="does not release it"):
        two.acquire(0.01)
    got = threading.Event()

    def wait() -> None:
        two.acquire(30)
        got.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    one.release()
    assert got.wait(30)
    waiting.join()
    two.release()
    one.close()
    two.close()


def test_who_just_had_it_queues_up_behind_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else one who waits and gets no time for 5 ms counts as gone.
    monkeypatch.setattr(lock_file, "_WAITS_SINCE", 60 * 10**9)
    one, two = LockFile(PATH), LockFile(PATH)
    one.acquire(1)
    order: list[str] = []

    def wait() -> None:
        two.acquire(30)
        order.append("two")
        two.release()

    waiting = threading.Thread(target=wait)
    waiting.start()
    pause = threading.Event()
    assert one.generations is not None
    while not one.generations[lock_file._WAITING]:
        assert not pause.wait(0.001)
    one.release()
    one.acquire(30)
    order.append("one")
    one.release()
    waiting.join()
    assert order == ["two", "one"]
    one.close()
    two.close()


def test_a_look_that_meets_the_end_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one = LockFile(PATH)
    stat = os.stat

    def late(path: Path) -> os.stat_result:
        one.close()
        return stat(path)

    monkeypatch.setattr(os, "stat", late)
    assert not one.is_in_place()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list what is open")
def test_a_child_that_forgets_holds_nothing_and_its_parent_keeps_the_turn() -> None:
    assert "does not release it" in run_child(CHILD_FORGETS)


def test_every_process_sees_what_one_announces() -> None:
    one, two = LockFile(PATH), LockFile(PATH)
    assert one.generations is not None
    assert two.generations is not None
    bucket = bucket_of("page")
    before = two.generations[bucket]
    one.announce({bucket})
    assert two.generations[bucket] == before + 1
    assert two.was_left_writing
    one.conclude({bucket})
    assert two.generations[bucket] == before + 2
    assert not two.was_left_writing
    one.close()
    two.close()


def test_a_repair_concludes_what_others_announced_and_leaves_the_rest() -> None:
    one = LockFile(PATH)
    assert one.generations is not None
    one.announce({10, 20})
    one.announce({20, 30})
    one.conclude({30}, repair=True)
    assert [one.generations[bucket] for bucket in (10, 20, 30, 40)] == [2, 2, 2, 0]
    one.close()


def test_targets_spread_over_the_buckets() -> None:
    used = {bucket_of(f"page/{number}") for number in range(BUCKETS * 10)}
    assert len(used) > BUCKETS * 0.99
    assert bucket_of("日本") == bucket_of("日本")
