"""The live events of one process: its listeners, and how events reach them and other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...core.state import State
from ...errors import LiveFull
from ...settings.config import INSTANCE
from .bus import Bus, LocalBus
from .collect import Collector
from .hub import Event, Hub, Listener, json_text, mark, reset
from .row import OPENHEART_LIVE_BACKLOG
from .valkey_bus import ValkeyBus

__all__ = ["Broadcaster"]

FULL_LOG_INTERVAL = 60.0  # seconds between two log lines about too many listeners


class Broadcaster:
    """The live events of one process.

    Args:
        state: that of the application, whose counts are sent.
        client: the client of the Valkey that carries events to other processes; None without one.
        most: how many may listen at once.
    """

    def __init__(self, state: State, client: Callable[[], Any] | None, most: Callable[[], int]) -> None:
        self.hub = Hub()
        self._service = state.service
        self._backlog = backlog = state.config[OPENHEART_LIVE_BACKLOG]
        self._most = most
        self._logger = logger = state.service.logger
        self._logged_full = float("-inf")
        self._states = Collector("reading counts", self._read, logger)
        self._others: Collector | None = None
        self.bus: Bus = LocalBus(self.hub, backlog)
        if client is not None:
            space = state.config[INSTANCE] or ""
            self.bus = shared = ValkeyBus(self.hub, client, space, backlog, self.changed, logger)
            self._others = Collector("notifying other processes", shared.notify, logger, finishes=True)

    def join(self, channels: Sequence[str], cut: Callable[[], None]) -> Listener:
        """Add a listener, if there is room for one more.

        Args:
            channels: what it listens to.
            cut: cuts its connection, and never waits.

        Raises:
            LiveFull: the maximum number of listeners is reached.
        """
        listener = Listener(channels, self._backlog, cut)
        most = self._most()
        try:
            self.hub.join(listener, most)
        except LiveFull:
            now = time.monotonic()
            if now - self._logged_full > FULL_LOG_INTERVAL:
                self._logged_full = now
                self._logger.warning(
                    "%d browsers listen to this process, and more are refused until some disconnect: "
                    "raise OPENHEART_LIVE_LISTENERS, and SERVER_THREADS with it",
                    most,
                )
            raise
        return listener

    def catch_up(self, listener: Listener, last: str | None) -> str:
        """Send a listener what it missed, and everything from now on.

        Returns:
            Its id from now on; empty if the id is sent after the events that it missed.
        """
        events = [channel for channel in listener.channels if channel.startswith("c:")]
        self.bus.follow(listener.channels)
        replay = self.bus.replay(events, last)
        missed = [*map(reset, replay.gaps), *replay.events]
        if missed:
            missed.append(mark("", replay.id, replay.position))
        listener.begin(missed, replay.position)
        self.changed(channel for channel in listener.channels if channel.startswith("t:"))
        return "" if missed else replay.id

    def changed(self, channels: Iterable[str]) -> None:
        """Send the current counts of targets to their listeners, soon."""
        followed = [channel for channel in channels if self.hub.has(channel)]
        if followed:
            self._states.add(followed)

    def reacted(self, target: str) -> None:
        """Note that the counts of a target changed here; never waits."""
        self.changed([f"t:{target}"])
        if self._others is not None:
            self._others.add([f"t:{target}"])

    def close(self) -> None:
        """End every stream and every thread."""
        self.hub.close()
        for each in (self._others, self._states):
            if each is not None:
                each.close()
        self.bus.close()

    def _read(self, channels: Sequence[str]) -> None:
        # Read from the storage, not taken from the reaction, so that the last counts sent are those stored.
        targets = [channel[2:] for channel in channels]
        for channel, target, counts in zip(
            channels, targets, self._service.reactions_of(targets), strict=True
        ):
            text = json_text({"target": target, "counts": counts})
            self.hub.deliver(Event(channel, "reaction", text, is_state=True))
