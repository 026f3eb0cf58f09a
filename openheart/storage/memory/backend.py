"""Counts in the memory of one process, for tests and for trying things out; lost with the backend."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import ConfigError
from ...system.finding import Finding
from ...system.forks import PerProcess
from ...system.masks import mask_uri
from ..backend import Change, Counts, Listing, Rows
from ..cursor import read_cursor, write_cursor
from ..engine import Engine

__all__ = ["MemoryBackend"]


class MemoryBackend(Engine):
    """``memory:``, private to this object. The counts outlive ``disconnect()``, but not the object.

    After a fork each process continues with its own counts, so use it with one process only.

    Args:
        uri: ``memory:``.
        instance: has no effect, because this storage is not shared.
        folder: has no effect.

    Raises:
        ConfigError: something follows the colon.
    """

    schemes = ("memory",)
    adds_up = True

    def __init__(self, uri: str | None = "memory:", *args: Any, **kwargs: Any) -> None:
        super().__init__(uri, *args, **kwargs)
        self._counts: dict[str, Counts] = {}
        self._lock = PerProcess(lambda: threading.Lock())
        self._connected = False

    def _use(self, uri: str, driver: dict[str, Any], **options: Any) -> None:
        if uri.lower() not in ("memory:", "memory://"):
            expected = "memory: alone; for counts that last, sqlite:///openheart.db"
            raise ConfigError("OPENHEART_URI", mask_uri(uri), "the URI given", expected)

    def _connect(self) -> None:
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def is_connected(self) -> bool:
        return self._connected

    def examine(self) -> Iterator[Finding]:
        yield Finding(
            "warning",
            "Counts are kept in memory: they are lost when the process ends, and each process has its own",
            "set OPENHEART_URI to a storage that lasts, such as sqlite:///openheart.db",
        )

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        self.require_connected()
        answers = []
        with self._lock.here:
            for change in changes:
                counts = self._counts.setdefault(change.target, {})
                if change.cap is None or not change.cap.refuses(change.emoji, counts):
                    counts[change.emoji] = counts.get(change.emoji, 0) + change.delta
                answers.append(counts.copy())
        return answers

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        self.require_connected()
        with self._lock.here:
            return [self._counts.get(target, {}).copy() for target in targets]

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        self.require_connected()
        after = "" if cursor is None else read_cursor(cursor)
        with self._lock.here:
            found = sorted(each for each in self._counts if each > after and each.startswith(prefix))
            rows: Rows = [(target, self._counts[target].copy()) for target in found[:limit]]
        return Listing(rows, write_cursor(rows[-1][0]) if len(found) > limit else None)

    def number_of_targets(self, prefix: str = "") -> int:
        self.require_connected()
        with self._lock.here:
            return sum(target.startswith(prefix) for target in self._counts)

    def delete(self, targets: Sequence[str]) -> None:
        self.require_connected()
        with self._lock.here:
            for target in targets:
                self._counts.pop(target, None)

    def rename(self, old: str, new: str) -> Counts:
        self.require_connected()
        with self._lock.here:
            counts = self._counts.get(new, {})
            for emoji, count in self._counts.pop(old, {}).items():
                counts[emoji] = counts.get(emoji, 0) + count
            if counts:
                self._counts[new] = counts
            return counts.copy()

    def check(self) -> None:
        self.require_connected()
