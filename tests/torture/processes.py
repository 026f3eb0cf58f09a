"""Starts and stops writer processes, and compares what they were told with what is stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import tests

from ..engines import Engine

__all__ = ["Journal", "assert_stored_once", "begin", "start_writer", "stop_writer"]

ROOT = Path(tests.__file__).parents[1]
PATIENCE = 120.0  # seconds


def start_writer(uri: str, *, threads: int, pages: int, journal: Path) -> subprocess.Popen[str]:
    """Start a writer; it is ready when this returns, and waits for ``begin``."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.writer", uri, str(threads), str(pages), str(journal)],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", f"the writer did not start: {line!r}"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    """Let a writer write."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def stop_writer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Let a writer end and return its report."""
    output, _ = process.communicate(timeout=PATIENCE)
    report: dict[str, Any] = json.loads(output)
    return report


class Journal:
    """What writers were told, read bit by bit while they write.

    Attributes:
        own: the targets of their own.
        pages: how often each page was acknowledged.
    """

    def __init__(self, path: Path) -> None:
        self.own: set[str] = set()
        self.pages: Counter[str] = Counter()
        self._file = path.open()
        self._rest = ""

    def read(self) -> Journal:
        """Take in what came since."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            own, page = line.split(" ")
            assert own not in self.own, f"{own} is in the journal twice"
            self.own.add(own)
            self.pages[page] += 1
        return self

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def assert_stored_once(backend: Engine, journal: Journal, *, unanswered: int = 0) -> None:
    """Every acknowledged reaction is there, none twice, and no more than ``unanswered`` others."""
    own, pages = journal.read().own, journal.pages
    stored = {target: sum(counts.values()) for target, counts in backend.iter_targets()}
    stored_own = {target: count for target, count in stored.items() if target.startswith("own/")}
    stored_pages = {target: count for target, count in stored.items() if target.startswith("page/")}
    lost = own - stored_own.keys()
    assert not lost, f"{len(lost)} acknowledged reactions are lost, such as {min(lost)}"
    twice = {target for target, count in stored_own.items() if count != 1}
    assert not twice, f"{len(twice)} reactions are counted more than once, such as {min(twice)}"
    assert len(stored_own) - len(own) <= unanswered
    assert sum(stored_pages.values()) == len(stored_own), "a reaction is stored in part"
    assert all(stored_pages.get(page, 0) >= count for page, count in pages.items())
