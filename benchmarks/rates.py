"""Requests a second of all contenders, in short slices that take turns, so that drift hits them alike."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .counts import CountCheck, Tally, settled_sum
from .load import Slice, exact_posts, run_slice
from .plan import BARE, MANY_PAGES, Cell, Contender
from .servers import Server, ServerKind, serve
from .stats import ratios

__all__ = ["Rates", "measure"]

PAUSE = 0.05  # seconds between slices, in which the last requests of a slice end
SETTLED = 0.5  # seconds in which no count may grow before and after the exact check
EXACT = 300  # POSTs of the exact check of each cell


@dataclass(slots=True)
class Rates:
    """What the slices measured.

    Attributes:
        slices: for each cell and contender's name one slice a round.
        checks: for each contender's name whether its counts were right, where it counts anything.
    """

    slices: dict[Cell, dict[str, list[Slice]]] = field(default_factory=dict)
    checks: dict[str, CountCheck] = field(default_factory=dict)

    def ratios(self, cell: Cell, name: str, yardstick: str = BARE) -> list[float]:
        """Return the rate over the yardstick's, round by round; empty where one was not measured."""
        row = self.slices.get(cell, {})
        if name not in row or yardstick not in row:
            return []
        return ratios([one.rate for one in row[name]], [one.rate for one in row[yardstick]])


def measure(
    cells: Sequence[Cell],
    contenders: Sequence[Contender],
    folder: Path,
    *,
    rounds: int,
    seconds: float,
    kind: ServerKind = "gunicorn",
    say: Callable[[str], None] = print,
) -> Rates:
    """Measure every contender in every cell.

    Args:
        cells: the load.
        contenders: what is measured, in the order in which they take turns.
        folder: an empty folder for the servers' data.
        rounds: slices of each contender in each cell.
        seconds: length of one slice.
        kind: the WSGI server, the same for all.
        say: is told of the progress.
    """
    rates = Rates()
    for workers in sorted({cell.workers for cell in cells}):
        chosen = [contender for contender in contenders if workers == 1 or not contender.one_process]
        here = [cell for cell in cells if cell.workers == workers]
        with contextlib.ExitStack() as stack:
            running = []
            for number, contender in enumerate(chosen):
                home = folder / f"{kind}-{workers}-{number}"
                server = stack.enter_context(
                    serve(
                        contender.application,
                        home,
                        kind=kind,
                        workers=workers,
                        settings=contender.environment(home),
                        python=contender.python,
                    )
                )
                running.append((contender, server))
            _fill(running, max(cell.pages for cell in here), say)
            for cell in here:
                say(f"{kind}: {cell.text()}")
                rates.slices[cell] = _cell(cell, running, rates.checks, rounds, seconds)
    return rates


def _fill(running: Sequence[tuple[Contender, Server]], pages: int, say: Callable[[str], None]) -> None:
    # Every page has a count before it is read, and every server is warm; the yardstick has nothing to fill.
    for contender, server in running:
        say(f"filling {contender.name}")
        total = pages if contender.name != BARE and pages == MANY_PAGES else 200
        exact_posts(server.port, pages, 4, total)
        exact_posts(server.port, 1, 4, 100)


def _cell(
    cell: Cell,
    running: Sequence[tuple[Contender, Server]],
    checks: dict[str, CountCheck],
    rounds: int,
    seconds: float,
) -> dict[str, list[Slice]]:
    slices: dict[str, list[Slice]] = {contender.name: [] for contender, _ in running}
    tallies = {}
    if cell.method == "POST":
        for contender, server in running:
            if (start := settled_sum(contender, server, cell.pages)) is not None:
                check = checks.setdefault(contender.name, CountCheck())
                tallies[contender.name] = Tally(check, cell, start)
    for _ in range(rounds):
        for contender, server in running:
            measured = run_slice(server.port, cell.method, cell.pages, cell.connections, seconds)
            slices[contender.name].append(measured)
            time.sleep(PAUSE)
            if tally := tallies.get(contender.name):
                tally.add(measured.acknowledged, cell.connections + measured.broken)
                tally.compare(settled_sum(contender, server, cell.pages) or 0)
    for contender, server in running:
        if tally := tallies.get(contender.name):
            # Nothing may be under way any more when the exact batch begins.
            tally.restart(settled_sum(contender, server, cell.pages, SETTLED) or 0)
            exact = exact_posts(server.port, cell.pages, cell.connections, EXACT)
            tally.add(exact.acknowledged, exact.broken)
            tally.compare(settled_sum(contender, server, cell.pages, SETTLED) or 0)
    return slices
