"""Your own storage: all counts in one JSON file, rewritten for each reaction.

Shows: the whole Backend contract in one class, and the entry point that adds the scheme "json:".
Requires: pip install openheart, on Linux, macOS or another system with flock
Run: pip install . in a project whose metadata has this, then OPENHEART_URI=json:counts.json openheart run

    [project.entry-points."openheart.backends"]
    json = "json_backend:JsonBackend"
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openheart.storage import Backend, BackendError, Change, Counts, Listing
from openheart.storage.cursor import read_cursor, write_cursor


class JsonBackend(Backend):
    """``json:counts.json``; the threads and processes of one machine can share it."""

    schemes = ("json",)

    def __init__(self, uri: str, *, instance: str | None = None, folder: Path | None = None) -> None:
        super().__init__(uri, instance=instance, folder=folder)
        name = uri.removeprefix("json:")
        self.path = Path(folder or ".") / (f"{instance}-{name}" if instance else name)
        self._lock = threading.Lock()
        self._connected = False

    def connect(self) -> None:
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def is_connected(self) -> bool:
        return self._connected

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        with self._locked():
            everything = self._read()
            answers = []
            for change in changes:
                counts = everything.setdefault(change.target, {})
                counts[change.emoji] = counts.get(change.emoji, 0) + change.delta
                answers.append(counts.copy())
            if changes:
                self._write(everything)
        return answers

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        everything = self._read()
        return [everything.get(target, {}).copy() for target in targets]

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        after = "" if cursor is None else read_cursor(cursor)
        everything = self._read()
        found = sorted(target for target in everything if target.startswith(prefix) and target > after)
        rows = [(target, everything[target]) for target in found[:limit]]
        return Listing(rows, write_cursor(found[limit - 1]) if len(found) > limit else None)

    def delete(self, targets: Sequence[str]) -> None:
        with self._locked():
            everything = self._read()
            self._write({target: counts for target, counts in everything.items() if target not in targets})

    def rename(self, old: str, new: str) -> Counts:
        with self._locked():
            everything = self._read()
            counts = everything.pop(new, {})
            for emoji, count in everything.pop(old, {}).items():
                counts[emoji] = counts.get(emoji, 0) + count
            self._write({**everything, new: counts} if counts else everything)
        return counts

    def check(self) -> None:
        with self._locked():
            self._write(self._read())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The file lock excludes other processes, but on some systems not the threads of this one.
        self.require_connected()
        try:
            with self._lock, self.path.with_suffix(".lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise BackendError(f"{self.path} cannot be written ({error}); check its folder") from error

    def _read(self) -> dict[str, Counts]:
        self.require_connected()
        try:
            everything: dict[str, Counts] = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise BackendError(f"{self.path} cannot be read ({error}); restore it or remove it") from error
        return everything

    def _write(self, everything: dict[str, Counts]) -> None:
        # A new file, renamed when it is on the disk, so that neither a reader nor a crash sees half a file.
        draft = self.path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(everything, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
