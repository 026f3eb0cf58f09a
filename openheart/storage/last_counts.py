"""Counts as they were last seen, to show while the storage is unavailable."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from ..system.forks import PerProcess
from .backend import Counts

__all__ = ["ROOM", "LastCounts"]

ROOM = 10_000
"""How many targets are remembered; about 500 bytes each."""


class LastCounts:
    """A bounded memory of counts with the time at which they were true.

    Args:
        max_age: seconds after which counts are too old to be shown.
    """

    def __init__(self, max_age: float) -> None:
        self._max_age = max_age
        self._seen: OrderedDict[str, tuple[float, Counts]] = OrderedDict()
        self._lock = PerProcess(lambda: threading.Lock())

    def remember(self, target: str, counts: Counts) -> None:
        """Keep the counts of a target as they are now."""
        with self._lock.here:
            self._seen[target] = (time.monotonic(), counts.copy())
            self._seen.move_to_end(target)
            if len(self._seen) > ROOM:
                self._seen.popitem(last=False)

    def recall(self, targets: Sequence[str]) -> tuple[list[Counts], int] | None:
        """What is remembered of all of the targets, and the age of the oldest in seconds, rounded up.

        Returns:
            None when one of them is not remembered, or too old.
        """
        now = time.monotonic()
        with self._lock.here:
            found = [self._seen.get(target) for target in targets]
        ages, counts = [], []
        for entry in found:
            if entry is None or now - entry[0] > self._max_age:
                return None
            ages.append(now - entry[0])
            counts.append(entry[1].copy())
        return counts, int(max(ages, default=0.0)) + 1
