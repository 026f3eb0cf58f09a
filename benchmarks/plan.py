"""What is measured: the contenders, and the cells in which they meet."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "BARE",
    "FULL",
    "HEADLINE",
    "MANY_PAGES",
    "PEER",
    "Cell",
    "Contender",
    "all_cells",
    "contenders",
    "quick_cells",
    "server_cells",
]

MANY_PAGES = 10_000
"""How many pages the load goes over in the cells that are not about one hot page."""

BARE = "bare Flask"
PEER = "flask-openheart 0.0.1"
FULL = "openheart, SQLite FULL"
NORMAL = "openheart, SQLite NORMAL"
MEMORY = "openheart, memory"


@dataclass(frozen=True, slots=True)
class Contender:
    """One application with its settings.

    Attributes:
        name: how the report calls it.
        application: where the WSGI callable is, as ``module:name``.
        settings: environment variables; ``{folder}`` in a value is its data folder.
        python: the interpreter that runs it.
        one_process: whether its counts live in one process only.
        batch: whether it answers the counts of several pages in one request.
    """

    name: str
    application: str
    settings: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    one_process: bool = False
    batch: bool = False

    def environment(self, folder: Path) -> dict[str, str]:
        """Return its environment variables for a data folder."""
        return {name: value.format(folder=folder) for name, value in self.settings.items()}


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of load.

    Attributes:
        method: GET or POST.
        workers: processes of the server.
        connections: connections of the load generator.
        pages: over how many pages the requests go; 1 is the hot page.
    """

    method: str
    workers: int
    connections: int
    pages: int

    def text(self) -> str:
        """Describe it in words."""
        pages = "hot page" if self.pages == 1 else f"{self.pages:,} pages"
        processes = "1 process" if self.workers == 1 else f"{self.workers} processes"
        connections = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{self.method}, {processes}, {connections}, {pages}"


HEADLINE = Cell("GET", workers=1, connections=16, pages=1)
"""The cell by which the numbers to reach are judged (POST likewise); the others are reported beside it."""


def contenders(peer_python: Path | None) -> list[Contender]:
    """Return the contenders, the yardstick first.

    Args:
        peer_python: the interpreter of the environment with flask-openheart; None leaves it out.
    """
    found = [Contender(BARE, "benchmarks.apps.bare:application")]
    if peer_python is not None:
        found.append(Contender(PEER, "benchmarks.apps.peer:application", python=str(peer_python)))
    ours = "benchmarks.apps.ours:application"
    for name, synchronous in ((FULL, "FULL"), (NORMAL, "NORMAL")):
        settings = {
            "OPENHEART_URI": "sqlite:///{folder}/counts.db",
            "OPENHEART_SQLITE_SYNCHRONOUS": synchronous,
        }
        found.append(Contender(name, ours, settings, batch=True))
    found.append(Contender(MEMORY, ours, {"OPENHEART_URI": "memory:"}, one_process=True, batch=True))
    return found


def all_cells() -> list[Cell]:
    """Return every cell of the full run, in the order in which they run."""
    combinations = itertools.product((1, 2), (1, MANY_PAGES), ("GET", "POST"), (1, 16, 64))
    return [Cell(method, workers, connections, pages) for workers, pages, method, connections in combinations]


def server_cells() -> list[Cell]:
    """Return the cells in which the other WSGI servers are compared.

    One connection is among them because waitress wakes its threads through a pipe, which takes long
    where system calls do, and then many connections are slower than one.
    """
    return [Cell(method, 1, connections, 1) for method in ("GET", "POST") for connections in (1, 16)]


def quick_cells() -> list[Cell]:
    """Return the cells of the quick run: one process and the hot page."""
    return [cell for cell in all_cells() if cell.workers == 1 and cell.pages == 1]
