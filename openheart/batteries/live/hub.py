"""Who listens in this process, and what each of them has not been sent yet."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ...errors import BatteryUnavailable, LiveFull

__all__ = ["NAME", "Event", "Hub", "Listener", "encode", "json_text", "mark", "reset"]

NAME = "live"
"""What the battery is called."""


@dataclass(frozen=True, slots=True)
class Event:
    """What is sent to whoever listens to a channel.

    Attributes:
        channel: where it was emitted.
        name: the type of the event, for ``addEventListener()``; ``message`` goes to ``onmessage``.
        data: JSON text in one line; empty for what only has an id.
        number: its place among the events of all channels, so that none is sent twice; None for what has no
            place there.
        id: what the browser sends as Last-Event-ID when it comes back; None leaves what it had.
        is_state: whether only the newest of the channel is worth sending.
    """

    channel: str
    name: str
    data: str
    number: int | None = None
    id: str | None = None
    is_state: bool = False


def json_text(document: object) -> str:
    """JSON in one line; raises TypeError or ValueError for what JSON cannot hold."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(event: Event) -> bytes:
    """An event as the stream has it (HTML standard, server-sent events)."""
    lines = [] if event.id is None else [f"id: {event.id}"]
    if event.name != "message":
        lines.append(f"event: {event.name}")
    if event.data:
        lines.append(f"data: {event.data}")
    return "\n".join([*lines, "", ""]).encode()


def reset(channel: str) -> Event:
    """The event that says: some events of this channel are gone, so read anew what the page shows.

    It has no id, since more may follow it: whoever is cut off before that comes back with an older one.
    """
    return Event(channel, "reset", json_text({"channel": channel.partition(":")[2]}))


def mark(channel: str, identifier: str, position: int) -> Event:
    """What follows the last that is sent for a position: from here on a browser comes back with its id."""
    return Event(channel, "message", "", position, identifier)


class Listener:
    """One browser.

    Args:
        channels: what it listens to.
        limit: how many events may wait for it.
        cut: breaks its connection, where that can be done from another thread; must not wait.
    """

    def __init__(self, channels: Iterable[str], limit: int, cut: Callable[[], None]) -> None:
        self.channels = tuple(dict.fromkeys(channels))
        self._limit = limit
        self._cut = cut
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[Event] = deque()
        self._states: dict[str, Event] = {}
        self._sent: dict[str, str] = {}
        self._seen = 0
        # Until what it missed was read, what is new waits; most of it is among that.
        self._has_begun = False
        self._lost = 0
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent to it."""
        return self._is_over

    def put(self, event: Event) -> None:
        """Let an event wait for it. Where too many wait already, it is dropped: it comes back by itself."""
        with self._changed:
            if self._is_over:
                return
            if event.is_state:
                if self._sent.get(event.channel) == event.data:
                    self._states.pop(event.channel, None)
                    return
                self._states[event.channel] = event
            elif event.number is not None and event.number <= self._seen:
                return
            else:
                if self._waiting and not event.data:
                    # A mark takes no place of its own, and what has an id can do without one.
                    last = self._waiting.pop()
                    event = last if last.id else replace(last, number=event.number, id=event.id)
                self._waiting.append(event)
                self._seen = max(self._seen, event.number or 0)
            if len(self._waiting) > self._limit:
                if self._has_begun:
                    self._is_over = True
                else:
                    self._lost = max(self._lost, self._waiting.popleft().number or 0)
            is_over = self._is_over
            self._changed.notify_all()
        if is_over:
            self._cut()

    def begin(self, missed: Iterable[Event], position: int) -> None:
        """Send what it missed, and then what came since.

        Args:
            missed: events with numbers up to the position, in order.
            position: the number after which ``put`` was called for every event.
        """
        with self._changed:
            since = [event for event in self._waiting if event.number is None or event.number > position]
            self._waiting = deque([*missed, *since])
            # What it is sent at once is no sign that it is slow.
            self._limit += len(self._waiting)
            self._seen = max(position, self._seen)
            self._has_begun = True
            self._is_over |= self._lost > position
            self._changed.notify_all()

    def take(self, timeout: float) -> list[Event]:
        """What waits for it, after so many seconds at the most; nothing where nothing came."""
        with self._changed:
            if not (self._has_begun and (self._waiting or self._states)) and not self._is_over:
                self._changed.wait(timeout)
            if self._is_over or not self._has_begun:
                return []
            found = [*self._waiting, *self._states.values()]
            self._sent.update((event.channel, event.data) for event in self._states.values())
            self._waiting.clear()
            self._states.clear()
            return found

    def end(self) -> None:
        """Send nothing more to it."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


class Hub:
    """The listeners of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Listener]] = {}
        self._joined: set[Listener] = set()
        self._forgotten: deque[Listener] = deque()
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many listen."""
        with self._lock:
            self._remove_forgotten()
            return len(self._joined)

    def channels(self) -> set[str]:
        """What they listen to."""
        with self._lock:
            self._remove_forgotten()
            return set(self._listeners)

    def has(self, channel: str) -> bool:
        """Whether somebody listens to a channel."""
        return channel in self._listeners

    def join(self, listener: Listener, most: int) -> None:
        """Take one more listener.

        Raises:
            LiveFull: so many listen already.
            BatteryUnavailable: the server stops.
        """
        with self._lock:
            if self._is_closed:
                raise BatteryUnavailable(NAME, "live events are being closed")
            self._remove_forgotten()
            if len(self._joined) >= most:
                raise LiveFull(NAME, f"{len(self._joined)} browsers listen to this process already")
            self._joined.add(listener)
            for channel in listener.channels:
                self._listeners.setdefault(channel, set()).add(listener)

    def leave(self, listener: Listener) -> None:
        """Take a listener out; twice is fine."""
        listener.end()
        with self._lock:
            self._remove(listener)

    def forget(self, listener: Listener) -> None:
        """Have a listener taken out before the next one joins, or is counted or sent anything.

        For finalizers, which run at any moment and in any thread, also in one that holds a lock of ours.
        """
        self._forgotten.append(listener)

    def deliver(self, event: Event) -> None:
        """Hand an event to those who listen to its channel; never waits for one of them."""
        with self._lock:
            self._remove_forgotten()
            there = tuple(self._listeners.get(event.channel, ()))
        for listener in there:
            listener.put(event)

    def close(self) -> None:
        """End every listener, and take no more."""
        with self._lock:
            self._is_closed = True
            there = tuple(self._joined)
        for listener in there:
            listener.end()

    def _remove_forgotten(self) -> None:
        while self._forgotten:
            self._remove(self._forgotten.popleft())

    def _remove(self, listener: Listener) -> None:
        self._joined.discard(listener)
        for channel in listener.channels:
            there = self._listeners.get(channel)
            if there is not None:
                there.discard(listener)
                if not there:
                    del self._listeners[channel]
