"""The comparison of stored and acknowledged counts."""

from __future__ import annotations

import pytest

from benchmarks.counts import CountCheck, batch_path
from benchmarks.plan import Cell

CELL = Cell("POST", workers=1, connections=16, pages=1)


@pytest.mark.parametrize(("grown", "failures"), [(99, 1), (100, 0), (116, 0), (117, 1)])
def test_counts_may_exceed_the_acknowledged_ones_by_the_requests_under_way_only(
    grown: int, failures: int
) -> None:
    check = CountCheck()

    check.compare(CELL, grown, acknowledged=100, in_flight=16)

    assert len(check.failures) == failures


def test_with_every_answer_awaited_one_count_too_many_is_a_failure_that_names_both() -> None:
    check = CountCheck()

    check.compare(CELL, grown=1_001, acknowledged=1_000, in_flight=0)

    assert check.failures == [
        "POST, 1 process, 16 connections, hot page: the counts grew by 1,001 instead of by 1,000"
    ]


def test_a_batch_names_each_page() -> None:
    assert batch_path(range(2)) == "/openheart/?target=page-0&target=page-1"
