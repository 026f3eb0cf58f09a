"""Names that a thread handles in batches, also when that fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from openheart.batteries.live import collect
from openheart.batteries.live.collect import Collector
from openheart.errors import BatteryUnavailable

from .apps import no_threads

LOGGER = logging.getLogger("openheart.test")
Make = Callable[..., Collector]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(collect, "PAUSE", 0.001)
    monkeypatch.setattr(collect, "FIRST_WAIT", 0.001)
    made: list[Collector] = []

    def collector(handle: Callable[[Sequence[str]], None], **options: bool) -> Collector:
        made.append(Collector("doing it", handle, LOGGER, **options))
        return made[-1]

    yield collector
    for each in made:
        each.close()


def test_what_is_added_meanwhile_is_handled_once_in_the_next_batch(make: Make) -> None:
    batches: list[list[str]] = []
    began, goes_on, done = threading.Event(), threading.Event(), threading.Event()

    def handle(names: Sequence[str]) -> None:
        batches.append(list(names))
        began.set()
        assert goes_on.wait(30)
        if len(batches) == 2:
            done.set()

    collector = make(handle)
    collector.add(["a"])
    assert began.wait(30)
    for _ in range(5):
        collector.add(["b", "a", "c"])
    goes_on.set()
    assert done.wait(30)
    assert batches == [["a"], ["b", "a", "c"]]


def test_what_fails_is_tried_again_and_the_log_says_so_once(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[list[str]] = []
    done = threading.Event()

    def handle(names: Sequence[str]) -> None:
        tries.append(sorted(names))
        if len(tries) < 5:
            raise BatteryUnavailable("live", "it is unavailable")
        done.set()

    with caplog.at_level(logging.INFO, "openheart.test"):
        collector = make(handle)
        collector.add(["a", "b"])
        assert done.wait(30)
        collector.close()
    assert tries == [["a", "b"]] * 5
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "live: it is unavailable" in caplog.records[0].message


def test_a_fault_of_ours_is_logged_and_the_next_batch_is_handled(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    def handle(names: Sequence[str]) -> None:
        if "bad" in names:
            raise ZeroDivisionError
        done.set()

    collector = make(handle)
    collector.add(["bad"])
    while not caplog.records:
        collector.add([])
    collector.add(["good"])
    assert done.wait(30)
    assert caplog.records[0].exc_info


@pytest.mark.parametrize(("finishes", "handled"), [(True, ["a", "b"]), (False, ["a"])])
def test_close_handles_what_waits_where_that_is_asked_for(
    make: Make, finishes: bool, handled: list[str]
) -> None:
    seen: list[str] = []
    began = threading.Event()

    def handle(names: Sequence[str]) -> None:
        seen.extend(names)
        began.set()
        # Until close() was called.
        assert collector._worker.pause(30)

    collector = make(handle, finishes=finishes)
    collector.add(["a"])
    assert began.wait(30)
    collector.add(["b"])
    collector.close()
    assert seen == handled
    collector.add(["c"])
    assert seen == handled


def test_close_gives_up_what_fails(make: Make) -> None:
    def handle(names: Sequence[str]) -> None:
        raise BatteryUnavailable("live", "it is unavailable")

    collector = make(handle, finishes=True)
    collector.add(["a"])
    collector.close()


def test_of_too_many_names_the_oldest_are_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "MOST", 3)
    seen: list[str] = []
    began, goes_on, done = threading.Event(), threading.Event(), threading.Event()

    def handle(names: Sequence[str]) -> None:
        seen.extend(names)
        began.set()
        assert goes_on.wait(30)
        if "5" in names:
            done.set()

    collector = make(handle)
    collector.add(["0"])
    assert began.wait(30)
    collector.add(["1", "2", "3", "4", "5"])
    goes_on.set()
    assert done.wait(30)
    assert seen == ["0", "3", "4", "5"]


def test_without_a_thread_for_it_what_was_added_waits_for_the_next_and_the_log_says_so_once(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    done = threading.Event()

    def handle(names: Sequence[str]) -> None:
        seen.extend(names)
        done.set()

    collector, left = make(handle), make(handle)
    with no_threads(monkeypatch):
        for each in (collector, left):
            each.add(["a"])
            each.add(["b"])
    left.close()
    collector.add(["c"])
    assert done.wait(30)
    assert seen == ["a", "b", "c"]
    assert len([record for record in caplog.records if "can't start new thread" in record.message]) == 2
