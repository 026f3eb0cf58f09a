"""The same storage with every capability: a log of what happened, with one line of JSON for each step.

Shows: Capped, Listed and Movable, and a backend that separates instances.
Requires: pip install ../..
Run: pip install . in this folder, then OPENHEART_URI=jsonlog:log.jsonl openheart run
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from openheart.errors import BackendUnavailable, OutcomeUnknown
from openheart.storage import Cap, Capped, Change, Counts, Listed, Listing, Movable
from openheart.storage.cursor import read_cursor, write_cursor


class JsonLogBackend(Capped, Listed, Movable):
    """``jsonlog:log.jsonl``; the threads and processes of one machine can share it."""

    separates_instances = True
    connected = False

    def connect(self, uri: str, *args: Any, **kwargs: Any) -> None:
        name = uri.removeprefix("jsonlog:")
        self.path = Path(self.folder or "", f"{self.instance}-{name}" if self.instance else name)
        self.path.parent.mkdir(exist_ok=True)
        self.path.touch()
        self.connected = True

    def disconnect(self) -> None:
        self.connected = False

    def is_connected(self) -> bool:
        return self.connected

    # Capped, and Batched, which it includes

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        everything = self._append([step_of(change) for change in changes])
        answers = []
        for change in changes:
            add(everything, change.target, {change.emoji: change.delta}, change.cap)
            answers.append(everything[change.target].copy())
        return answers

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        everything = self._read()
        return [everything.get(target, {}).copy() for target in targets]

    # Listed

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        after = "" if cursor is None else read_cursor(cursor)
        found = ((target, counts) for target, counts in self._read().items() if target > after)
        rows = sorted(row for row in found if row[0].startswith(prefix))
        return Listing(rows[:limit], write_cursor(rows[limit - 1][0]) if len(rows) > limit else None)

    # Movable

    def delete(self, targets: Sequence[str]) -> None:
        self._append([[target, "", None, None] for target in targets])

    def rename(self, old: str, new: str) -> Counts:
        self._append([[old, "", new, None]])
        return self.counts([new])[0]

    def _append(self, steps: Sequence[Sequence[Any]]) -> dict[str, Counts]:
        """Append all steps as one line, with one write; what the lines before it come to."""
        self.require_connected()
        # The end of the line before it comes first, because a crash may have cut that line.
        line = b"\n" + json.dumps(steps).encode()
        with self.failing_as(OutcomeUnknown), self.path.open("ab+", buffering=0) as file:
            file.write(line)
            os.fsync(file.fileno())
            size = file.tell() - len(line)
            file.seek(0)
            return replay(file.read(size))

    def _read(self) -> dict[str, Counts]:
        self.require_connected()
        with self.failing_as(BackendUnavailable):
            return replay(self.path.read_bytes())


def replay(log: bytes) -> dict[str, Counts]:
    everything: dict[str, Counts] = {}
    for line in log.split(b"\n"):
        with suppress(ValueError):
            for target, emoji, value, cap in json.loads(line):
                if emoji:
                    add(everything, target, {emoji: value}, cap and Cap(cap[0], frozenset(cap[1])))
                else:
                    # The target was removed; a value is the one that its counts were added to.
                    removed = everything.pop(target, {})
                    add(everything, value, removed if value else {})
    return everything


def step_of(change: Change) -> list[Any]:
    # The limit too, so that each process that reads the log decides alike.
    cap = change.cap and [change.cap.most, sorted(change.cap.free)]
    return [change.target, change.emoji, change.delta, cap]


def add(everything: dict[str, Counts], target: str, counts: Counts, cap: Cap | None = None) -> None:
    for emoji, count in counts.items():
        there = everything.setdefault(target, {})
        if cap is None or not cap.refuses(emoji, there):
            there[emoji] = there.get(emoji, 0) + count
