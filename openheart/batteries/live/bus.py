"""How events get from the sender to the listeners, and the bus of an app without Valkey: one process only."""

from __future__ import annotations

import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .hub import Event, Hub

__all__ = ["RETENTION", "Bus", "LocalBus", "Replay", "read_id"]

RETENTION = 3600.0
"""Seconds for which the events of a channel are kept after its last one."""

MOST_CHANNELS = 10_000


@dataclass(frozen=True, slots=True)
class Replay:
    """What a listener is sent first when it connects or reconnects.

    Attributes:
        id: the id of its position after that.
        position: the position as a number.
        events: the events that it missed, in order.
        gaps: the channels of which some missed events are no longer kept.
    """

    id: str
    position: int
    events: Sequence[Event] = ()
    gaps: Sequence[str] = ()


class Bus(ABC):
    """Carries events to the hub of this process, and to other processes if it reaches them."""

    @abstractmethod
    def emit(self, channel: str, name: str, data: str) -> str:
        """Send an event; returns its id. Raises BatteryUnavailable."""

    @abstractmethod
    def follow(self, channels: Sequence[str]) -> None:
        """Deliver events of these channels to the hub from now on. Raises BatteryUnavailable."""

    def replay(self, channels: Sequence[str], last: str | None) -> Replay:
        """The events since an id. Raises BatteryUnavailable."""
        era, number = read_id(last)
        identifier, kept = self._kept(() if last is None else channels, number)
        now, position = read_id(identifier)
        if last is None:
            return Replay(identifier, position)
        if era != now or number > position:
            return Replay(identifier, position, (), channels)
        gaps = [channel for channel, (gone, _) in zip(channels, kept, strict=True) if number < gone]
        events = [event for _, found in kept for event in found]
        events.sort(key=lambda event: event.number or 0)
        return Replay(identifier, position, events, gaps)

    @abstractmethod
    def _kept(self, channels: Sequence[str], number: int) -> tuple[str, list[tuple[int, list[Event]]]]:
        """The id of this moment; for each channel the last number that is gone, and the events since one."""

    @abstractmethod
    def check(self) -> None:
        """Check that events get through; raises if they do not."""

    @abstractmethod
    def close(self) -> None:
        """Stop."""


def read_id(text: str | None) -> tuple[str, int]:
    """The era and the number in an id; an empty era if the id is not valid."""
    era, _, number = (text or "").partition(".")
    if not (era.isascii() and era.isalnum() and number.isascii() and number.isdecimal() and len(number) < 17):
        return "", 0
    return era, int(number)


@dataclass(slots=True)
class _Backlog:
    """The newest events of one channel."""

    events: deque[Event]
    # The number of the newest event that is no longer kept.
    gone: int
    touched: float = field(default_factory=time.monotonic)


class LocalBus(Bus):
    """Reaches this process only. Its events and ids are lost when the process ends.

    Args:
        hub: the listeners.
        backlog: how many events of each channel are kept.
        clock: the time in seconds.
    """

    def __init__(self, hub: Hub, backlog: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._most = backlog
        self._clock = clock
        self._era = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._number = 0
        # The newest event of a forgotten channel. Events of an unknown channel up to here may be gone.
        self._gone = 0
        self._channels: OrderedDict[str, _Backlog] = OrderedDict()

    def emit(self, channel: str, name: str, data: str) -> str:
        # Under the lock, so that listeners get events in the order of their numbers.
        with self._lock:
            self._number += 1
            event = Event(channel, name, data, self._number, self._id())
            known = self._channels.setdefault(channel, _Backlog(deque(), self._gone))
            self._channels.move_to_end(channel)
            known.touched = self._clock()
            known.events.append(event)
            if len(known.events) > self._most:
                known.gone = known.events.popleft().number or 0
            self._forget()
            self._hub.deliver(event)
        assert event.id is not None
        return event.id

    def follow(self, channels: Sequence[str]) -> None:
        pass

    def _kept(self, channels: Sequence[str], number: int) -> tuple[str, list[tuple[int, list[Event]]]]:
        with self._lock:
            kept = []
            for channel in channels:
                known = self._channels.get(channel) or _Backlog(deque(), self._gone)
                kept.append((known.gone, [event for event in known.events if (event.number or 0) > number]))
            return self._id(), kept

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _id(self) -> str:
        return f"{self._era}.{self._number}"

    def _forget(self) -> None:
        old = self._clock() - RETENTION
        while self._channels:
            name, first = next(iter(self._channels.items()))
            if len(self._channels) <= MOST_CHANNELS and first.touched > old:
                return
            self._gone = max(self._gone, first.events[-1].number or 0)
            del self._channels[name]
