"""The listeners in this process, and the events that each of them has not been sent yet."""

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
    """An event for the listeners of a channel.

    Attributes:
        channel: the channel that it was emitted to.
        name: the type of the event, for ``addEventListener()``; ``message`` goes to ``onmessage``.
        data: JSON text in one line; empty if it only sets the id.
        number: its position among the events of all channels, so that none is sent twice; None without a
            position.
        id: what the browser sends as Last-Event-ID when it reconnects; None leaves it unchanged.
        is_state: whether only the newest event of the channel needs to be sent.
    """

    channel: str
    name: str
    data: str
    number: int | None = None
    id: str | None = None
    is_state: bool = False


def json_text(document: object) -> str:
    """JSON in one line; raises TypeError or ValueError for data that JSON cannot encode."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(event: Event) -> bytes:
    """An event in the format of the stream (HTML standard, server-sent events)."""
    lines = [] if event.id is None else [f"id: {event.id}"]
    if event.name != "message":
        lines.append(f"event: {event.name}")
    if event.data:
        lines.append(f"data: {event.data}")
    return "\n".join([*lines, "", ""]).encode()


def reset(channel: str) -> Event:
    """The event that says: some events of this channel are gone, so reload what the page shows.

    It has no id, because more may follow: a browser that is cut off before that reconnects with an older id.
    """
    return Event(channel, "reset", json_text({"channel": channel.partition(":")[2]}))


def mark(channel: str, identifier: str, position: int) -> Event:
    """Sets the id of a browser after the last event for a position: from here it reconnects with this id."""
    return Event(channel, "message", "", position, identifier)


class Listener:
    """One browser.

    Args:
        channels: what it listens to.
        limit: how many events may wait for it.
        cut: cuts its connection, if another thread can do that; must not wait.

    Attributes:
        channels: what it listens to, each once.
        is_over: whether nothing more will be sent to it.
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
        # New events wait until the missed ones were read; most of them are among those.
        self._has_begun = False
        self._lost = 0
        self.is_over = False

    def put(self, event: Event) -> None:
        """Queue an event. If too many wait, the listener is dropped: the browser reconnects by itself."""
        with self._changed:
            if self.is_over:
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
                    # A mark takes no place in the queue: it gives its id to the last event, if that has none.
                    last = self._waiting.pop()
                    event = last if last.id else replace(last, number=event.number, id=event.id)
                self._waiting.append(event)
                self._seen = max(self._seen, event.number or 0)
            if len(self._waiting) > self._limit:
                if self._has_begun:
                    self.is_over = True
                else:
                    self._lost = max(self._lost, self._waiting.popleft().number or 0)
            is_over = self.is_over
            self._changed.notify_all()
        if is_over:
            self._cut()

    def begin(self, missed: Iterable[Event], position: int) -> None:
        """Send the events that it missed, and then the newer ones.

        Args:
            missed: events with numbers up to the position, in order.
            position: the number after which ``put`` was called for every event.
        """
        with self._changed:
            since = [event for event in self._waiting if event.number is None or event.number > position]
            self._waiting = deque([*missed, *since])
            # The events it missed do not count against its limit.
            self._limit += len(self._waiting)
            self._seen = max(position, self._seen)
            self._has_begun = True
            self.is_over |= self._lost > position
            self._changed.notify_all()

    def take(self, timeout: float) -> list[Event]:
        """The waiting events, after at most ``timeout`` seconds; empty if there are none."""
        with self._changed:
            if not (self._has_begun and (self._waiting or self._states)) and not self.is_over:
                self._changed.wait(timeout)
            if self.is_over or not self._has_begun:
                return []
            found = [*self._waiting, *self._states.values()]
            self._sent.update((event.channel, event.data) for event in self._states.values())
            self._waiting.clear()
            self._states.clear()
            return found

    def end(self) -> None:
        """Send nothing more to it."""
        with self._changed:
            self.is_over = True
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
        """The number of listeners."""
        with self._lock:
            self._remove_forgotten()
            return len(self._joined)

    def channels(self) -> set[str]:
        """The channels that they listen to."""
        with self._lock:
            self._remove_forgotten()
            return set(self._listeners)

    def has(self, channel: str) -> bool:
        """Whether a channel has listeners."""
        return channel in self._listeners

    def join(self, listener: Listener, most: int) -> None:
        """Add a listener.

        Raises:
            LiveFull: ``most`` listeners are connected already.
            BatteryUnavailable: the server is stopping.
        """
        with self._lock:
            if self._is_closed:
                raise BatteryUnavailable(NAME, "live events are closed")
            self._remove_forgotten()
            if len(self._joined) >= most:
                raise LiveFull(NAME, f"{len(self._joined)} browsers listen to this process already")
            self._joined.add(listener)
            for channel in listener.channels:
                self._listeners.setdefault(channel, set()).add(listener)

    def leave(self, listener: Listener) -> None:
        """Remove a listener; calling it twice is fine."""
        listener.end()
        with self._lock:
            self._remove(listener)

    def forget(self, listener: Listener) -> None:
        """Remove a listener later, before the next join, count or delivery.

        For finalizers, which run at any moment and in any thread, even in one that holds our lock.
        """
        self._forgotten.append(listener)

    def deliver(self, event: Event) -> None:
        """Queue an event for the listeners of its channel; never waits for one of them."""
        with self._lock:
            self._remove_forgotten()
            there = tuple(self._listeners.get(event.channel, ()))
        for listener in there:
            listener.put(event)

    def close(self) -> None:
        """End every listener, and accept no more."""
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
