from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from openheart.batteries.background.thread_pool import ThreadPool, Work
from openheart.errors import BatteryError

from ...waiting import PATIENCE


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    made = ThreadPool(2, 3, "tested")
    yield made
    made.drain(PATIENCE)
    made.stop()


def test_the_threads_are_named_and_started_as_they_are_needed(pool: ThreadPool) -> None:
    names: list[str] = []

    def work() -> None:
        names.append(threading.current_thread().name)

    before = threading.active_count()
    for _ in range(5):
        one = Work("work", work)
        pool.add(one)
        one.future.result(PATIENCE)
        pool.drain(PATIENCE)
    assert set(names) == {"tested-1"}
    assert threading.active_count() == before + 1


def test_a_pool_that_has_stopped_takes_nothing(pool: ThreadPool) -> None:
    pool.stop()
    with pytest.raises(BatteryError, match="work is not run, because the application is closing"):
        pool.add(Work("work", print))


def test_what_is_repeated_ends_without_a_word_when_the_pool_does(pool: ThreadPool) -> None:
    pool.end(PATIENCE)
    work = Work("work", print, is_repeated=True)
    pool.add(work)
    assert work.future.cancelled()
    assert pool.stop() == ([], [])


def test_work_that_was_cancelled_makes_room_and_is_neither_run_nor_missed(pool: ThreadPool) -> None:
    works = [Work(f"work {number}", print, 4e9 + number) for number in range(3)]
    for work in works:
        pool.add(work)
    assert pool.is_full()
    works[0].future.cancel()
    assert not pool.is_full()
    works[1].future.cancel()
    assert pool.stop() == ([works[2]], [])
    assert works[2].future.cancelled()


def test_what_is_left_is_in_the_order_in_which_it_would_have_run(pool: ThreadPool) -> None:
    late, early = Work("late", print, 5e9), Work("early", print, 4e9)
    pool.add(late)
    pool.add(early)
    assert pool.stop()[0] == [early, late]


def test_where_no_thread_can_be_started_the_work_is_refused(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(BatteryError, match="no thread can be started: can't start new thread"):
        pool.add(Work("work", print))
    assert pool.stop() == ([], [])


def test_where_no_further_thread_can_be_started_the_work_waits_for_the_one_there_is(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    first, second = Work("first", lambda: gate.wait(PATIENCE)), Work("second", lambda: "run")
    pool.add(first)

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    pool.add(second)
    gate.set()
    assert second.future.result(PATIENCE) == "run"


def test_draining_gives_up_when_its_time_is_over_and_says_what_runs(pool: ThreadPool) -> None:
    gate = threading.Event()
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        gate.wait(PATIENCE)

    stuck = Work("stuck", wait)
    pool.add(stuck)
    assert begun.wait(PATIENCE)
    pool.drain(0.05)
    assert pool.stop() == ([], [stuck])
    gate.set()
    stuck.future.result(PATIENCE)
