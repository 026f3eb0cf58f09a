"""What one process has for live events: who listens, how events reach them, and how other processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...core.service import Service
from ...errors import LiveFull
from ...web.answers import ordered
from .bus import Bus, LocalBus
from .collect import Collector
from .hub import Event, Hub, Listener, json_text, mark, reset
from .valkey_bus import ValkeyBus

__all__ = ["Broadcaster"]

SAY_FULL = 60.0  # seconds between two lines in the log that say that as many listen as may


class Broadcaster:
    """The live events of one process.

    Args:
        service: reads the counts that are sent.
        client: the client of the Valkey that takes events to other processes; None where there is none.
        space: the events of another space are not heard.
        backlog: how many events are kept of each channel, and may wait for a listener.
        most: how many may listen at once.
        logger: where it reports.
    """

    def __init__(
        self,
        service: Service,
        client: Callable[[], Any] | None,
        space: str,
        backlog: int,
        most: Callable[[], int],
        logger: logging.Logger,
    ) -> None:
        self.hub = Hub()
        self._service = service
        self._backlog = backlog
        self._most = most
        self._logger = logger
        self._said_full = float("-inf")
        self._states = Collector("reading counts", self._read, logger)
        self._others: Collector | None = None
        self.bus: Bus = LocalBus(self.hub, backlog)
        if client is not None:
            self.bus = ValkeyBus(self.hub, client, space, backlog, self.changed, logger)
            self._others = Collector("telling other processes", self.bus.tell, logger, finishes=True)

    def join(self, channels: Sequence[str], cut: Callable[[], None]) -> Listener:
        """Take a listener where there is room for one more.

        Args:
            channels: what it listens to.
            cut: ends what is being sent to it, and never waits.

        Raises:
            LiveFull: as many listen as may.
        """
        listener = Listener(channels, self._backlog, cut)
        most = self._most()
        try:
            self.hub.join(listener, most)
        except LiveFull:
            now = time.monotonic()
            if now - self._said_full > SAY_FULL:
                self._said_full = now
                self._logger.warning(
                    "%d browsers listen to this process, and more are refused until some have gone: "
                    "OPENHEART_LIVE_LISTENERS, and SERVER_THREADS to go with it, can be raised",
                    most,
                )
            raise
        return listener

    def catch_up(self, listener: Listener, last: str | None) -> str:
        """Let a listener have what it missed, and everything from now on.

        Returns:
            The id that it has from now on; empty where that follows what it missed.
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
        """Send the counts of targets anew to those who listen to them, soon."""
        heard = [channel for channel in channels if self.hub.has(channel)]
        if heard:
            self._states.add(heard)

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
        # Read here and not taken from the reaction, so that what is sent last is what is stored.
        targets = [channel[2:] for channel in channels]
        for channel, target, counts in zip(
            channels, targets, self._service.reactions_of(targets), strict=True
        ):
            text = json_text({"target": target, "counts": ordered(counts)})
            self.hub.deliver(Event(channel, "reaction", text, is_state=True))
