"""Remembers that a server is unavailable, so that requests fail at once instead of waiting for it one by one.

The maintained library for this, pybreaker, lets one call through at a time.
"""

from __future__ import annotations

import threading
import time

__all__ = ["Breaker", "Unavailable"]

FAILURES = 3
"""After this many failures in a row a server counts as unavailable, unless its breaker says otherwise."""

LOOK_EVERY = 0.5
"""Seconds between two tries of an unavailable server; calls in between are refused."""


class Unavailable(Exception):
    """The server is unavailable; nothing was sent.

    Args:
        text: what happened.
        is_known: whether this was known already, so that the server was not tried.
    """

    def __init__(self, text: str, *, is_known: bool = False) -> None:
        super().__init__(text)
        self.is_known = is_known


class Breaker:
    """Whether one server is worth a try.

    Args:
        patience: seconds that one try may take.
        failures: how many failures in a row it takes until the server counts as unavailable.

    Attributes:
        why: what happened at the last failure.
    """

    def __init__(self, patience: float, failures: int = FAILURES) -> None:
        self._patience = patience
        self._limit = failures
        self._failures = 0
        self.why = ""
        self._next_look = 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the server counts as unavailable."""
        return self._failures >= self._limit

    def admit(self) -> None:
        """Let a call through, or raise Unavailable because the server is known to be unavailable."""
        if not self.is_open:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._next_look:
                raise Unavailable(self.why, is_known=True)
            # This caller tries; until it has a result, all others are refused.
            self._next_look = now + max(LOOK_EVERY, self._patience)

    def worked(self) -> None:
        """Note that the server responded."""
        self._failures = 0

    def failed(self, why: str) -> None:
        """Note that the server failed."""
        with self._lock:
            self._failures += 1
            self.why = why
            if self.is_open:
                self._next_look = time.monotonic() + LOOK_EVERY
