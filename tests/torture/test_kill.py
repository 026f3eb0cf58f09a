from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from ..engines import Engine, get_engine
from .processes import Journal, assert_stored_once, begin, start_writer, stop_writer

THREADS = 8
PAGES = 5


def kill_at_random(folder: Path, *, times: int) -> None:
    """Kill one of two writers again and again; this process reads all the time, as a survivor."""
    uri = f"sqlite:///{folder}/torture.db"
    journal = folder / "journal"
    journal.touch()
    choose = random.Random(5)
    with get_engine(uri) as reader, Journal(journal) as told:
        survivor = start_writer(uri, threads=2, pages=PAGES, journal=journal)
        begin(survivor)
        for _ in range(times):
            victim = start_writer(uri, threads=THREADS, pages=PAGES, journal=journal)
            begin(victim)
            end = time.monotonic() + choose.uniform(0.02, 0.25)
            while time.monotonic() < end:
                assert_reads_what_was_acknowledged(reader, told)
            victim.kill()
            victim.communicate()
            assert_reads_what_was_acknowledged(reader, told)
        report = stop_writer(survivor)
        assert report["errors"] == []
        # Another backend has remembered nothing, so it answers what is in the file.
        with get_engine(uri) as fresh:
            assert_stored_once(fresh, told, unanswered=times * THREADS)
            stored = dict(fresh.iter_targets())
        print(json.dumps({"killed": times, "acknowledged": len(told.own), "lost": 0, "doubled": 0}))
        pages = [target for target in stored if target.startswith("page/")]
        assert reader.counts(pages) == [stored[page] for page in pages]


def assert_reads_what_was_acknowledged(reader: Engine, told: Journal) -> None:
    pages = dict(told.read().pages)
    for page, counts in zip(pages, reader.counts(list(pages)), strict=True):
        assert sum(counts.values()) >= pages[page], f"{page} was read without a reaction acknowledged before"


def test_what_a_killed_process_acknowledged_is_stored_once(tmp_path: Path) -> None:
    kill_at_random(tmp_path, times=3)


@pytest.mark.torture
def test_fifty_killed_processes_lose_and_double_nothing(tmp_path: Path) -> None:
    kill_at_random(tmp_path, times=50)
