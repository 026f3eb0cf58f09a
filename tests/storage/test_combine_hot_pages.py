"""The hot page."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from openheart.errors import BackendUnavailable, OutcomeUnknown
from openheart.storage import Change, Counts, combine
from openheart.storage.combine import LARGEST_GROUP, HotPages, Job
from openheart.storage.memory.backend import MemoryBackend

from ..waiting import PATIENCE, until


class Gate:
    """A storage whose changes wait until they are let through, one by one."""

    def __init__(self) -> None:
        self.backend = MemoryBackend()
        self.backend.connect()
        self.sent: list[list[Change]] = []
        self.arrived = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.error: BaseException | None = None

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        self.sent.append(list(changes))
        self.arrived.release()
        assert self.open.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return self.backend.apply(changes)


def waiting(pages: HotPages, target: str, number: int) -> bool:
    return target in pages._busy.here and len(pages._busy.here[target]._queue) == number


def react_behind(pages: HotPages, gate: Gate, pool: ThreadPoolExecutor, emoji: str) -> list[Future[Counts]]:
    """One reaction on its way, and one for each emoji that waits behind it, in this order."""
    futures = [pool.submit(pages.incr, "page", emoji[0])]
    assert gate.arrived.acquire(timeout=PATIENCE)
    for number, each in enumerate(emoji[1:], 1):
        futures.append(pool.submit(pages.incr, "page", each))
        while not waiting(pages, "page", number):
            threading.Event().wait(0.001)
    return futures


def test_a_lone_reaction_goes_at_once() -> None:
    gate = Gate()
    gate.open.release()
    assert HotPages(gate.apply).incr("page", "🥨") == {"🥨": 1}
    assert gate.sent == [[Change("page", "🥨")]]


def test_reactions_that_wait_go_as_one_and_each_gets_the_counts_after_its_own() -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    with ThreadPoolExecutor(8) as pool:
        futures = react_behind(pages, gate, pool, "🥨🥨👍🥨👍")
        gate.open.release(2)
        answers = [future.result(PATIENCE) for future in futures]
    assert gate.sent == [[Change("page", "🥨")], [Change("page", "🥨", 2), Change("page", "👍", 2)]]
    assert answers == [
        {"🥨": 1},
        {"🥨": 2},
        {"🥨": 2, "👍": 1},
        {"🥨": 3, "👍": 1},
        {"🥨": 3, "👍": 2},
    ]
    assert pages._busy.here == {}


def test_another_page_does_not_wait() -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pages.incr, "page", "🥨")
        assert gate.arrived.acquire(timeout=PATIENCE)
        second = pool.submit(pages.incr, "other", "🥨")
        assert gate.arrived.acquire(timeout=PATIENCE)
        gate.open.release(2)
        assert first.result(PATIENCE) == second.result(PATIENCE) == {"🥨": 1}


@pytest.mark.parametrize("kind", [BackendUnavailable, OutcomeUnknown])
def test_a_failure_reaches_each_that_went_with_it_and_nobody_else(kind: type[Exception]) -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    with ThreadPoolExecutor(4) as pool:
        futures = react_behind(pages, gate, pool, "🥨🥨👍")
        gate.open.release()
        assert futures[0].result(PATIENCE) == {"🥨": 1}
        gate.error = kind("away")
        gate.open.release()
        errors = [future.exception(PATIENCE) for future in futures[1:]]
    assert [type(error) for error in errors] == [kind, kind]
    assert errors[0] is not errors[1]
    gate.error = None
    gate.open.release()
    assert pages.incr("page", "🥨") == {"🥨": 2}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ValueError])
def test_who_went_with_a_thread_that_was_interrupted_is_told_that_the_outcome_is_unknown(
    kind: type[BaseException],
) -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    with ThreadPoolExecutor(4) as pool:
        futures = react_behind(pages, gate, pool, "🥨🥨👍🥨")
        gate.open.release()
        assert futures[0].result(PATIENCE) == {"🥨": 1}
        gate.error = kind("interrupted")
        gate.open.release()
        errors = [future.exception(PATIENCE) for future in futures[1:]]
    assert [type(error) for error in errors] == [kind, OutcomeUnknown, OutcomeUnknown]
    assert errors[1] is not errors[2]
    assert kind.__name__ in str(errors[1])
    gate.error = None
    gate.open.release()
    assert pages.incr("page", "🥨") == {"🥨": 2}
    assert pages._busy.here == {}


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as in a terminal; shells have what they start in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system has no signals for threads")
def test_ctrl_c_in_a_reaction_that_waits_takes_it_out_and_stops_no_other() -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    me = threading.get_ident()

    def interrupt() -> None:
        until(lambda: waiting(pages, "page", 1))
        signal.pthread_kill(me, signal.SIGINT)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pages.incr, "page", "🥨")
        assert gate.arrived.acquire(timeout=PATIENCE)
        interrupting = pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            pages.incr("page", "👍")
        interrupting.result(PATIENCE)
        gate.open.release(2)
        assert first.result(PATIENCE) == {"🥨": 1}
        assert pool.submit(pages.incr, "page", "🥨").result(PATIENCE) == {"🥨": 2}
    assert pages._busy.here == {}


class Woken:
    """The lock of a waiter whose thread is interrupted in it."""

    def __init__(self, lock: Any, acquire: Callable[[Any], object]) -> None:
        self.lock = lock
        self.release = lock.release
        self.interrupt = acquire

    def acquire(self, timeout: float) -> None:
        self.interrupt(self.lock)
        raise KeyboardInterrupt


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[Any], object]]:
    """By emoji: what the thread of such a reaction does with its lock before it is interrupted."""
    found: dict[str, Callable[[Any], object]] = {}

    def job(changes: Sequence[Change]) -> object:
        made: Any = Job(changes)
        emoji = changes[0].emoji
        if emoji in found:
            made.woken = Woken(made.woken, found[emoji])
        return made

    monkeypatch.setattr(combine, "Job", job)
    return found


def test_one_that_is_interrupted_when_it_is_its_turn_to_send_leaves_that_to_the_next(
    interrupted: dict[str, Callable[[Any], object]],
) -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    interrupted["😱"] = lambda lock: lock.acquire(timeout=PATIENCE)
    with ThreadPoolExecutor(4) as pool:
        futures = react_behind(pages, gate, pool, "🥨😱👍🥨")
        gate.open.release(2)
        assert isinstance(futures[1].exception(PATIENCE), KeyboardInterrupt)
        answers = [futures[number].result(PATIENCE) for number in (0, 2, 3)]
    assert answers == [{"🥨": 1}, {"🥨": 1, "👍": 1}, {"🥨": 2, "👍": 1}]
    assert gate.sent == [[Change("page", "🥨")], [Change("page", "👍"), Change("page", "🥨")]]
    assert pages._busy.here == {}


def test_one_that_is_interrupted_alone_when_it_is_its_turn_leaves_the_page_free(
    interrupted: dict[str, Callable[[Any], object]],
) -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    interrupted["😱"] = lambda lock: lock.acquire(timeout=PATIENCE)
    with ThreadPoolExecutor(2) as pool:
        futures = react_behind(pages, gate, pool, "🥨😱")
        gate.open.release(2)
        assert isinstance(futures[1].exception(PATIENCE), KeyboardInterrupt)
        assert pool.submit(pages.incr, "page", "🥨").result(PATIENCE) == {"🥨": 2}
    assert pages._busy.here == {}


def test_the_turn_does_not_go_to_one_that_was_interrupted_meanwhile(
    interrupted: dict[str, Callable[[Any], object]],
) -> None:
    gate = Gate()
    pages = HotPages(gate.apply)
    is_led = threading.Event()
    futures: list[Future[Counts]] = []

    def lead(lock: Any) -> None:
        assert lock.acquire(timeout=PATIENCE)
        is_led.set()
        futures[2].exception(PATIENCE)

    interrupted["😱"] = lead
    interrupted["🙈"] = lambda lock: is_led.wait(PATIENCE)
    with ThreadPoolExecutor(4) as pool:
        futures += react_behind(pages, gate, pool, "🥨😱🙈👍")
        gate.open.release(2)
        errors = [futures[number].exception(PATIENCE) for number in (1, 2)]
        assert [type(error) for error in errors] == [KeyboardInterrupt, KeyboardInterrupt]
        assert futures[3].result(PATIENCE) == {"🥨": 1, "👍": 1}
    assert gate.sent == [[Change("page", "🥨")], [Change("page", "👍")]]
    assert pages._busy.here == {}


def test_a_change_has_a_largest_size() -> None:
    assert LARGEST_GROUP == 512


def test_under_threads_sums_are_right_and_each_answer_is_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryBackend()
    backend.connect()
    pages = HotPages(backend.apply)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: pages.incr("page", "🥨")["🥨"], range(2000)))
    assert sorted(answers) == list(range(1, 2001))
