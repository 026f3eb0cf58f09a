"""The report in Markdown: the numbers to reach, then every cell as ratios to the yardstick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .counts import CountCheck
from .footprint import Memory
from .plan import BARE, FULL, HEADLINE, PEER, Cell
from .rates import Rates
from .servers import ServerKind
from .stats import Spread, spread

__all__ = ["Findings", "Goal", "goals", "render", "table", "verdict"]

MISSING = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """One number to reach.

    Attributes:
        what: what is measured.
        reach: the number.
        at_most: whether the number is an upper bound; else it is a lower one.
        measured: the number measured; None where it was not.
        unit: follows the numbers.
        details: the spread, and how other cells fared.
    """

    what: str
    reach: float
    at_most: bool = False
    measured: float | None = None
    unit: str = ""
    details: str = ""


@dataclass(slots=True)
class Findings:
    """All that one run of the benchmark found; a part that was not run stays empty.

    Attributes:
        machine: the machine in words.
        server: the WSGI server of ``rates``.
        rounds: slices of each contender in each cell.
        seconds: length of one slice.
        rates: the main run.
        other_servers: WSGI server -> the same comparison on it, in a few cells.
        host: the comparison of routes that are not openheart's, under the server.
        dispatch: the same within Flask alone, as the ratio of CPU times.
        imports: ``flask`` -> its import time in milliseconds, ``openheart`` -> what comes on top.
        memory: contender's name -> memory of one worker.
        batch: milliseconds of one batch GET, and its gain over single GETs.
        notes: what could not be measured, and why.
    """

    machine: str
    server: ServerKind
    rounds: int
    seconds: float
    rates: Rates = field(default_factory=Rates)
    other_servers: dict[ServerKind, Rates] = field(default_factory=dict)
    host: dict[str, Spread] = field(default_factory=dict)
    dispatch: Spread | None = None
    imports: dict[str, Spread] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    batch: tuple[Spread, Spread] | None = None
    notes: list[str] = field(default_factory=list)

    def all_rates(self) -> list[tuple[ServerKind, Rates]]:
        """The runs under each WSGI server, the main one first."""
        return [(self.server, self.rates), *self.other_servers.items()]

    def own_checks(self) -> list[CountCheck]:
        """The checks of openheart's counts; the peer's are its own affair."""
        everyone = [pair for _, rates in self.all_rates() for pair in rates.checks.items()]
        return [check for name, check in everyone if name != PEER]


def verdict(goal: Goal) -> str:
    """Say whether a number was reached, or by how much it was missed."""
    if goal.measured is None:
        return MISSING
    short = goal.measured - goal.reach if goal.at_most else goal.reach - goal.measured
    return "reached" if short <= 0 else f"missed by {_number(short)}{goal.unit}"


def goals(findings: Findings) -> list[Goal]:
    """Compare the findings with the numbers to reach."""
    rates = findings.rates
    checks = findings.own_checks()
    checked = sum(check.slices for check in checks)
    extra_import = extra_memory = None
    if "openheart" in findings.imports:
        extra_import = findings.imports["openheart"].median
    if FULL in findings.memory:
        extra_memory = findings.memory[FULL].proportional - findings.memory[BARE].proportional
    gain = findings.batch[1] if findings.batch else None
    dispatch = findings.dispatch
    return [
        _rate_goal("GET, SQLite FULL / bare Flask", 0.9, rates, "GET", BARE),
        _rate_goal("POST, SQLite FULL / bare Flask", 0.7, rates, "POST", BARE),
        _rate_goal("POST, SQLite FULL / flask-openheart 0.0.1", 10, rates, "POST", PEER),
        Goal(
            "CPU time that openheart adds to a route of the host that does not use it", 2, True,
            (dispatch.median - 1) * 100 if dispatch else None, " %",
            f"ratio {dispatch.text('{:.3f}')} in {dispatch.rounds} rounds" if dispatch else "",
        ),
        Goal("memory of a worker above bare Flask (PSS)", 15, True, extra_memory, " MB"),
        Goal("`import openheart` above `import flask`", 30, True, extra_import, " ms"),
        Goal(
            "one GET of 100 targets against 100 GETs", 20, False, gain.median if gain else None, " times",
            gain.text("{:.0f}") if gain else "",
        ),
        Goal(
            "slices of openheart whose stored counts are not the acknowledged ones", 0, True,
            float(sum(len(check.failures) for check in checks)) if checked else None, "",
            f"of {checked:,} with {sum(check.acknowledged for check in checks):,} acknowledged reactions",
        ),
    ]  # fmt: skip


def render(findings: Findings) -> str:
    """Write the whole report."""
    parts = [
        "# Benchmark results",
        "Made by `make bench`. Compare the ratios, not requests a second: each is that of two slices of "
        f"{findings.seconds:g} s in the same round; the contenders take turns in {findings.rounds} rounds. "
        "A spread is least–median–greatest. The yardstick is a bare Flask route that returns a constant "
        "JSON object and reads no body, under the same server, number of threads, and load.",
        findings.machine,
        "## Numbers to reach",
        f"Judged in the cell of 1 process, {HEADLINE.connections} connections and the hot page, under "
        f"{findings.server}; the details name the spread there and the medians of all cells.",
        table(
            ("what", "reach", "measured", "verdict", "details"),
            [
                (goal.what, _bound(goal), _measured(goal), verdict(goal), goal.details)
                for goal in goals(findings)
            ],
        ),
    ]  # fmt: skip
    for method in ("GET", "POST"):
        rows = _cell_rows(findings.rates, method)
        if rows:
            parts += [f"## {method}, ratio to bare Flask, under {findings.server}", rows]
    if findings.other_servers:
        parts += ["## Other servers, ratio to bare Flask on the same server"]
        for server, rates in findings.other_servers.items():
            parts += [f"### {server}", *filter(None, (_cell_rows(rates, "GET"), _cell_rows(rates, "POST")))]
    if findings.host:
        routes = table(("route", "ratio"), [(name, value.text()) for name, value in findings.host.items()])
        parts += ["## Routes that are not openheart's, GET, ratio to bare Flask", routes]
    parts += _footprint_parts(findings)
    if any(rates.checks for _, rates in findings.all_rates()):
        parts += ["## Counts", _check_text(findings)]
    if findings.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in findings.notes)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _rate_goal(what: str, reach: float, rates: Rates, method: str, yardstick: str) -> Goal:
    medians = [
        spread(found).median
        for cell in rates.slices
        if cell.method == method and (found := rates.ratios(cell, FULL, yardstick))
    ]
    headline = rates.ratios(replace(HEADLINE, method=method), FULL, yardstick)
    if not headline:
        return Goal(what, reach)
    here = spread(headline)
    below = sum(median < reach for median in medians)
    details = (
        f"{here.text()}; cells: {min(medians):.2f} to {max(medians):.2f}, {below} of {len(medians)} below"
    )
    if yardstick != BARE:
        ceiling = spread(rates.ratios(replace(HEADLINE, method=method), BARE, yardstick)).median
        details += f"; bare Flask itself is {ceiling:.2f} times as fast there"
    return Goal(what, reach, False, here.median, "", details)


def _cell_rows(rates: Rates, method: str) -> str:
    cells = [cell for cell in rates.slices if cell.method == method]
    names = list(dict.fromkeys(name for cell in cells for name in rates.slices[cell] if name != BARE))
    if not cells:
        return ""
    rows = [
        (
            str(cell.workers), str(cell.connections), "hot" if cell.pages == 1 else f"{cell.pages:,}",
            f"{spread([one.rate for one in rates.slices[cell][BARE]]).median:,.0f}",
            *(_ratio(rates, cell, name) for name in names),
        )
        for cell in cells
    ]  # fmt: skip
    return table(("processes", "connections", "pages", "bare Flask, 1/s", *names), rows)


def _ratio(rates: Rates, cell: Cell, name: str) -> str:
    found = rates.ratios(cell, name)
    if not found:
        return "–"
    refused = sum(one.refused + one.broken for one in rates.slices[cell][name])
    return spread(found).text() + (f" ({refused:,} refused)" if refused else "")


def _footprint_parts(findings: Findings) -> list[str]:
    parts = []
    if findings.imports:
        imports = [(f"`import {name}`", value.text("{:.0f}")) for name, value in findings.imports.items()]
        title = "## Import time in fresh interpreters, one statement after the other"
        parts += [title, table(("statement", "milliseconds"), imports)]
    if findings.memory:
        base = findings.memory[BARE].proportional
        workers = [
            (name, f"{value.proportional:.1f}", f"{value.resident:.1f}", f"{value.proportional - base:+.1f}")
            for name, value in findings.memory.items()
        ]
        head = ("worker", "PSS, MB", "RSS, MB", "PSS above bare Flask, MB")
        parts += ["## Memory of a worker after GETs and POSTs on many pages", table(head, workers)]
    if findings.batch:
        batch, gain = findings.batch
        text = (
            f"One GET of 100 targets takes {batch.text('{:.1f}')} ms; "
            f"100 GETs take {gain.text('{:.0f}')} times as long."
        )
        parts += ["## Batch GET", text]
    return parts


def _check_text(findings: Findings) -> str:
    lines = []
    for server, rates in findings.all_rates():
        for name, check in rates.checks.items():
            right = check.slices - len(check.failures)
            lines.append(
                f"- {name}, {server}: {right:,} of {check.slices:,} slices stored what they acknowledged "
                f"({check.acknowledged:,} reactions)."
            )
            lines += [f"  - {failure}" for failure in check.failures]
    lines.append(
        "\nA slice ends with requests under way, so the stored counts may exceed the acknowledged ones by "
        "the number of connections at the most; each cell ends with POSTs whose answers are all awaited, "
        "and there the two must be equal."
    )
    return "\n".join(lines)


def _number(value: float) -> str:
    if value.is_integer():
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _bound(goal: Goal) -> str:
    return f"{'≤' if goal.at_most else '≥'} {goal.reach:g}{goal.unit}"


def _measured(goal: Goal) -> str:
    return MISSING if goal.measured is None else f"{_number(goal.measured)}{goal.unit}"
