"""Names that a thread handles in batches: each name once, however often it was added meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from ...errors import OpenHeartError
from ...system.workers import Backoff, Worker

__all__ = ["Collector"]

BATCH = 100
MOST = 10_000
PAUSE = 0.1  # seconds between two batches, so that a hot page is handled at most ten times a second
FIRST_WAIT = 0.2  # seconds after a failure; twice as long after each further one
LONGEST_WAIT = 5.0
PATIENCE = 5.0  # seconds that close() waits for the running batch


class Collector:
    """Handles names in batches. A failed batch is tried again later; the failure is logged once.

    Args:
        name: what the thread does, for its name and the log.
        handle: handles a batch of up to 100; after an OpenHeartError it is tried again later.
        logger: where failures are logged.
        finishes: whether close() still handles the waiting names, once.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Sequence[str]], None],
        logger: logging.Logger,
        *,
        finishes: bool = False,
    ) -> None:
        self._name = name
        self._handle = handle
        self._logger = logger
        self._finishes = finishes
        self._waiting: dict[str, None] = {}
        self._has_failed_to_start = False
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        self._worker = Worker(f"openheart-live-{name}", self._run)

    def add(self, names: Iterable[str]) -> None:
        """Handle names soon; never waits for it."""
        with self._worker.changed:
            if self._worker.is_stopping:
                return
            was_idle = not self._waiting
            self._waiting.update(dict.fromkeys(names))
            while len(self._waiting) > MOST:
                del self._waiting[next(iter(self._waiting))]
            try:
                if self._waiting:
                    self._worker.start()
            except RuntimeError as error:
                # Not raised: a visitor who reacts cannot fix it. The names are handled once a thread starts.
                if not self._has_failed_to_start:
                    self._has_failed_to_start = True
                    self._logger.warning(
                        "Live events: no thread can be started for %s; the next event tries again: %s",
                        self._name,
                        error,
                    )
            if was_idle:
                # Only then, because a hot page would wake the thread in its pauses too.
                self._worker.changed.notify_all()

    def close(self) -> None:
        """Stop, and wait some seconds for the running batch."""
        self._worker.stop(PATIENCE)

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._handle(batch)
            except OpenHeartError as error:
                if not self._backoff.last:
                    self._logger.warning(f"Live events: {self._name} failed and is tried again: {error}")
                with self._worker.changed:
                    # Merged with the names that were added meanwhile; the order does not matter.
                    self._waiting = dict.fromkeys(batch) | self._waiting
                self._backoff.next()
            except Exception:
                self._logger.exception("Live events: %s failed", self._name)
            else:
                if self._backoff.last:
                    self._logger.info("Live events: %s works again", self._name)
                self._backoff.reset()
            if self._worker.pause(self._backoff.last or PAUSE) and self._backoff.last:
                return

    def _next(self) -> Sequence[str]:
        with self._worker.changed:
            self._worker.changed.wait_for(lambda: self._waiting or self._worker.is_stopping)
            if self._worker.is_stopping and not self._finishes:
                return ()
            batch = list(self._waiting)[:BATCH]
            for name in batch:
                del self._waiting[name]
            return batch
