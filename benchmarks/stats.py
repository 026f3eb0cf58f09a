"""Ratios and their spread over interleaved rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Spread", "ratios", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the greatest of several measurements.

    Attributes:
        low: the least.
        median: the middle one; the mean of the middle two where their number is even.
        high: the greatest.
        rounds: how many there were.
    """

    low: float
    median: float
    high: float
    rounds: int

    def text(self, pattern: str = "{:.2f}") -> str:
        """Write it as ``low–median–high``, each by ``pattern``."""
        return "–".join(pattern.format(value) for value in (self.low, self.median, self.high))


def spread(values: Sequence[float]) -> Spread:
    """Sum up several measurements of one thing.

    Args:
        values: the measurements, at least one, in any order.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("a spread needs at least one measurement, and there is none")
    return Spread(min(values), statistics.median(values), max(values), len(values))


def ratios(values: Sequence[float], yardstick: Sequence[float]) -> list[float]:
    """Divide each round's value by the yardstick's value of the same round.

    What slows the machine down for a while slows both measurements of a round, so their ratio stands.

    Args:
        values: one measurement a round.
        yardstick: the yardstick's measurement of the same rounds, in the same order.

    Returns:
        One ratio a round; a round in which the yardstick measured nothing is left out.

    Raises:
        ValueError: the two have not the same number of rounds.
    """
    if len(values) != len(yardstick):
        raise ValueError(
            f"{len(values)} rounds cannot be compared with {len(yardstick)}: measure both in every round"
        )
    return [value / base for value, base in zip(values, yardstick, strict=True) if base > 0]
