"""The report: goals, verdicts and tables."""

from __future__ import annotations

import pytest

from benchmarks.counts import CountCheck
from benchmarks.footprint import Memory
from benchmarks.load import Slice
from benchmarks.plan import BARE, FULL, PEER, Cell
from benchmarks.report import Findings, Goal, goals, render, table, verdict
from benchmarks.stats import spread

GET = Cell("GET", workers=1, connections=16, pages=1)
POST = Cell("POST", workers=1, connections=16, pages=1)


def slices(*rates: int) -> list[Slice]:
    return [Slice(rate, refused=0, broken=0, seconds=1.0, p50=1.0, p99=2.0) for rate in rates]


def findings() -> Findings:
    found = Findings("- CPUs usable: 2", "gunicorn", rounds=3, seconds=0.5)
    found.rates.slices[GET] = {BARE: slices(1000, 2000, 1000), FULL: slices(950, 1840, 910)}
    found.rates.slices[POST] = {BARE: slices(1000, 1000), FULL: slices(600, 650), PEER: slices(50, 50)}
    return found


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Goal("rate", 0.9, measured=0.9), "reached"),
        (Goal("rate", 0.9, measured=0.85), "missed by 0.05"),
        (Goal("memory", 15, at_most=True, measured=15.0, unit=" MB"), "reached"),
        (Goal("memory", 15, at_most=True, measured=27.5, unit=" MB"), "missed by 12.5 MB"),
        (Goal("rate", 0.9), "not measured"),
    ],
)
def test_a_verdict_says_whether_a_number_was_reached_or_by_how_much_it_was_missed(
    goal: Goal, expected: str
) -> None:
    assert verdict(goal) == expected


def test_a_rate_is_judged_by_the_median_of_its_ratios() -> None:
    get = next(goal for goal in goals(findings()) if goal.what.startswith("GET"))

    assert get.measured == 0.92
    assert "0.91–0.92–0.95" in get.details


def test_the_goal_against_the_peer_tells_how_fast_bare_flask_is_there() -> None:
    goal = next(
        goal for goal in goals(findings()) if goal.what.startswith("POST") and "flask-openheart" in goal.what
    )

    assert goal.measured == 12.5
    assert "bare Flask itself is 20.00 times as fast" in goal.details


def test_memory_and_import_time_are_judged_above_bare_flask() -> None:
    found = findings()
    found.memory = {BARE: Memory(20.0, 30.0), FULL: Memory(32.5, 45.0)}
    found.imports = {"flask": spread([100.0]), "openheart": spread([20.0, 30.0, 25.0])}

    by_name = {goal.what: goal.measured for goal in goals(found)}

    assert by_name["memory of a worker above bare Flask (PSS)"] == 12.5
    assert by_name["`import openheart` above `import flask`"] == 25.0


def test_one_wrong_slice_of_counts_misses_the_goal() -> None:
    found = findings()
    found.rates.checks = {FULL: CountCheck(1, 100, ["the counts grew by 99 instead of by 100 to 116"])}

    goal = goals(found)[-1]

    assert verdict(goal) == "missed by 1"
    assert "the counts grew by 99 instead of by 100 to 116" in render(found)


def test_a_wrong_count_of_the_peer_is_reported_and_misses_no_goal_of_openheart() -> None:
    found = findings()
    found.rates.checks = {FULL: CountCheck(1, 100), PEER: CountCheck(1, 100, ["grew by 99"])}

    assert verdict(goals(found)[-1]) == "reached"
    assert "flask-openheart 0.0.1, gunicorn: 0 of 1 slices stored what they acknowledged" in render(found)


def test_a_run_that_measured_nothing_still_reports_every_goal_as_not_measured() -> None:
    text = render(Findings("- CPUs usable: 2", "gunicorn", rounds=3, seconds=0.5))

    assert text.count("| not measured | not measured |") == 8


def test_the_report_has_one_row_for_each_cell_with_the_refusals_beside_the_ratio() -> None:
    found = findings()
    found.rates.slices[POST][PEER] = [Slice(50, 7, 0, 1.0, 1.0, 2.0), Slice(50, 0, 1, 1.0, 1.0, 2.0)]

    text = render(found)

    assert "| 1 | 16 | hot | 1,000 | 0.60–0.62–0.65 | 0.05–0.05–0.05 (8 refused) |" in text


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
