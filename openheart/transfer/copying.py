"""Copies counts from one storage to another, and compares them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from ..errors import TransferError
from ..storage.backend import LARGEST_DELTA, Backend, Counts
from ..storage.capabilities import Listed, Movable

__all__ = [
    "Advance",
    "Comparison",
    "Progress",
    "batches",
    "compare",
    "compare_rows",
    "copy",
    "nothing",
    "silently",
]

T = TypeVar("T")

Advance = Callable[[int], None]
"""Called with the number of targets, or bytes, that were done since the last call."""

Progress = Callable[[str, int | None, str], AbstractContextManager[Advance]]
"""Called at the start of a step with its name, its size or None, and the unit of that, such as ``targets`` or
``bytes``. In the ``with`` block it gives the Advance of the step."""

BATCH = 1000
"""Targets that are read or written at once."""

_EXAMPLES = 5


def nothing(_: int) -> None:
    """An Advance that does nothing."""


def silently(_: str, __: int | None, ___: str) -> AbstractContextManager[Advance]:
    """A Progress that shows nothing."""
    return nullcontext(nothing)


@dataclass(slots=True)
class Comparison:
    """How the counts in one storage compare with those in another.

    Attributes:
        targets: how many targets the first one has.
        less: how many of them have a smaller count in the second.
        more: how many of them have a larger count in the second, or an emoji more, and no smaller one.
        others: how many targets only the second one has.
        examples: a few of the targets in ``less``.
    """

    targets: int = 0
    less: int = 0
    more: int = 0
    others: int = 0
    examples: list[str] = field(default_factory=list)


def copy(rows: Iterable[tuple[str, Counts]], to: Movable, advance: Advance = nothing) -> int:
    """Raise the counts in a storage to those of some rows; doing it again changes nothing more.

    Args:
        rows: targets with their counts.
        to: the storage, connected.
        advance: called with the number of targets.

    Returns:
        How many rows there were.

    Raises:
        TransferError: a count is larger than any storage holds.
        BackendError: of either storage; what was copied is stored. Call it again to continue.
    """
    number = 0
    for batch in batches(rows):
        for target, counts in batch:
            if max(counts.values(), default=0) > LARGEST_DELTA:
                raise TransferError(f"{target!r} has a count of more than {LARGEST_DELTA}: correct it first")
        to.at_least(batch)
        number += len(batch)
        advance(len(batch))
    return number


def compare(source: Listed, to: Listed, advance: Advance = nothing) -> Comparison:
    """Compare what two storages hold, in batches.

    Args:
        source: the first one, connected.
        to: the second one, connected.
        advance: called with the number of targets that were read from either.
    """
    found = compare_rows(source.iter_targets(), to, advance)
    for batch in batches(to.iter_targets()):
        found.others += sum(not counts for counts in source.counts([target for target, _ in batch]))
        advance(len(batch))
    return found


def compare_rows(rows: Iterable[tuple[str, Counts]], to: Backend, advance: Advance = nothing) -> Comparison:
    """Compare some rows with what a storage holds of their targets; ``others`` stays 0.

    Args:
        rows: targets with their counts, each target once.
        to: the storage, connected.
        advance: called with the number of targets.
    """
    found = Comparison()
    for batch in batches(rows):
        there = to.counts([target for target, _ in batch])
        for (target, counts), others in zip(batch, there, strict=True):
            if any(others.get(emoji, 0) < count for emoji, count in counts.items()):
                found.less += 1
                if len(found.examples) < _EXAMPLES:
                    found.examples.append(target)
            elif others != counts:
                found.more += 1
        found.targets += len(batch)
        advance(len(batch))
    return found


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Some items, ``size`` at a time."""
    rest = iter(items)
    while batch := [*islice(rest, size)]:
        yield batch
