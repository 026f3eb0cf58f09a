"""The bus within one process: what it keeps, and for how long."""

from __future__ import annotations

import pytest

from openheart.batteries.live import bus as live_bus
from openheart.batteries.live.bus import RETENTION, LocalBus, Replay
from openheart.batteries.live.hub import Hub


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def bus(clock: Clock | None = None, backlog: int = 3) -> LocalBus:
    return LocalBus(Hub(), backlog, clock or Clock())


def data(replay: Replay) -> list[str]:
    return [event.data for event in replay.events]


def test_ids_grow_over_all_channels() -> None:
    made = bus()
    ids = [made.emit(channel, "message", "1") for channel in ("c:a", "c:b", "c:a")]
    assert [identifier.partition(".")[2] for identifier in ids] == ["1", "2", "3"]


def test_a_channel_without_events_has_no_gap() -> None:
    made = bus()
    start = made.replay(["c:a"], None).id
    assert made.replay(["c:a"], start) == Replay(start, 0, [], [])


def test_an_hour_after_its_last_event_a_channel_is_forgotten_and_that_is_a_gap() -> None:
    clock = Clock()
    made = bus(clock)
    start = made.replay(["c:a"], None).id
    last = made.emit("c:a", "message", "old")
    clock.now = RETENTION - 1
    made.emit("c:b", "message", "1")
    assert data(made.replay(["c:a"], start)) == ["old"]
    clock.now = RETENTION + 1
    made.emit("c:b", "message", "2")
    assert made.replay(["c:a"], start).gaps == ["c:a"]
    assert made.replay(["c:a"], last).gaps == []
    made.emit("c:a", "message", "new")
    assert made.replay(["c:a"], start).gaps == ["c:a"]
    assert data(made.replay(["c:a"], last)) == ["new"]


def test_no_more_channels_are_kept_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_bus, "MOST_CHANNELS", 3)
    made = bus()
    start = made.replay([], None).id
    for name in "abcd":
        made.emit(f"c:{name}", "message", name)
    replay = made.replay(["c:a", "c:b", "c:d"], start)
    assert (data(replay), replay.gaps) == (["b", "d"], ["c:a"])


def test_two_of_them_know_each_others_ids_as_foreign() -> None:
    one, two = bus(), bus()
    assert two.replay(["c:a"], one.emit("c:a", "message", "1")).gaps == ["c:a"]
