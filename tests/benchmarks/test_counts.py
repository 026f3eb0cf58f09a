"""The comparison of stored and acknowledged counts."""

from __future__ import annotations

import pytest

from benchmarks.counts import CountCheck, Tally, batch_path
from benchmarks.plan import Cell

CELL = Cell("POST", workers=1, connections=16, pages=1)


@pytest.mark.parametrize(("stored", "failures"), [(1_099, 1), (1_100, 0), (1_116, 0), (1_117, 1)])
def test_counts_may_exceed_the_acknowledged_ones_by_the_requests_under_way_only(
    stored: int, failures: int
) -> None:
    check = CountCheck()
    tally = Tally(check, CELL, start=1_000)

    tally.add(acknowledged=100, in_flight=16)
    tally.compare(stored)

    assert len(check.failures) == failures


def test_what_was_under_way_when_a_slice_ended_may_be_stored_during_the_next() -> None:
    check = CountCheck()
    tally = Tally(check, CELL, start=0)

    tally.add(acknowledged=100, in_flight=16)
    tally.compare(100)
    tally.add(acknowledged=100, in_flight=16)
    tally.compare(232)

    assert (check.slices, check.acknowledged, check.failures) == (2, 200, [])


def test_with_every_answer_awaited_one_count_too_many_is_a_failure_that_names_both() -> None:
    check = CountCheck()
    tally = Tally(check, CELL, start=0)
    tally.add(acknowledged=100, in_flight=16)

    tally.restart(110)
    tally.add(acknowledged=1_000, in_flight=0)
    tally.compare(1_111)

    assert check.failures == [
        "POST, 1 process, 16 connections, hot page: the counts grew by 1,001 instead of by 1,000"
    ]


def test_a_batch_names_each_page() -> None:
    assert batch_path(range(2)) == "/openheart/?target=page-0&target=page-1"
