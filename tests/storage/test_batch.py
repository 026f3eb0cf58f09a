"""The hot page."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from openheart.errors import BackendUnavailable, OutcomeUnknown
from openheart.storage import Change, Counts
from openheart.storage.batch import LARGEST_BATCH, HotPages
from openheart.storage.memory import MemoryBackend

from ..waiting import PATIENCE


class Gate:
    """A storage whose changes wait until they are let through, one by one."""

    def __init__(self) -> None:
        self.backend = MemoryBackend()
        self.backend.connect()
        self.sent: list[list[Change]] = []
        self.arrived = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.error: Exception | None = None

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        self.sent.append(list(changes))
        self.arrived.release()
        assert self.open.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return self.backend.apply(changes)


def waiting(pages: HotPages, target: str, number: int) -> bool:
    return len(pages._waiting.get(target, ())) == number


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
    assert pages._waiting == {}


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


def test_a_change_has_a_largest_size() -> None:
    assert LARGEST_BATCH == 512


def test_under_threads_sums_are_right_and_each_answer_is_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryBackend()
    backend.connect()
    pages = HotPages(backend.apply)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: pages.incr("page", "🥨")["🥨"], range(2000)))
    assert sorted(answers) == list(range(1, 2001))
