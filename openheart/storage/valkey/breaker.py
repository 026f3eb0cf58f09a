"""Remembers that a server is unavailable, so that requests fail at once instead of waiting for it one by one.

The maintained library for this, pybreaker, lets one call through at a time.
"""

from __future__ import annotations

import threading
import time

from .errors import Unavailable

__all__ = ["Breaker"]

FAILURES = 3
"""After this many failures in a row a server counts as unavailable."""

LOOK_EVERY = 0.5
"""Seconds between two tries of an unavailable server; calls in between are refused."""


class Breaker:
    """Whether one server is worth a try.

    Args:
        patience: seconds that one try may take.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._failures = 0
        self._why = ""
        self._next_look = 0.0
        self._lock = threading.Lock()

    def admit(self) -> None:
        """Let a call through, or raise Unavailable because the server is known to be unavailable."""
        if self._failures < FAILURES:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._next_look:
                raise Unavailable(self._why, is_known=True)
            # This caller tries; until it has a result, all others are refused.
            self._next_look = now + max(LOOK_EVERY, self._patience)

    def worked(self) -> None:
        """Note that the server responded."""
        self._failures = 0

    def failed(self, why: str) -> None:
        """Note that the server failed."""
        with self._lock:
            self._failures += 1
            self._why = why
            if self._failures >= FAILURES:
                self._next_look = time.monotonic() + LOOK_EVERY
