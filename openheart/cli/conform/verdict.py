"""What the cases found: for people one line for one cause and a table last, for scripts a document."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from .judging import Outcome

__all__ = ["as_document", "table"]

_RESULTS = ("passed", "failed", "not checkable")


def table(outcomes: Sequence[Outcome]) -> str:
    """A report: what failed and what cannot be checked, by cause, and then how many cases of each group."""
    causes: defaultdict[str, list[Outcome]] = defaultdict(list)
    reasons: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.failure is not None:
            causes[outcome.cause or outcome.failure].append(outcome)
        elif outcome.unchecked is not None:
            reasons[outcome.unchecked].append(outcome)
    lines: list[str] = []
    for found in causes.values():
        lines += (
            _failed_once(found[0]) if len(found) == 1 else [f"Failed: {_named(found)}: {found[0].failure}"]
        )
    lines += [f"Not checkable: {_named(found)}: {reason}" for reason, found in reasons.items()]
    lines += [""] if lines else []
    lines.append(f"{'group':<12}" + "".join(f"{result:>15}" for result in _RESULTS))
    for group, numbers in _summary(outcomes).items():
        lines.append(f"{group:<12}" + "".join(f"{numbers[result]:>15}" for result in _RESULTS))
    return "\n".join(lines)


def as_document(outcomes: Sequence[Outcome], url: str, form: str, targets: Sequence[str]) -> dict[str, Any]:
    """The same for scripts.

    Args:
        outcomes: one for each case.
        url: the server's prefix.
        form: the form of its targets.
        targets: the addresses on which reactions were left, after the prefix.

    Returns:
        ``url``, ``target`` (the form), ``summary`` (group -> result -> number), ``targets`` and ``cases``,
        each with ``group``, ``name``, ``why``, ``reading``, ``result`` (``passed``, ``failed`` or ``not
        checkable``), and ``reason``, which is null for one that passed.
    """
    cases = [
        {
            "group": each.case.group,
            "name": each.case.name,
            "why": each.case.why,
            "reading": each.case.reading,
            "result": each.result,
            "reason": each.failure or each.unchecked,
        }
        for each in outcomes
    ]
    return {
        "url": url,
        "target": form,
        "summary": _summary(outcomes),
        "targets": list(targets),
        "cases": cases,
    }


def _summary(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    numbers = Counter((each.case.group, each.result) for each in outcomes)
    groups = dict.fromkeys(each.case.group for each in outcomes)
    return {group: {result: numbers[group, result] for result in _RESULTS} for group in groups}


def _named(found: Sequence[Outcome]) -> str:
    if len(found) == 1:
        return f"{found[0].case.group}, {found[0].case.name}"
    groups = Counter(each.case.group for each in found)
    numbers = ", ".join(f"{number} {group}" for group, number in groups.items())
    return f"{numbers}, such as {found[0].case.name}"


def _failed_once(outcome: Outcome) -> list[str]:
    case = outcome.case
    reading = " This is how openheart reads the protocol." if case.reading else ""
    return [
        f"Failed: {case.group}, {case.name}: {outcome.failure}",
        f"    Why it matters: {case.why}.{reading}",
    ]
