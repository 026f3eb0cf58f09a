"""Live events between processes, through Valkey: pub/sub for new events, streams for missed ones."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ...errors import BatteryOutcomeUnknown, BatteryUnavailable, OpenHeartError
from ...system.workers import Backoff, Worker
from ..valkey.battery import failures
from .bus import RETENTION, Bus, read_id
from .hub import NAME, Event, Hub, mark, reset
from .valkey_scripts import NOTIFY, PUBLISH, REPLAY

__all__ = ["ValkeyBus"]

FIRST_WAIT = 0.2  # seconds after the connection was lost, twice as long after each further try
LONGEST_WAIT = 5.0
POLL = 1.0  # seconds between two checks of the channels, if nothing wakes the thread sooner
QUIET = 5.0  # seconds without a message from the server before a PING, and then to wait for its answer
PATIENCE = 5.0  # seconds to wait for a subscription, and for the thread to end


class ValkeyBus(Bus):
    """One connection of each process subscribes to the channels that its browsers listen to.

    Args:
        hub: the listeners.
        client: the client of this process.
        space: separates applications; events of another space are not received.
        backlog: how many events of each channel are kept.
        changed: called with the channels whose states changed elsewhere, or may have changed.
        logger: where it logs.
    """

    def __init__(
        self,
        hub: Hub,
        client: Callable[[], Any],
        space: str,
        backlog: int,
        changed: Callable[[Iterable[str]], None],
        logger: logging.Logger,
    ) -> None:
        self._hub = hub
        self._client = client
        self._space = space
        self._backlog = backlog
        self._on_changed = changed
        self._logger = logger
        self._keys = f"openheart:{{live:{space}}}:"
        self._me = secrets.token_hex(8)
        # Imported now, before threads could import it at the same time.
        self._failures = failures()
        self._problems: tuple[type[Exception], ...] = (OpenHeartError, *self._failures)
        self._followed: frozenset[str] = frozenset()
        self._failure: str | None = None
        # The id up to which this process has received every event of its channels.
        self._received: str | None = None
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, spread=True)
        self._worker = Worker("openheart-live", self._run)

    def emit(self, channel: str, name: str, data: str) -> str:
        with self._asking() as client:
            keys = [f"{self._keys}clock", self._keys + channel]
            limits = [self._backlog, int(RETENTION * 1000)]
            topic = self._topic(client, channel)
            found: bytes = client.eval(PUBLISH, len(keys), *keys, _new_era(), *limits, topic, name, data)
            return found.decode()

    def notify(self, channels: Iterable[str]) -> None:
        """Notify other processes that the states of these channels changed. Raises BatteryUnavailable."""
        with self._asking() as client:
            topics = [self._topic(client, channel) for channel in channels]
            client.eval(NOTIFY, 1, f"{self._keys}clock", self._me, *topics)

    def follow(self, channels: Sequence[str]) -> None:
        wanted = frozenset(channels)
        changed = self._worker.changed
        with changed:
            if wanted <= self._followed:
                return
            try:
                self._worker.start()
            except RuntimeError as error:
                raise BatteryUnavailable(NAME, f"no thread can be started: {error}") from error
            is_waiting = self._failure is None
        if is_waiting:
            self._wake()
        with changed:
            changed.wait_for(lambda: wanted <= self._followed or self._failure is not None, PATIENCE)
            if not wanted <= self._followed:
                raise BatteryUnavailable(NAME, self._failure or "Valkey does not confirm a subscription")

    def _kept(self, channels: Sequence[str], number: int) -> tuple[str, list[tuple[int, list[Event]]]]:
        with self._asking() as client:
            keys = [f"{self._keys}clock", *(self._keys + channel for channel in channels)]
            found = client.eval(REPLAY, len(keys), *keys, _new_era(), number)
        identifier = found[0].decode()
        era, position = read_id(identifier)
        kept = []
        for channel, (oldest, entries) in zip(channels, found[1:], strict=True):
            gone = int(_fields(oldest[0])[b"before"]) if oldest else position - int(RETENTION * 1e6)
            kept.append((gone, [_event(channel, era, entry) for entry in entries]))
        return identifier, kept

    def check(self) -> None:
        with self._asking() as client:
            client.ping()
        if self._failure is not None:
            raise BatteryUnavailable(NAME, self._failure)

    def close(self) -> None:
        if not self._worker.stop():
            self._wake()
            self._worker.stop(PATIENCE)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Any]:
        try:
            yield self._client()
        except self._failures as error:
            # Only the driver's text says whether it could not connect.
            if "connecting" in str(error).lower():
                raise BatteryUnavailable(NAME, f"Valkey cannot be reached: {error}") from error
            raise BatteryOutcomeUnknown(
                NAME, f"Valkey did not answer, or refused; the event was sent once or not at all: {error}"
            ) from error

    def _topic(self, client: Any, channel: str) -> str:
        # All databases of a server share their topics, but apps on different databases must share nothing.
        pool = getattr(client, "connection_pool", None)
        database = 0 if pool is None else pool.connection_kwargs.get("db") or 0
        return f"openheart:live:{database}:{self._space}:{channel}"

    def _wake(self) -> None:
        # Only the thread may use its connection, so it is woken by a message.
        with contextlib.suppress(*self._problems):
            client = self._client()
            client.publish(self._topic(client, f"w:{self._me}"), "")

    def _run(self) -> None:
        while not self._worker.is_stopping:
            try:
                self._listen(self._client())
            except self._problems as error:
                self._failed(str(error))
            except Exception:
                self._logger.exception("Live events: listening to Valkey failed and is tried again")
                self._failed("listening failed; see the log")
            self._worker.pause(self._backoff.next())

    def _failed(self, why: str) -> None:
        with self._worker.changed:
            is_new = self._failure is None
            self._failure = why
            self._followed = frozenset()
            self._worker.changed.notify_all()
        if is_new and not self._worker.is_stopping:
            self._logger.warning(
                "Live events: Valkey is unavailable, so browsers get only the events of this process until "
                "it is available again: %s",
                why,
            )

    def _listen(self, client: Any) -> None:
        with contextlib.closing(self._feed(client)) as feed:
            subscription = _Subscription(feed, self._topic(client, ""))
            wake = f"w:{self._me}"
            subscription.set({wake})
            has_caught_up = False
            while not self._worker.is_stopping:
                with self._worker.changed:
                    wanted = self._hub.channels()
                    # First, so that new listeners wait until a channel dropped here is subscribed to again.
                    self._followed &= wanted
                subscription.set({*wanted, wake})
                followed = subscription.confirmed() & wanted
                if not has_caught_up and wanted <= followed:
                    self._catch_up(wanted)
                    has_caught_up = True
                if has_caught_up and followed != self._followed:
                    with self._worker.changed:
                        self._followed = followed
                        self._worker.changed.notify_all()
                found = subscription.next()
                # Earlier messages are among those of the replay, in their order.
                if found is not None and has_caught_up:
                    self._take(*found)

    def _feed(self, client: Any) -> Any:
        if not hasattr(client, "get_node_from_key"):
            return client.pubsub()
        # In a cluster the node that numbers the events also publishes them. Other nodes get them only while
        # they are connected to it, and report nothing when they are not.
        clock = f"{self._keys}clock"
        client.exists(clock)  # lets the client find the node if it has changed
        return client.pubsub(node=client.get_node_from_key(clock))

    def _catch_up(self, channels: set[str]) -> None:
        """Deliver the events that were missed while disconnected."""
        events = sorted(channel for channel in channels if channel.startswith("c:"))
        replay = self.replay(events, self._received)
        for channel in replay.gaps:
            self._hub.deliver(reset(channel))
        for event in replay.events:
            self._hub.deliver(event)
        # Each listener takes only one of them.
        for channel in replay.gaps:
            self._hub.deliver(mark(channel, replay.id, replay.position))
        self._on_changed(channel for channel in channels if channel.startswith("t:"))
        self._received = replay.id
        with self._worker.changed:
            was_unavailable, self._failure = self._failure is not None, None
        self._backoff.reset()
        if was_unavailable:
            self._logger.info("Live events: Valkey is available again")

    def _take(self, channel: str, message: bytes) -> None:
        if channel.startswith("t:"):
            if message.decode() != self._me:
                self._on_changed((channel,))
        elif channel.startswith("c:"):
            identifier, name, data = message.decode().split("\n", 2)
            self._received = identifier
            self._hub.deliver(Event(channel, name, data, read_id(identifier)[1], identifier))


class _Subscription:
    """The subscriptions of one connection.

    Args:
        feed: the connection.
        prefix: the prefix of the topics; the channel follows.
    """

    def __init__(self, feed: Any, prefix: str) -> None:
        self._feed = feed
        self._prefix = prefix
        self._asked: set[str] = set()
        self._unanswered: Counter[str] = Counter()
        self._last_message = time.monotonic()
        self._is_pinged = False

    def set(self, channels: set[str]) -> None:
        """Subscribe to these and no others."""
        for command, names in (
            (self._feed.subscribe, channels - self._asked),
            (self._feed.unsubscribe, self._asked - channels),
        ):
            if names:
                command(*(self._prefix + name for name in sorted(names)))
                self._unanswered.update(names)
        self._asked = set(channels)

    def confirmed(self) -> frozenset[str]:
        """The channels that the server has confirmed."""
        return frozenset(name for name in self._asked if not self._unanswered[name])

    def next(self) -> tuple[str, bytes] | None:
        """The next message, as channel and data; None if none arrived in time.

        Raises:
            valkey.exceptions.ValkeyError: the server no longer answers.
        """
        message = self._feed.get_message(timeout=POLL)
        now = time.monotonic()
        if message is None:
            if now - self._last_message > 2 * QUIET:
                raise TimeoutError("Valkey no longer answers")
            if now - self._last_message > QUIET and not self._is_pinged:
                self._feed.ping()
                self._is_pinged = True
            return None
        self._last_message, self._is_pinged = now, False
        if message["type"] == "pong":
            return None
        channel = message["channel"].decode().removeprefix(self._prefix)
        if message["type"] == "message":
            return channel, message["data"]
        self._unanswered[channel] -= 1
        if not self._unanswered[channel]:
            del self._unanswered[channel]
        return None


def _new_era() -> str:
    # For a Valkey that has no era; a new one each time, so that a Valkey that lost its data is noticed.
    return secrets.token_hex(8)


def _fields(entry: Sequence[Any]) -> dict[bytes, bytes]:
    flat = entry[1]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _event(channel: str, era: str, entry: Sequence[Any]) -> Event:
    fields = _fields(entry)
    number = int(entry[0].partition(b"-")[0])
    return Event(channel, fields[b"name"].decode(), fields[b"data"].decode(), number, f"{era}.{number}")
