"""Your own storage: five methods, and a file with one line of JSON for each reaction.

Shows: a whole backend, and the entry point in pyproject.toml that adds the scheme "json:".
Requires: pip install ../..
Run: pip install . in this folder, then OPENHEART_URI=json:reactions.jsonl openheart run"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from openheart.storage import Backend


class JsonBackend(Backend):
    def connect(self, uri: str, *args: object, **kwargs: object) -> None:
        self.path = Path(self.folder or "", uri.removeprefix("json:"))
        self.path.parent.mkdir(exist_ok=True)
        self.path.touch()

    def disconnect(self) -> None:
        vars(self).pop("path", None)

    def is_connected(self) -> bool:
        return "path" in vars(self)

    def incr(self, slug: str, reaction: str) -> None:
        self.require_connected()
        with self.path.open("ab", buffering=0) as file:  # one write, so that lines do not mix
            file.write(json.dumps([slug, reaction]).encode() + b"\n")
            os.fsync(file.fileno())

    def iter(self, slug: str) -> Iterator[tuple[str, int]]:
        self.require_connected()
        lines = map(json.loads, self.path.read_bytes().splitlines())
        yield from Counter(emoji for target, emoji in lines if target == slug).items()
