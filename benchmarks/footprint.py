"""What openheart costs beside requests: import time, memory of a worker, and the batch GET's gain."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .counts import BATCH, batch_path
from .load import exact_posts, run_slice
from .plan import Contender
from .servers import own_environment, serve
from .stats import Spread, spread

__all__ = ["Memory", "batch_gain", "import_times", "worker_memory"]

MEGABYTE = 1_000_000
KILOBYTE = 1024  # the kernel's kB

TIMER = """
import time
started = time.perf_counter()
import flask
middle = time.perf_counter()
import openheart
print(middle - started, time.perf_counter() - middle)
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one worker after it has served GETs and POSTs, in megabytes (1,000,000 bytes).

    Attributes:
        proportional: PSS: its own pages, and its share of those it has in common with other processes.
        resident: RSS: all pages that it has in memory.
    """

    proportional: float
    resident: float


def import_times(rounds: int) -> dict[str, Spread]:
    """Import Flask and then openheart, in fresh interpreters.

    Both in one interpreter, so that what slows the machine down for a while cannot stand between them.

    Args:
        rounds: how many interpreters.

    Returns:
        ``flask``: its import time in milliseconds; ``openheart``: what comes on top of it.
    """
    root = Path(__file__).resolve().parent.parent
    times: dict[str, list[float]] = {"flask": [], "openheart": []}
    for number in range(rounds + 1):
        command = [sys.executable, "-c", TIMER]
        answer = subprocess.run(
            command, cwd=root, env=own_environment(), capture_output=True, text=True, check=True
        )
        if number:  # the first round compiles the modules and fills the disk cache
            for module, seconds in zip(times, answer.stdout.split(), strict=True):
                times[module].append(float(seconds) * 1e3)
    return {module: spread(values) for module, values in times.items()}


def worker_memory(
    contenders: Sequence[Contender], folder: Path, *, pages: int, seconds: float
) -> dict[str, Memory]:
    """Measure the memory of one worker of each contender, each alone, after load on many pages.

    Args:
        contenders: what is measured.
        folder: an empty folder for the servers' data.
        pages: over how many pages the load goes.
        seconds: length of the load by GET; as long again by POST.

    Returns:
        Contender's name -> memory; empty where the system does not tell (it takes Linux' smaps_rollup).
    """
    found: dict[str, Memory] = {}
    if not Path("/proc/self/smaps_rollup").exists():
        return found
    for number, contender in enumerate(contenders):
        home = folder / f"memory-{number}"
        settings = contender.environment(home)
        with serve(contender.application, home, settings=settings, python=contender.python) as server:
            exact_posts(server.port, pages, 8, pages // 4)
            for method in ("GET", "POST"):
                run_slice(server.port, method, pages, 16, seconds)
            found[contender.name] = _memory_of(server.workers()[0])
    return found


def batch_gain(contender: Contender, folder: Path, rounds: int) -> tuple[Spread, Spread]:
    """Compare one GET of 100 targets with 100 single GETs, both on one open connection, in turn.

    Args:
        contender: what runs; it must answer batch GETs.
        folder: an empty folder for its data.
        rounds: how often.

    Returns:
        The milliseconds of one batch GET, and how many times longer the single GETs took.
    """
    home = folder / "batch"
    batches: list[float] = []
    gains: list[float] = []
    with serve(contender.application, home, settings=contender.environment(home)) as server:
        exact_posts(server.port, BATCH, 4, BATCH * 6)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        single_paths = [f"/openheart/page-{number}" for number in range(BATCH)]
        for number in range(rounds + 1):
            batch = _seconds_for(connection, [batch_path(range(BATCH))])
            single = _seconds_for(connection, single_paths)
            if number:
                batches.append(batch * 1e3)
                gains.append(single / batch)
        connection.close()
    return spread(batches), spread(gains)


def _seconds_for(connection: http.client.HTTPConnection, paths: Sequence[str]) -> float:
    started = time.perf_counter()
    for path in paths:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"GET {path[:60]} was answered {response.status} instead of 200")
    return time.perf_counter() - started


def _memory_of(pid: int) -> Memory:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) * KILOBYTE / MEGABYTE for line in lines}
    return Memory(sizes["Pss"], sizes["Rss"])
