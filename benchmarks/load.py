"""Load on a running server: slices of wrk (or of Python threads where wrk is missing) and exact batches."""

from __future__ import annotations

import contextlib
import http.client
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EMOJI", "HEADERS", "PREFIX", "Slice", "exact_posts", "path_of", "run_slice", "tool_name"]

EMOJI = ("❤️", "🥨", "👍", "🎉", "😂", "🔥")
"""The reactions that the load sends in turn; load.lua has the same."""

PREFIX = "/openheart/"
"""What the paths of the load start with, unless told otherwise."""

SCRIPT = Path(__file__).with_name("load.lua")
HEADERS = {"Content-Type": "text/plain; charset=utf-8"}
"""The headers of a POST."""

WRK_STARTS = 3
"""How often wrk is started anew where SIGINT came before it had a handler."""

WRK_END = 40.0
"""Seconds that it has to end after SIGINT: it waits for the answers to what it sent."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice of load measured.

    Attributes:
        acknowledged: how many requests were answered with a status below 400.
        refused: how many were answered with a status of 400 or more.
        broken: how many got no whole answer.
        seconds: how long the slice took.
        p50: the middle latency in milliseconds.
        p99: the latency in milliseconds that 99 of 100 requests stayed below.
    """

    acknowledged: int
    refused: int
    broken: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Acknowledged requests a second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


def tool_name() -> str:
    """Name the load generator that ``run_slice`` uses on this machine."""
    return "wrk" if shutil.which("wrk") else "Python threads"


def path_of(number: int, pages: int, prefix: str = PREFIX) -> str:
    """Return the path of the request with this number when the load goes over ``pages`` pages."""
    return f"{prefix}page-{number % pages}"


def run_slice(
    port: int, method: str, pages: int, connections: int, seconds: float, prefix: str = PREFIX
) -> Slice:
    """Put load on a server for a short time.

    Args:
        port: where the server listens on the loopback.
        method: GET or POST.
        pages: over how many pages the requests go in turn; 1 is the hot page.
        connections: how many are kept open at once, each with one request under way.
        seconds: how long.
        prefix: what the paths start with.

    Raises:
        RuntimeError: the load generator failed; the text holds what it wrote.
    """
    if shutil.which("wrk"):
        return _wrk_slice(port, method, pages, connections, seconds, prefix)
    return _python_slice(port, method, pages, connections, seconds, prefix)


def exact_posts(port: int, pages: int, connections: int, total: int) -> Slice:
    """Send an exact number of POSTs and wait for every answer, so that no request is left under way.

    Args:
        port: where the server listens on the loopback.
        pages: over how many pages they go in turn.
        connections: how many send at once.
        total: how many POSTs.
    """
    remaining = iter(range(total))
    guard = threading.Lock()

    def next_number() -> int | None:
        with guard:
            return next(remaining, None)

    return _threads(port, "POST", pages, connections, next_number, PREFIX)


def _wrk_slice(port: int, method: str, pages: int, connections: int, seconds: float, prefix: str) -> Slice:
    # wrk takes whole seconds only; a shorter slice is ended by SIGINT, on which it reports as usual.
    command = [
        "wrk",
        "--threads",
        "1",
        "--connections",
        str(connections),
        "--duration",
        "60s",
        "--timeout",
        "30s",
    ]
    command += ["--script", str(SCRIPT), f"http://127.0.0.1:{port}/", "--", method, str(pages)]
    command += [str(random.randrange(pages)), prefix]
    for _ in range(WRK_STARTS):
        code, output = _interrupted(command, seconds)
        for line in output.splitlines():
            if line.startswith("RESULT "):
                requests, duration, refused, broken, p50, p99 = map(int, line.split()[1:])
                return Slice(requests - refused, refused, broken, duration / 1e6, p50 / 1e3, p99 / 1e3)
        if code != -signal.SIGINT:
            break  # else it was still starting, and is given another chance
    raise RuntimeError(f"wrk wrote no result; try the command by hand: {' '.join(command)}\n{output}")


def _interrupted(command: Sequence[str], seconds: float) -> tuple[int, str]:
    """Run a command for so long, and return how it ended after SIGINT and what it wrote."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            time.sleep(seconds)
            deadline = time.monotonic() + WRK_END
            while True:
                # It does not hear one that comes between its start and its first request.
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(timeout=1)
                    return process.returncode, output
                if time.monotonic() > deadline:
                    raise RuntimeError(f"wrk does not end: {' '.join(command)}")
        finally:
            process.kill()


def _python_slice(port: int, method: str, pages: int, connections: int, seconds: float, prefix: str) -> Slice:
    end = time.perf_counter() + seconds

    def next_number() -> int | None:
        return random.randrange(1 << 30) if time.perf_counter() < end else None

    return _threads(port, method, pages, connections, next_number, prefix)


def _threads(
    port: int, method: str, pages: int, connections: int, next_number: Callable[[], int | None], prefix: str
) -> Slice:
    latencies: list[float] = []
    outcomes: list[int] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while (number := next_number()) is not None:
            body = EMOJI[number % len(EMOJI)].encode() if method == "POST" else None
            started = time.perf_counter()
            try:
                connection.request(method, path_of(number, pages, prefix), body, HEADERS if body else {})
                response = connection.getresponse()
                response.read()
                outcomes.append(response.status)
            except (OSError, http.client.HTTPException):
                connection.close()
                outcomes.append(0)
            latencies.append(time.perf_counter() - started)
        connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    latencies.sort()
    broken = outcomes.count(0)
    acknowledged = sum(1 for status in outcomes if 0 < status < 400)
    p50, p99 = (latencies[int(len(latencies) * part)] * 1e3 if latencies else 0.0 for part in (0.5, 0.99))
    return Slice(acknowledged, len(outcomes) - broken - acknowledged, broken, seconds, p50, p99)
