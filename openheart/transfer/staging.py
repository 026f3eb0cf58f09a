"""Converts reactions of another system to openheart's spelling, and adds up those that become equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from ..errors import TransferError, VisitorError
from ..protocol import canonical_emoji
from ..storage.backend import LARGEST_DELTA, Change
from ..storage.capabilities import Listed
from ..storage.sqlite.backend import SqliteBackend
from .copying import batches
from .foreign import Reaction
from .temporary import temporary_folder, writing_to

__all__ = ["Problems", "staged"]

_BATCH = 500
_SHOWN = 5


@dataclass(slots=True)
class Problems:
    """The entries of a file that cannot be used.

    Attributes:
        number: how many entries.
        shown: the first of them, each with its place.
    """

    number: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Note one."""
        self.number += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(text)


@contextmanager
def staged(
    reactions: Iterable[Reaction], spell: Callable[[str], str], problems: Problems
) -> Iterator[Listed]:
    """Add the reactions up in a temporary file, which is removed at the end.

    Several spellings of a page, or of an emoji, become one here; adding them up in the destination would
    count them twice when the import is repeated.

    Args:
        reactions: what another system wrote.
        spell: from its spelling of a target to the canonical one.
        problems: records what cannot be used.

    Raises:
        TransferError: that file cannot be written.
    """
    with temporary_folder() as folder, ExitStack() as stack:
        backend = SqliteBackend("sqlite:///staged.db", folder=folder, synchronous="NORMAL")
        with writing_to(folder):
            stack.enter_context(backend)
        changes = filter(None, (_change(reaction, spell, problems) for reaction in reactions))
        for batch in batches(changes, _BATCH):
            with writing_to(folder):
                backend.apply(batch)
        yield backend


def _change(reaction: Reaction, spell: Callable[[str], str], problems: Problems) -> Change | None:
    try:
        if reaction.times is None or reaction.times > LARGEST_DELTA:
            raise TransferError(f"a count is a whole number up to {LARGEST_DELTA}")
        target, emoji = spell(reaction.target), canonical_emoji(reaction.emoji)
    except (TransferError, VisitorError) as error:
        problems.add(f"{reaction.place}: {error}")
        return None
    return Change(target, emoji, reaction.times) if reaction.times else None
