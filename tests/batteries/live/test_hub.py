"""What waits for a listener, whatever the order in which it comes."""

from __future__ import annotations

import gc
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openheart.batteries.live.hub import Event, Hub, Listener, encode, mark, reset
from openheart.batteries.live.stream import Stream
from openheart.errors import BatteryUnavailable, LiveFull

from ...waiting import PATIENCE


def event(number: int, channel: str = "c:a") -> Event:
    return Event(channel, "message", str(number), number, f"era.{number}")


def state(text: str, channel: str = "t:a") -> Event:
    return Event(channel, "reaction", text, is_state=True)


def listener(limit: int = 10, cuts: list[str] | None = None) -> Listener:
    return Listener(["c:a", "t:a"], limit, lambda: None if cuts is None else cuts.append("cut"))


@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_what_was_missed_and_what_is_new_make_one_line_without_gap_or_repetition(
    joined: int, position: int, early: int
) -> None:
    # Events are numbered from 1 to 40. It joined after one of them, and what came since is put as it comes;
    # up to the position it is also read from what was kept.
    each = listener(limit=40)
    position = max(joined, position)
    put = range(joined + 1, 41)
    for number in put[:early]:
        each.put(event(number))
    each.begin([event(number) for number in range(1, position + 1)], position)
    for number in put[early:]:
        each.put(event(number))
    assert [found.number for found in each.take(0)] == list(range(1, 41))


def test_one_that_is_slow_is_dropped_and_cut_off() -> None:
    cuts: list[str] = []
    each = listener(limit=3, cuts=cuts)
    each.begin([], 0)
    for number in range(1, 4):
        each.put(event(number))
    assert not each.is_over
    each.put(event(4))
    assert each.is_over
    assert cuts == ["cut"]
    assert each.take(0) == []


def test_while_it_reads_what_it_missed_a_burst_that_is_part_of_that_does_no_harm() -> None:
    each = listener(limit=3)
    for number in range(1, 20):
        each.put(event(number))
    each.begin([event(number) for number in range(1, 20)], 19)
    assert [found.number for found in each.take(0)] == list(range(1, 20))


def test_while_it_reads_what_it_missed_a_burst_that_is_not_makes_it_slow() -> None:
    each = listener(limit=3)
    for number in range(1, 20):
        each.put(event(number))
    each.begin([event(number) for number in range(1, 10)], 9)
    assert each.is_over


def test_of_a_state_only_the_newest_waits_and_what_was_sent_is_not_sent_again() -> None:
    each = listener(limit=1)
    each.begin([], 0)
    for text in ("1", "2", "3"):
        each.put(state(text))
    each.put(state("9", "t:b"))
    assert [found.data for found in each.take(0)] == ["3", "9"]
    each.put(state("3"))
    assert each.take(0) == []
    each.put(state("4"))
    each.put(state("3"))
    assert each.take(0) == []


def test_the_id_of_a_position_goes_with_the_last_that_waits_for_it() -> None:
    each = listener(limit=2)
    each.begin([], 0)
    each.put(reset("c:a"))
    each.put(reset("c:b"))
    for channel in ("c:a", "c:b"):
        each.put(mark(channel, "era.6", 6))
    assert [(found.name, found.id) for found in each.take(0)] == [("reset", None), ("reset", "era.6")]
    each.put(mark("c:a", "era.5", 5))
    each.put(event(6))
    assert each.take(0) == []
    each.put(event(7))
    each.put(mark("c:a", "era.8", 8))
    assert [found.id for found in each.take(0)] == ["era.7"]
    each.put(mark("c:a", "era.8", 8))
    assert b"".join(map(encode, each.take(0))) == b"id: era.8\n\n"


def test_whoever_waits_is_woken_by_an_event_and_by_the_end() -> None:
    each = listener()
    each.begin([], 0)
    for wake in (lambda: each.put(event(1)), each.end):
        thread = threading.Timer(0, wake)
        thread.start()
        each.take(60)
        thread.join()
    assert each.is_over


def test_no_more_are_taken_than_may_listen_and_each_frees_its_place_once() -> None:
    hub = Hub()
    first, second = listener(), listener()
    hub.join(first, 1)
    with pytest.raises(LiveFull):
        hub.join(second, 1)
    hub.leave(first)
    hub.leave(first)
    hub.leave(second)
    hub.join(second, 1)
    assert hub.count == 1
    assert hub.channels() == {"c:a", "t:a"}
    hub.leave(second)
    assert (hub.count, hub.channels()) == (0, set())


def test_many_that_come_and_go_at_once_are_counted_exactly() -> None:
    hub = Hub()
    refused: list[int] = []

    def come_and_go() -> None:
        for _ in range(200):
            each = listener()
            try:
                hub.join(each, 5)
            except LiveFull:
                refused.append(1)
                continue
            hub.deliver(event(1))
            hub.leave(each)

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (hub.count, hub.channels()) == (0, set())
    for _ in range(5):
        hub.join(listener(), 5)


class CollectingDict(dict[str, Any]):
    """Has the garbage collected whenever it is used."""

    def get(self, *arguments: Any) -> Any:
        gc.collect()
        return super().get(*arguments)

    def setdefault(self, *arguments: Any) -> Any:
        gc.collect()
        return super().setdefault(*arguments)


class CollectingDeque(deque[Event]):
    """Has the garbage collected whenever something is put into it."""

    def append(self, item: Event) -> None:
        gc.collect()
        super().append(item)


@pytest.mark.parametrize(
    "use",
    [
        lambda hub, other, forgotten: hub.join(other, 5),
        lambda hub, other, forgotten: hub.leave(other),
        lambda hub, other, forgotten: hub.deliver(event(1)),
        lambda hub, other, forgotten: forgotten.put(event(1)),
    ],
    ids=["join", "leave", "deliver", "put"],
)
def test_a_stream_that_is_collected_at_any_moment_holds_nobody_up(
    use: Callable[[Hub, Listener, Listener], None],
) -> None:
    hub = Hub()
    other, forgotten = listener(), listener()
    hub.join(forgotten, 5)
    hub._listeners = CollectingDict(hub._listeners)
    forgotten._waiting = CollectingDeque()
    stream = Stream(
        forgotten, hub, first=b"", heartbeat=1, lasts=1, connection=None, is_stopping=lambda: False
    )
    cycle: list[object] = [stream]
    cycle.append(cycle)
    del stream, cycle
    thread = threading.Thread(target=use, args=(hub, other, forgotten), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    hub.leave(other)
    assert (hub.count, hub.channels()) == (0, set())
    hub.join(other, 1)


def test_a_hub_that_is_closed_ends_those_who_listen_and_takes_nobody() -> None:
    hub = Hub()
    each = listener()
    hub.join(each, 5)
    hub.close()
    assert each.is_over
    with pytest.raises(BatteryUnavailable):
        hub.join(listener(), 5)


def test_the_stream_has_a_line_for_each_field() -> None:
    assert encode(event(1)) == b"id: era.1\ndata: 1\n\n"
    assert encode(state("é")) == "event: reaction\ndata: é\n\n".encode()
