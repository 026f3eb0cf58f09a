"""A check that costs something, such as a write or a connection, and that anybody may ask for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from .forks import PerProcess

__all__ = ["Probe"]

LASTS = 5.0  # seconds

T = TypeVar("T")


class Probe(Generic[T]):
    """Runs a check at most once in five seconds in each process; in between, its last result stands.

    Args:
        check: the check. It returns its result, also a bad one, and does not raise.
    """

    def __init__(self, check: Callable[[], T]) -> None:
        self._check = check
        self._own: PerProcess[_Known[T]] = PerProcess(_Known)

    def result(self) -> T:
        """The result of the check; the caller may wait for it if there is none yet."""
        known = self._own.here
        # Who asks while a slow check runs gets the result before it.
        if not known.is_fresh and not (known.results and known.running.locked()):
            with known.running:
                if not known.is_fresh:
                    known.results = [self._check()]
                    known.checked_at = time.monotonic()
        return known.results[0]


class _Known(Generic[T]):
    """What one process knows: its last result, if any."""

    def __init__(self) -> None:
        self.running = threading.Lock()
        self.results: list[T] = []
        self.checked_at = 0.0

    @property
    def is_fresh(self) -> bool:
        return bool(self.results) and time.monotonic() - self.checked_at < LASTS
