"""What the formats of other systems have in common: reactions as they were written there."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Reaction", "count_of"]


class Reaction(NamedTuple):
    """How often one emoji was given to one target, as another system wrote it.

    Attributes:
        place: where it is in the file, such as ``line 3``.
        target: the target, in that system's spelling.
        emoji: text that should start with an emoji.
        times: how often; None if that is not a count.
    """

    place: str
    target: str
    emoji: str
    times: int | None


def count_of(value: object) -> int | None:
    """A count from a number or from text; None if it is not a whole number of 0 or more."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    return value if type(value) is int and value >= 0 else None
