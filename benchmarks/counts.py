"""Whether the counts that are stored are the ones that were acknowledged."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from dataclasses import dataclass, field

from .plan import PEER, Cell, Contender
from .servers import Server

__all__ = ["BATCH", "CountCheck", "batch_path", "settled_sum"]

BATCH = 100
"""Targets in one batch GET."""

SETTLED_WITHIN = 20.0  # seconds


@dataclass(slots=True)
class CountCheck:
    """Compares the growth of one contender's stored counts with its acknowledged requests.

    Attributes:
        slices: how many slices of load were compared.
        acknowledged: how many requests were acknowledged in them.
        failures: one line for each slice whose counts were wrong.
    """

    slices: int = 0
    acknowledged: int = 0
    failures: list[str] = field(default_factory=list)

    def compare(self, cell: Cell, grown: int, acknowledged: int, in_flight: int) -> None:
        """Compare one slice.

        Args:
            cell: the load.
            grown: by how much the sum of the stored counts grew.
            acknowledged: how many POSTs were answered with success.
            in_flight: how many more may have been stored, because the load stopped before their answer.
        """
        self.slices += 1
        self.acknowledged += acknowledged
        if not acknowledged <= grown <= acknowledged + in_flight:
            most = f" to {acknowledged + in_flight:,}" if in_flight else ""
            self.failures.append(
                f"{cell.text()}: the counts grew by {grown:,} instead of by {acknowledged:,}{most}"
            )


def batch_path(numbers: range) -> str:
    """Return the path of the batch GET of the pages with these numbers."""
    return "/openheart/?" + "&".join(f"target=page-{number}" for number in numbers)


def settled_sum(contender: Contender, server: Server, pages: int) -> int | None:
    """Return the sum of all counts of the pages once it stands still; None for what counts nothing.

    Args:
        contender: what runs there.
        server: where it runs.
        pages: how many pages the load goes over.

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
        time.sleep(0.05)
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
