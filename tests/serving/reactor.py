"""Clients that react from many threads, and what they were told, held against what is stored."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

__all__ = ["HOT", "React", "Tally", "own_target", "react_from_threads"]

HOT = "hot"
"""The target that every client reacts to."""

HOT_EMOJI = "🔥"
EMOTICONS = 0x1F600  # the first of 80 emoji in a row

SHOWN = 5  # how many complaints a failure shows

React: TypeAlias = Callable[[str, str], Mapping[str, int]]
"""Adds an emoji to a target and returns the counts after it."""


@dataclasses.dataclass
class Tally:
    """What happened to the reactions of some clients, per target.

    Attributes:
        acknowledged: how many were answered.
        failed: how many ended in an error.
        crossed: the answers that are not those of their target.
        errors: the errors.
    """

    acknowledged: Counter[str] = dataclasses.field(default_factory=Counter)
    failed: Counter[str] = dataclasses.field(default_factory=Counter)
    crossed: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what happened to other clients."""
        self.acknowledged += other.acknowledged
        self.failed += other.failed
        self.crossed += other.crossed
        self.errors += other.errors

    def save(self, path: Path) -> None:
        """Write it to a file, which is there once it is whole."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(vars(self)), encoding="utf-8")
        draft.rename(path)

    @classmethod
    def read(cls, path: Path) -> Tally:
        """Read it from a file."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            Counter(found["acknowledged"]), Counter(found["failed"]), found["crossed"], found["errors"]
        )

    def verify(self, stored: Mapping[str, Mapping[str, int]]) -> None:
        """Fail unless every reaction was answered with the counts of its target and is stored once.

        Args:
            stored: the counts of every target there is.
        """
        sums = {target: sum(counts.values()) for target, counts in stored.items()}
        lost: Counter[str] = Counter()
        doubled: Counter[str] = Counter()
        for target in self.acknowledged.keys() | self.failed.keys() | sums.keys():
            surplus = sums.get(target, 0) - self.acknowledged[target]
            lost[target] = max(0, -surplus)
            doubled[target] = max(0, surplus - self.failed[target])
        wrong = {
            "lost": lost.total(),
            "doubled": doubled.total(),
            "crossed": len(self.crossed),
            "failed": self.failed.total(),
        }
        if any(wrong.values()) or self.errors:
            figures = ", ".join(f"{count} {what}" for what, count in wrong.items())
            examples = [*self.crossed[:SHOWN], *self.errors[:SHOWN]]
            raise AssertionError(
                "\n".join([f"of {self.acknowledged.total()} acknowledged reactions: {figures}", *examples])
            )


def own_target(number: int) -> str:
    """The target that only one client reacts to."""
    return f"own-{number}"


def react_from_threads(react: React, numbers: Sequence[int], is_done: Callable[[int], bool]) -> Tally:
    """React from a thread per client until each has done enough.

    Args:
        react: adds one reaction.
        numbers: the numbers of the clients, each used once in a test.
        is_done: whether a client that has had so many turns has done enough.
    """
    tally = Tally()
    together = threading.Barrier(len(numbers))
    with ThreadPoolExecutor(len(numbers)) as pool:
        for each in [pool.submit(_client, react, number, together, is_done) for number in numbers]:
            tally.add(each.result())
    return tally


def _client(react: React, number: int, together: threading.Barrier, is_done: Callable[[int], bool]) -> Tally:
    tally = Tally()
    own, own_emoji = own_target(number), chr(EMOTICONS + number)
    together.wait()
    turn = 0
    # One error is enough, above all where each takes as long as the time-out.
    while not tally.errors and not is_done(turn):
        turn += 1
        counts = _react(react, own, own_emoji, tally)
        # Nobody else reacts there, so the answer is known.
        if counts is not None and counts != {own_emoji: tally.acknowledged[own]}:
            expected = {own_emoji: tally.acknowledged[own]}
            tally.crossed.append(f"{own} was answered with {counts} instead of {expected}")
        counts = _react(react, HOT, HOT_EMOJI, tally)
        if counts is not None and not (
            counts.keys() == {HOT_EMOJI} and counts[HOT_EMOJI] >= tally.acknowledged[HOT]
        ):
            least = tally.acknowledged[HOT]
            tally.crossed.append(f"{HOT} was answered with {counts} instead of {least} {HOT_EMOJI} or more")
    return tally


def _react(react: React, target: str, emoji: str, tally: Tally) -> dict[str, int] | None:
    try:
        counts = dict(react(target, emoji))
    except Exception as error:
        tally.failed[target] += 1
        tally.errors.append(f"{target}: {type(error).__name__}: {error}")
        return None
    tally.acknowledged[target] += 1
    return counts
