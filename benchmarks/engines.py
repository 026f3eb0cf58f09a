"""Reactions a second through openheart's storage, beside the same server driven by its driver alone."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers.mongodb import MongoServer
from tests.servers.valkey import Cluster, Server

from .counts import CountCheck
from .engine_load import Crew
from .engine_memory import Size, mongodb_sizes, sqlite_sizes, valkey_sizes
from .engine_ways import MONGODB_WAYS, VALKEY_WAYS, Way
from .stats import ratios

__all__ = [
    "CLUSTER",
    "HEADLINE",
    "MONGODB",
    "SINGLE",
    "TOOL",
    "Engine",
    "EngineCell",
    "EngineFindings",
    "EngineRates",
    "engine_cells",
    "measure_engine",
    "measure_engines",
]

SINGLE = "Valkey, one server"
CLUSTER = "Valkey, cluster of three primaries"
MONGODB = "MongoDB"

PAGES, QUICK_PAGES = 100_000, 2_000
PROCESSES = (1, 2, 4, 8)
THREADS = 8
WARM_UP = 0.2  # seconds of the slice before the first round

TOOL = "engine alone, HINCRBY"
"""What valkey-benchmark, or redis-benchmark in its place, is called in tables."""
TOOL_REQUESTS = 20_000  # of one slice of it


@dataclass(frozen=True, slots=True)
class EngineCell:
    """A load.

    Attributes:
        processes: how many react at once.
        threads: how many of each.
        pages: over how many pages, at random; 1 is the hot page.
    """

    processes: int
    threads: int
    pages: int

    def text(self) -> str:
        """Describe it in words."""
        pages = "hot page" if self.pages == 1 else f"{self.pages:,} pages"
        return f"{self.processes} × {self.threads} threads, {pages}"


HEADLINE = EngineCell(1, THREADS, 1)
"""The cell by which the numbers to reach are judged."""


@dataclass(slots=True)
class EngineRates:
    """What the slices of one engine measured.

    Attributes:
        rates: cell -> way's name -> reactions a second, one a round.
        check: whether the counts were right.
        broken: how many reactions were answered with an error, and the last error.
        tool_failed: why the server's own tool could not be measured.
    """

    rates: dict[EngineCell, dict[str, list[float]]] = field(default_factory=dict)
    check: CountCheck = field(default_factory=CountCheck)
    broken: dict[str, int] = field(default_factory=dict)
    tool_failed: str = ""

    def ratios(self, cell: EngineCell, name: str, yardstick: str) -> list[float]:
        """Return the rate over the yardstick's, round by round; empty where one was not measured."""
        row = self.rates.get(cell, {})
        return ratios(row[name], row[yardstick]) if name in row and yardstick in row else []


@dataclass(frozen=True, slots=True)
class Engine:
    """A kind of server.

    Attributes:
        name: what it is called.
        ways: the contenders, the yardstick first.
        start: runs one in a folder while the block lasts, and gives its URI.
        sizes: measures the memory of a target on it; None where another engine's figures hold.
    """

    name: str
    ways: tuple[Way, ...]
    start: Callable[[Path], contextlib.AbstractContextManager[str]]
    sizes: Callable[[str, int], list[Size]] | None


@dataclass(slots=True)
class EngineFindings:
    """All that a run found.

    Attributes:
        rounds: slices of each contender in each cell.
        seconds: length of one slice.
        engines: engine's name -> its rates.
        sizes: bytes of a target and of what else is kept.
        notes: what could not be measured, and why.
    """

    rounds: int
    seconds: float
    engines: dict[str, EngineRates] = field(default_factory=dict)
    sizes: list[Size] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def checks(self) -> list[CountCheck]:
        """The checks of all engines."""
        return [rates.check for rates in self.engines.values()]


def engine_cells(quick: bool) -> list[EngineCell]:
    """Return the cells of one engine, by number of processes.

    Args:
        quick: whether a few are enough.
    """
    if quick:
        return [HEADLINE, EngineCell(1, THREADS, QUICK_PAGES), EngineCell(2, THREADS, 1)]
    loads = [(1, 1), *((processes, THREADS) for processes in PROCESSES)]
    return [EngineCell(processes, threads, pages) for processes, threads in loads for pages in (1, PAGES)]


def measure_engines(
    *, quick: bool, rounds: int, seconds: float, say: Callable[[str], None], names: Sequence[str] = ()
) -> EngineFindings:
    """Measure every engine that can be started here.

    Args:
        quick: whether a few cells are enough.
        rounds: slices of each contender in each cell.
        seconds: length of one slice.
        say: is told of the progress.
        names: the engines; all by default.
    """
    findings = EngineFindings(rounds, seconds)
    with tempfile.TemporaryDirectory(prefix="openheart-bench-", ignore_cleanup_errors=True) as folder:
        for number, engine in enumerate(_engines()):
            if names and engine.name not in names:
                continue
            try:
                with engine.start(Path(folder) / str(number)) as uri:
                    say(f"{engine.name}: memory")
                    if engine.sizes is not None:
                        findings.sizes += engine.sizes(uri, 1_000 if quick else 10_000)
                    rates = measure_engine(
                        engine, uri, engine_cells(quick), rounds=rounds, seconds=seconds, say=say
                    )
                findings.engines[engine.name] = rates
                if rates.tool_failed:
                    findings.notes.append(f"{engine.name}: {rates.tool_failed}")
            except (pytest.skip.Exception, pytest.fail.Exception) as error:
                findings.notes.append(f"{engine.name} was not measured: {error.msg}")
            except Exception as error:  # what the others measured stays
                findings.notes.append(f"{engine.name} broke off: {type(error).__name__}: {error}")
        findings.sizes += sqlite_sizes(Path(folder), 1_000 if quick else 10_000)
    if _tool() is None:
        findings.notes.append("valkey-benchmark is not installed here; the loops of valkey-py stand for it.")
    return findings


def measure_engine(
    engine: Engine,
    uri: str,
    cells: Sequence[EngineCell],
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> EngineRates:
    """Measure every way to count on one server, in turns.

    Args:
        engine: what it is.
        uri: where it runs, empty.
        cells: the loads.
        rounds: slices of each way in each cell.
        seconds: length of one slice.
        say: is told of the progress.
    """
    found = EngineRates()
    stores = {way.store: way for way in reversed(engine.ways)}
    with contextlib.ExitStack() as stack:
        drivers = {store: way.open(uri) for store, way in stores.items()}
        for store, driver in drivers.items():
            stack.callback(driver.close)
            say(f"{engine.name}: filling {store}")
            driver.fill(max(cell.pages for cell in cells))
        for processes in sorted({cell.processes for cell in cells}):
            with Crew.of(processes, engine.ways, uri) as crew:
                for cell in (cell for cell in cells if cell.processes == processes):
                    say(f"{engine.name}: {cell.text()}")
                    before = {store: driver.stored(cell.pages) for store, driver in drivers.items()}
                    sent = _cell(crew, engine, uri, cell, found, rounds, seconds)
                    for store, (acknowledged, broken) in sent.items():
                        grown = drivers[store].stored(cell.pages) - before[store]
                        _compare(found.check, f"{store}, {cell.text()}", grown, acknowledged, broken)
    return found


def _cell(
    crew: Crew,
    engine: Engine,
    uri: str,
    cell: EngineCell,
    found: EngineRates,
    rounds: int,
    seconds: float,
) -> dict[str, tuple[int, int]]:
    rates = found.rates[cell] = {way.name: [] for way in engine.ways}
    sent = {way.store: (0, 0) for way in engine.ways}
    tool = _tool() if uri.startswith("valkey") else None
    for turn in range(rounds + 1):
        # There and back, so that none always comes after the same one.
        order = list(enumerate(engine.ways))
        for number, way in order if turn % 2 else reversed(order):
            # The first turn opens connections and warms everything up.
            one = crew.slice(number, cell.pages, cell.threads, seconds if turn else WARM_UP)
            acknowledged, broken = sent[way.store]
            sent[way.store] = acknowledged + one.acknowledged, broken + one.broken
            if one.broken:
                line = f"{way.name}, {cell.text()}: {one.error}"
                found.broken[line] = found.broken.get(line, 0) + one.broken
            if turn:
                rates[way.name].append(one.rate)
        if turn and tool is not None and not found.tool_failed:
            try:
                rates.setdefault(TOOL, []).append(_tool_rate(tool, uri, cell))
            except RuntimeError as error:
                found.tool_failed = str(error)
                del rates[TOOL]
    return sent


def _compare(check: CountCheck, what: str, grown: int, acknowledged: int, broken: int) -> None:
    check.slices += 1
    check.acknowledged += acknowledged
    if not acknowledged <= grown <= acknowledged + broken:
        expected = f"{acknowledged:,} to {acknowledged + broken:,}" if broken else f"{acknowledged:,}"
        check.failures.append(f"{what}: the counts grew by {grown:,} instead of by {expected}")


def _engines() -> tuple[Engine, ...]:
    return (
        Engine(SINGLE, VALKEY_WAYS, _single, valkey_sizes),
        Engine(CLUSTER, VALKEY_WAYS, _cluster, None),
        Engine(MONGODB, MONGODB_WAYS, _mongodb, mongodb_sizes),
    )


@contextlib.contextmanager
def _single(folder: Path) -> Iterator[str]:
    with Server(folder) as server:
        yield server.uri


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    with Cluster(folder, replicas=0, calm=True) as cluster:
        yield cluster.uri


@contextlib.contextmanager
def _mongodb(folder: Path) -> Iterator[str]:
    with contextlib.closing(MongoServer("replica-set", folder)) as server:
        yield server.uri


def _tool() -> str | None:
    return shutil.which("valkey-benchmark") or shutil.which("redis-benchmark")


def _tool_rate(tool: str, uri: str, cell: EngineCell) -> float:
    address = urlsplit(uri)
    host, port = address.netloc.split(",")[0].rsplit(":", 1)
    command = [tool, "-h", host, "-p", port, "-q", "-n", str(TOOL_REQUESTS)]
    command += ["-c", str(cell.processes * cell.threads), "-r", str(cell.pages)]
    key = "tool:__rand_int__"
    if address.scheme.endswith("+cluster"):
        # The tool puts a hash tag of the node in place of {tag}; without it the keys are other nodes'.
        command, key = [*command, "--cluster"], "{tag}:__rand_int__"
    done = subprocess.run(
        [*command, "HINCRBY", key, "count", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = re.findall(r"([\d.]+) requests per second", done.stdout)
    if not said:
        last = ["", *f"{done.stdout}\n{done.stderr}".strip().splitlines()][-1]
        raise RuntimeError(f"{Path(tool).name} did not say how fast it was: {last[-200:]!r}")
    return float(said[-1])
