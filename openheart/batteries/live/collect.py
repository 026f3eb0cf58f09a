"""Names that a thread handles in batches: each name once, however often it was added meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from ...errors import OpenHeartError

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
        self._changed = threading.Condition(threading.Lock())
        self._waiting: dict[str, None] = {}
        self._thread: threading.Thread | None = None
        self._has_failed_to_start = False
        self._closing = threading.Event()

    def add(self, names: Iterable[str]) -> None:
        """Handle names soon; never waits for it."""
        with self._changed:
            if self._closing.is_set():
                return
            self._waiting.update(dict.fromkeys(names))
            while len(self._waiting) > MOST:
                del self._waiting[next(iter(self._waiting))]
            if self._thread is None and self._waiting:
                self._start()
            self._changed.notify()

    def close(self) -> None:
        """Stop, and wait some seconds for the running batch."""
        with self._changed:
            self._closing.set()
            thread = self._thread
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"openheart-live-{self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # Not raised: a visitor who reacts cannot fix it. The names are handled once a thread starts.
            if not self._has_failed_to_start:
                self._has_failed_to_start = True
                self._logger.warning(
                    "Live events: no thread can be started for %s; the next event tries again: %s",
                    self._name,
                    error,
                )
        else:
            self._thread = thread

    def _run(self) -> None:
        wait = 0.0
        while batch := self._next():
            try:
                self._handle(batch)
            except OpenHeartError as error:
                if not wait:
                    self._logger.warning("Live events: %s failed and is tried again: %s", self._name, error)
                wait = min(2 * wait or FIRST_WAIT, LONGEST_WAIT)
                with self._changed:
                    # Merged with the names that were added meanwhile; the order does not matter.
                    self._waiting = dict.fromkeys(batch) | self._waiting
            except Exception:
                self._logger.exception("Live events: %s failed", self._name)
            else:
                if wait:
                    self._logger.info("Live events: %s works again", self._name)
                wait = 0.0
            if self._closing.wait(wait or PAUSE) and wait:
                return

    def _next(self) -> Sequence[str]:
        with self._changed:
            while not self._waiting and not self._closing.is_set():
                self._changed.wait()
            if self._closing.is_set() and not self._finishes:
                return ()
            batch = list(self._waiting)[:BATCH]
            for name in batch:
                del self._waiting[name]
            return batch
