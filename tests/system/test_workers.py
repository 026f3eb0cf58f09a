"""The pauses between tries, and threads that work until they are stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from openheart.system.workers import Backoff, Worker

from ..child import run_child
from ..waiting import PATIENCE

Make = Callable[[Callable[[], object]], Worker]


def pauses(backoff: Backoff, number: int) -> list[float]:
    return [backoff.next() for _ in range(number)]


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 3.0)
    assert pauses(backoff, 5) == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert pauses(backoff, 5000)[-1] == 3.0


def test_after_a_reset_the_pauses_begin_again() -> None:
    backoff = Backoff(0.5, 3.0)
    assert backoff.last == 0.0
    assert pauses(backoff, 3)[-1] == backoff.last == 2.0
    backoff.reset()
    assert backoff.last == 0.0
    assert pauses(backoff, 2) == [0.5, 1.0]


@pytest.mark.parametrize(("first", "expected"), [(10.0, [3.0, 3.0]), (0.0, [0.0, 0.0])])
def test_a_first_pause_may_be_longer_than_the_longest_or_nothing(first: float, expected: list[float]) -> None:
    assert pauses(Backoff(first, 3.0), 2) == expected


def test_no_pause_is_shorter_than_what_the_caller_asks_for_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next(2.0), backoff.next(0.25), backoff.next(1e9), backoff.next()] == [2.0, 1.0, 3.0, 3.0]


@pytest.mark.parametrize(
    ("turn", "asked", "least", "most"),
    [
        (1, 0.0, 0.5, 1.0),
        (3, 0.0, 2.0, 4.0),
        (60, 0.0, 150.0, 300.0),
        (1, 20.0, 20.0, 20.0),
        (1, 1e9, 300.0, 300.0),
    ],
)
def test_spread_pauses_are_shortened_by_up_to_half(
    turn: int, asked: float, least: float, most: float
) -> None:
    found = set()
    for _ in range(50):
        backoff = Backoff(1.0, 300.0, spread=True)
        pauses(backoff, turn - 1)
        found.add(backoff.next(asked))
        assert backoff.last == min(2.0 ** (turn - 1), 300.0)
    assert least <= min(found) <= max(found) <= most
    assert (len(found) > 1) == (least < most)


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Worker] = []

    def worker(work: Callable[[], object]) -> Worker:
        made.append(Worker("openheart-test", work))
        return made[-1]

    yield worker
    for each in made:
        assert each.stop(PATIENCE)


def test_the_first_start_from_any_thread_starts_the_only_thread(make: Make) -> None:
    threads: list[threading.Thread] = []
    began = threading.Event()

    def work() -> None:
        threads.append(threading.current_thread())
        began.set()
        worker.pause(None)

    worker = make(work)
    assert not began.is_set()
    together = threading.Barrier(8)

    def start() -> None:
        together.wait(PATIENCE)
        worker.start()

    starters = [threading.Thread(target=start) for _ in range(8)]
    for each in starters:
        each.start()
    for each in starters:
        each.join(PATIENCE)
    assert began.wait(PATIENCE)
    worker.start()
    assert worker.stop(PATIENCE)
    assert [(each.name, each.daemon) for each in threads] == [("openheart-test", True)]


def test_a_stop_ends_every_pause_and_then_none_waits_any_more(make: Make) -> None:
    paused: list[bool] = []
    began = threading.Barrier(3)

    def work() -> None:
        began.wait(PATIENCE)
        paused.append(worker.pause(None))

    worker = make(work)
    worker.start()
    other = threading.Thread(target=work)
    other.start()
    began.wait(PATIENCE)
    assert worker.stop(PATIENCE)
    other.join(PATIENCE)
    assert worker.pause(None)
    assert paused == [True, True]


def test_a_pause_that_is_over_says_that_the_worker_goes_on(make: Make) -> None:
    worker = make(lambda: None)
    assert not worker.pause(0.001)
    assert not worker.is_stopping


def test_a_stop_waits_no_longer_than_its_patience(make: Make) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert goes_on.wait(PATIENCE)

    worker = make(work)
    worker.start()
    assert began.wait(PATIENCE)
    assert [worker.stop(), worker.stop(-1.0), worker.stop(0.001)] == [False, False, False]
    goes_on.set()
    assert worker.stop(PATIENCE)


def test_the_thread_itself_may_stop_the_worker_and_does_not_wait(make: Make) -> None:
    seen: list[bool] = []
    done = threading.Event()

    def work() -> None:
        seen.extend([worker.is_current, worker.stop(float("inf"))])
        done.set()

    worker = make(work)
    assert not worker.is_current
    worker.start()
    assert done.wait(PATIENCE)
    assert worker.stop(PATIENCE)
    assert seen == [True, False]
    assert not worker.is_current


def test_a_worker_that_was_stopped_does_not_start(make: Make) -> None:
    ran: list[None] = []
    worker = make(lambda: ran.append(None))
    assert worker.stop()
    worker.start()
    assert worker.stop(PATIENCE)
    assert ran == []


def test_what_is_changed_wakes_the_thread(make: Make) -> None:
    waiting: list[int] = []
    done: list[int] = []

    def work() -> None:
        while not worker.is_stopping:
            with worker.changed:
                worker.changed.wait_for(lambda: waiting or worker.is_stopping)
                done.extend(waiting)
                waiting.clear()
                worker.changed.notify_all()

    worker = make(work)
    for number in range(3):
        with worker.changed:
            waiting.append(number)
            # The lock is reentrant.
            worker.start()
            worker.changed.notify_all()
            assert worker.changed.wait_for(lambda: not waiting, PATIENCE)
    assert worker.stop(PATIENCE)
    assert done == [0, 1, 2]


def test_without_a_thread_the_next_start_tries_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    done = threading.Event()
    worker = make(done.set)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                worker.start()
    worker.start()
    assert done.wait(PATIENCE)


def test_without_a_thread_it_stops_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    worker = make(lambda: None)
    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError):
        worker.start()
    assert worker.stop(float("inf"))


# The first argument is the fork; the second one is whether the parent stops the worker before it.
FORK = """
import ctypes, os, sys, threading
from openheart.system.workers import Worker

def work():
    ran.append(os.getpid())
    began.set()
    worker.pause(None)

ran, began, held, over = [], threading.Event(), threading.Event(), threading.Event()
worker = Worker("openheart-test", work)
worker.start()
began.wait()
if sys.argv[2] == "True":
    assert worker.stop(60)

def hold():
    with worker.changed:
        held.set()
        over.wait()

holder = threading.Thread(target=hold)
holder.start()
held.wait()
# The second one is what a server in C does: Python does not notice it.
child = os.fork() if sys.argv[1] == "os" else ctypes.PyDLL(None).fork()
if child == 0:
    began = threading.Event()
    try:
        print(worker.is_current, flush=True)
        worker.start()
        if not worker.is_stopping:
            began.wait(60)
        print(worker.stop(60), ran[1:] == [os.getpid()], flush=True)
    finally:
        os._exit(0)
os.waitpid(child, 0)
over.set()
holder.join()
print(worker.stop(60), len(ran))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("fork", ["os", "C"])
@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_child_has_its_own_lock_and_thread(fork: str, is_stopped: bool) -> None:
    lines = run_child(FORK, fork, is_stopped).splitlines()
    assert lines == ["False", f"True {not is_stopped}", "True 1"]
