from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ..engines import get_engine
from .processes import Journal, assert_stored_once, begin, start_writer, stop_writer

HOT, MANY = 1, 10_000


def hammer(folder: Path, *, processes: int, threads: int, pages: int, seconds: float) -> None:
    uri = f"sqlite:///{folder}/torture.db"
    journal = folder / "journal"
    writers = [start_writer(uri, threads=threads, pages=pages, journal=journal) for _ in range(processes)]
    for writer in writers:
        begin(writer)
    time.sleep(seconds)  # the length of the run; nothing is synchronised by it
    reports = [stop_writer(writer) for writer in writers]

    latencies = sorted(latency for report in reports for latency in report["seconds"])
    shares = [report["acknowledged"] for report in reports]
    print(
        json.dumps(
            {
                "run": f"{processes} processes x {threads} threads, {pages} page(s), {seconds} s",
                "acknowledged": sum(shares),
                "per process": {"least": min(shares), "most": max(shares)},
                "p50 ms": round(latencies[len(latencies) // 2] * 1000, 1),
                "p99 ms": round(latencies[len(latencies) * 99 // 100] * 1000, 1),
                "longest ms": round(latencies[-1] * 1000, 1),
                "aim for the longest ms": 250,
            }
        )
    )
    assert [report["errors"] for report in reports] == [[]] * processes
    with get_engine(uri) as backend, Journal(journal) as told:
        assert_stored_once(backend, told)


@pytest.mark.parametrize("pages", [HOT, MANY], ids=["hot", "many"])
def test_processes_and_threads_on_one_file_count_each_reaction_once(tmp_path: Path, pages: int) -> None:
    hammer(tmp_path, processes=3, threads=4, pages=pages, seconds=0.5)


@pytest.mark.torture
@pytest.mark.parametrize("pages", [HOT, MANY], ids=["hot", "many"])
def test_eight_processes_of_eight_threads_count_each_reaction_once(tmp_path: Path, pages: int) -> None:
    hammer(tmp_path, processes=8, threads=8, pages=pages, seconds=20)
