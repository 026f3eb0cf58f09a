"""The report on storages beyond one machine."""

from __future__ import annotations

from benchmarks.counts import CountCheck
from benchmarks.engine_memory import Size
from benchmarks.engine_report import engine_goals, render_engines
from benchmarks.engine_ways import ADDING_UP, ONE_PIPELINE, OURS, VALKEY_WAYS
from benchmarks.engines import HEADLINE, SINGLE, TOOL, EngineCell, EngineFindings, EngineRates
from benchmarks.report import verdict

YARDSTICK = VALKEY_WAYS[0].name
COLD = EngineCell(HEADLINE.processes, HEADLINE.threads, 100_000)


def findings() -> EngineFindings:
    rates = EngineRates(check=CountCheck(2, 4_000))
    rates.rates = {
        HEADLINE: {
            YARDSTICK: [1000.0, 2000.0, 1000.0],
            ONE_PIPELINE: [2000.0, 4000.0, 2000.0],
            OURS: [900.0, 1700.0, 800.0],
            ADDING_UP: [1500.0, 3000.0, 1600.0],
        },
        COLD: {YARDSTICK: [1000.0], ONE_PIPELINE: [2000.0], OURS: [900.0], ADDING_UP: [890.0]},
    }
    return EngineFindings(3, 0.5, engines={SINGLE: rates})


def test_the_goals_are_judged_on_the_hot_page_and_by_the_median_of_ratios() -> None:
    plain, adding, cold, counts = engine_goals(findings())

    assert (plain.measured, plain.details, verdict(plain)) == (0.85, "0.80–0.85–0.90", "reached")
    assert (adding.measured, verdict(adding)) == (1.5, "reached")
    assert cold.what.endswith("1 × 8 threads, 100,000 pages")
    assert cold.details == "0.99–0.99–0.99"
    assert verdict(counts) == "reached"


def test_a_wrong_count_misses_its_goal_and_is_written_out() -> None:
    found = findings()
    found.engines[SINGLE].check.failures.append("openheart, hot page: the counts grew by 9 instead of by 8")
    found.engines[SINGLE].broken["openheart, hot page: TimeoutError: late"] = 2

    text = render_engines(found, "- CPUs usable: 2")

    assert verdict(engine_goals(found)[-1]) == "missed by 1"
    assert "- openheart, hot page: the counts grew by 9 instead of by 8" in text
    assert "- 2 unanswered: openheart, hot page: TimeoutError: late" in text


def test_the_report_has_one_row_for_each_cell_with_ratios_to_both_loops() -> None:
    text = render_engines(findings(), "- CPUs usable: 2")

    assert (
        "| 1 | 8 | hot | 1,000 | 900 | 1,600 | 2.00–2.00–2.00 | 0.80–0.85–0.90 | 1.50–1.50–1.60 "
        "| 0.40–0.42–0.45 | 0.75–0.75–0.80 |" in text
    )
    assert TOOL not in text


def test_the_tool_has_a_column_where_it_was_there() -> None:
    found = findings()
    for row in found.engines[SINGLE].rates.values():
        row[TOOL] = [3 * rate for rate in row[YARDSTICK]]

    assert "3.00–3.00–3.00" in render_engines(found, "- CPUs usable: 2")


def test_sizes_are_a_table_by_number_of_emoji() -> None:
    found = findings()
    found.sizes = [Size("Valkey: a nonce", (100.4, None, 300.0))]

    text = render_engines(found, "- CPUs usable: 2")

    assert "| bytes | 1 emoji | 3 emoji | 8 emoji |" in text
    assert "| Valkey: a nonce | 100 | – | 300 |" in text


def test_a_run_in_which_no_server_could_be_started_says_so() -> None:
    text = render_engines(EngineFindings(3, 0.5, notes=["MongoDB was not measured: no Java"]), "- CPUs: 2")

    assert "not measured | not measured" in text
    assert "- MongoDB was not measured: no Java" in text
