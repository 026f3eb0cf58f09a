"""Counts that were recently read or written, with the generation that shows whether they are still valid."""

from __future__ import annotations

from sys import intern
from typing import NamedTuple

from ..backend import Counts

__all__ = ["CountCache", "Entry"]

_ROOM = 4096
"""How much one half holds: a target takes 1 and one more for every 8 emoji, about 450 bytes each."""


class Entry(NamedTuple):
    """What is remembered of one target.

    Attributes:
        bucket: where its generation stands in ``LockFile.generations``.
        generation: what stood there before the counts were read; if it does still, they hold.
        counts: the counts; nobody changes them.
    """

    bucket: int
    generation: int
    counts: Counts


class CountCache:
    """A bounded cache of counts, thread-safe without a lock.

    It has two halves. New entries go to the young one; when that is full the old one is forgotten and
    the young one becomes old. What is used moves to the young one, so it stays.
    """

    def __init__(self) -> None:
        self._young: dict[str, Entry] = {}
        self._old: dict[str, Entry] = {}
        self._room = _ROOM

    def get(self, target: str) -> Entry | None:
        """What is remembered of a target; the caller compares its generation."""
        entry = self._young.get(target)
        if entry is None:
            entry = self._old.get(target)
            if entry is not None:
                self._keep(target, entry)
        return entry

    def put(self, target: str, bucket: int, generation: int, counts: Counts) -> None:
        """Remember the counts of a target; they are copied."""
        own = dict(zip(map(intern, counts), counts.values(), strict=True))
        self._keep(target, Entry(bucket, generation, own))

    def _keep(self, target: str, entry: Entry) -> None:
        before = self._young.get(target)
        # Mostly the emoji are those from before, and so is the room.
        if before is None or len(before.counts) != len(entry.counts):
            self._room -= _size(entry) - (0 if before is None else _size(before))
            if self._room < 0:
                self._old, self._young, self._room = self._young, {}, _ROOM - _size(entry)
        self._young[target] = entry


def _size(entry: Entry) -> int:
    return 1 + len(entry.counts) // 8
