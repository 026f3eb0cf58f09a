"""Whether the counts that are stored are the ones that were acknowledged."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from dataclasses import dataclass, field

from .plan import PEER, Cell, Contender
from .servers import Server

__all__ = ["BATCH", "CountCheck", "Tally", "batch_path", "settled_sum"]

BATCH = 100
"""Targets in one batch GET."""

SETTLED_WITHIN = 20.0  # seconds


@dataclass(slots=True)
class CountCheck:
    """What the comparisons of one contender's stored counts with its acknowledged requests found.

    Attributes:
        slices: how many slices of load were compared.
        acknowledged: how many requests were acknowledged in them.
        failures: one line for each slice whose counts were wrong.
    """

    slices: int = 0
    acknowledged: int = 0
    failures: list[str] = field(default_factory=list)


class Tally:
    """Follows one contender through the slices of one cell.

    What was under way when a slice ended may be stored during the next one, so the comparison is of the sums
    since the start and not of single slices.

    Args:
        check: where each comparison is noted.
        cell: the load.
        start: the sum of the stored counts now.
    """

    def __init__(self, check: CountCheck, cell: Cell, start: int) -> None:
        self._check = check
        self._cell = cell
        self.restart(start)

    def restart(self, start: int) -> None:
        """Begin anew with this sum of the stored counts."""
        self._start = start
        self._acknowledged = 0
        self._in_flight = 0

    def add(self, acknowledged: int, in_flight: int) -> None:
        """Add what was sent.

        Args:
            acknowledged: how many POSTs were answered with success.
            in_flight: how many more may be stored, because the load stopped before their answer.
        """
        self._acknowledged += acknowledged
        self._in_flight += in_flight
        self._check.slices += 1
        self._check.acknowledged += acknowledged

    def compare(self, stored: int) -> None:
        """Note a failure unless the stored counts grew by what was sent.

        Args:
            stored: the sum of the stored counts now.
        """
        grown, least = stored - self._start, self._acknowledged
        most = least + self._in_flight
        if not least <= grown <= most:
            expected = f"{least:,} to {most:,}" if self._in_flight else f"{least:,}"
            self._check.failures.append(
                f"{self._cell.text()}: the counts grew by {grown:,} instead of by {expected}"
            )


def batch_path(numbers: range) -> str:
    """Return the path of the batch GET of the pages with these numbers."""
    return "/openheart/?" + "&".join(f"target=page-{number}" for number in numbers)


def settled_sum(contender: Contender, server: Server, pages: int, still: float = 0.05) -> int | None:
    """Return the sum of all counts of the pages once it stands still; None for what counts nothing.

    Args:
        contender: what runs there.
        server: where it runs.
        pages: how many pages the load goes over.
        still: seconds in which it may not grow.

    Raises:
        RuntimeError: the sum went on growing although no load was on the server.
    """
    if not contender.batch and contender.name != PEER:
        return None
    deadline = time.monotonic() + SETTLED_WITHIN
    last = -1
    while time.monotonic() < deadline:
        current = _sum_by_http(server, pages) if contender.batch else _sum_of_peer(server)
        if current == last:
            return current
        last = current
        time.sleep(still)
    raise RuntimeError(
        f"the counts of {contender.name} still grow {SETTLED_WITHIN:.0f} s after the load ended"
    )


def _sum_by_http(server: Server, pages: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    total = 0
    try:
        for start in range(0, pages, BATCH):
            path = batch_path(range(start, min(start + BATCH, pages)))
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise RuntimeError(
                    f"a batch GET was answered {response.status} instead of 200: {body[:200]!r}"
                )
            total += sum(sum(counts.values()) for counts in json.loads(body).values())
    finally:
        connection.close()
    return total


def _sum_of_peer(server: Server) -> int:
    # Depending on how SQLite was built, "file:openheart.db" is an address or a plain file name.
    for path in server.folder.glob("*openheart.db"):
        connection = sqlite3.connect(path, timeout=30)
        try:
            # Its table is made by the first request, and holds the hot page and the others.
            return int(connection.execute("SELECT COALESCE(SUM(count), 0) FROM openheart").fetchone()[0])
        finally:
            connection.close()
    return 0
