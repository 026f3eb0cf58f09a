"""What a backend can do besides adding and reading: each capability is a base class, and buys features."""

from __future__ import annotations

import abc
import heapq
from collections.abc import Iterator, Sequence
from typing import ClassVar

from ..errors import CapabilityMissing
from .backend import Backend, Change, Counts, Listing, Rows

__all__ = ["Batched", "Capped", "Listed", "Movable", "lacking", "listed", "movable", "pages_of"]

_PAGE = 1000  # targets that are read at once when all are listed


class Batched(Backend):
    """Many changes, or the counts of many targets, in one call: ``apply`` and ``counts``.

    It buys one call to the storage for a batch of targets, and a busy page whose reactions are added up
    while they wait. ``incr`` and ``iter`` are made from the two.
    """

    ability: ClassVar[str] = "store or read several counts in one call"
    without: ClassVar[str] = "a batch takes one call for each target, and a busy page one for each reaction"

    adds_up: ClassVar[bool] = False
    """Whether the backend itself stores the changes of several threads in one step. If it does not,
    openheart adds up the changes to the same target before they reach it."""

    @abc.abstractmethod
    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        """Add the changes, atomically per target, and return once they are stored for good.

        Args:
            changes: what to add, in order.

        Returns:
            For each change the counts of its target after it.

        Raises:
            OutcomeUnknown: sent, not answered.
            BackendError: any other failure; nothing was stored.
        """

    @abc.abstractmethod
    def counts(self, targets: Sequence[str]) -> list[Counts]:
        """Read the counts of several targets in one call to the storage; see ``Backend.counts``."""

    def incr(self, slug: str, reaction: str) -> Counts:
        """Add one reaction, and return the counts of the target after it; see ``apply``."""
        return self.apply((Change(slug, reaction),))[0]

    def iter(self, slug: str) -> Iterator[tuple[str, int]]:
        """Yield each reaction of a target with its count."""
        yield from self.counts((slug,))[0].items()


class Capped(Batched):
    """A limit to the different emoji of a target, kept in the step that adds one: ``apply`` obeys
    ``Change.cap``.

    It buys OPENHEART_MAX_EMOJI. A change whose emoji would be one too many is not stored, and the emoji is
    missing in the counts that answer it; the other changes of the call are stored. ``Cap.refuses`` decides
    where the counts before it are known.
    """

    ability: ClassVar[str] = "limit the different emoji of a page"
    without: ClassVar[str] = (
        "a page can get every emoji that there is, and OPENHEART_MAX_EMOJI is unavailable"
    )


class Listed(Backend):
    """A list of all targets.

    It buys ``openheart top``, ``export`` and ``backup``, the list of a site and of a tenant, and being what
    ``openheart migrate`` copies from.
    """

    ability: ClassVar[str] = "list its targets"
    without: ClassVar[str] = (
        "`openheart top`, `export`, `backup` and `migrate`, OPENHEART_LISTING and the lists of tenants are "
        "unavailable"
    )

    @abc.abstractmethod
    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        """List the targets that have counts.

        Args:
            prefix: only targets that start with it.
            cursor: that of the previous page; None starts at the beginning.
            limit: the most targets to return, at least 1.

        Raises:
            InvalidRequest: this backend did not make the cursor.
        """

    def iter_targets(self, prefix: str = "") -> Iterator[tuple[str, Counts]]:
        """Every target with its counts, page by page, in the backend's own order."""
        for page in pages_of(self, prefix):
            yield from page.targets

    def number_of_targets(self, prefix: str = "") -> int | None:
        """About how many targets there are, for a progress bar; None if counting is as slow as listing them.

        Args:
            prefix: only targets that start with it.
        """
        return None

    def top(self, limit: int = 10) -> Rows:
        """The targets with the most reactions, most first, then by target.

        Reads every target unless the backend has a faster way.
        """
        return heapq.nsmallest(limit, self.iter_targets(), key=lambda row: (-sum(row[1].values()), row[0]))


class Movable(Batched):
    """Counts that can be raised, removed and given to another target.

    It buys ``openheart import``, ``restore``, ``rename`` and ``delete``, and, together with ``Listed``, being
    what ``openheart migrate`` copies to.
    """

    ability: ClassVar[str] = "move counts"
    without: ClassVar[str] = (
        "`openheart import`, `restore`, `rename`, `delete`, and `migrate` to it, are unavailable"
    )

    def at_least(self, rows: Sequence[tuple[str, Counts]]) -> None:
        """Raise counts to at least the given ones: how data moves in. A larger count does not change.

        After any failure it can be called again with the same rows, and a count that is there already is
        not added a second time. Reactions that arrive meanwhile are kept; whether they are added to the
        raised counts is undefined. One caller at a time should raise the counts of a target.

        Args:
            rows: targets with the minimum for each emoji, 1 to LARGEST_DELTA; a target may appear
                twice.

        Raises:
            BackendError: some rows may be stored; call it again.
        """
        wanted: dict[str, Counts] = {}
        for target, counts in rows:
            minimum = wanted.setdefault(target, {})
            for emoji, count in counts.items():
                minimum[emoji] = max(count, minimum.get(emoji, 0))
        changes = [
            Change(target, emoji, count - there.get(emoji, 0))
            for (target, counts), there in zip(wanted.items(), self.counts([*wanted]), strict=True)
            for emoji, count in counts.items()
            if count > there.get(emoji, 0)
        ]
        self.apply(changes)

    @abc.abstractmethod
    def delete(self, targets: Sequence[str]) -> None:
        """Remove all counts of some targets. Targets without counts are not an error.

        Raises:
            BackendError: some may be removed; call it again.
        """

    @abc.abstractmethod
    def rename(self, old: str, new: str) -> Counts:
        """Add the counts of one target to those of another and remove the first.

        In the end each reaction is at the old target or at the new one, once, whatever failed: calling it
        again finishes the move, and adds nothing a second time. Until then, moved reactions may be at
        neither. A reaction to the old target that arrives meanwhile is moved too, or stays there for the
        next call.

        Args:
            old: the canonical target that is removed.
            new: the canonical target that gets its counts; not the same as ``old``.

        Returns:
            The counts of the new target after it.

        Raises:
            BackendError: the move may be incomplete; call it again.
        """


def listed(backend: Backend) -> Listed:
    """The backend as one that can list its targets.

    Raises:
        CapabilityMissing: it cannot.
    """
    if not isinstance(backend, Listed):
        raise _missing(backend, Listed)
    return backend


def movable(backend: Backend) -> Movable:
    """The backend as one that can move counts; raises as ``listed``."""
    if not isinstance(backend, Movable):
        raise _missing(backend, Movable)
    return backend


def lacking(backend: Backend) -> list[str]:
    """For each capability that a backend lacks, a sentence that says what is unavailable or slow."""
    return [
        f"{type(backend).__name__} cannot {each.ability}: {each.without}"
        for each in (Batched, Capped, Listed, Movable)
        if not isinstance(backend, each)
    ]


def pages_of(backend: Listed, prefix: str = "", cursor: str | None = None) -> Iterator[Listing]:
    """List the targets of a backend page by page; arguments and errors as in ``Listed.list``."""
    while True:
        page = backend.list(prefix, cursor, _PAGE)
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def _missing(backend: Backend, capability: type[Listed] | type[Movable]) -> CapabilityMissing:
    return CapabilityMissing(
        f"{type(backend).__name__} cannot {capability.ability}, which is needed here: use another storage, "
        f"or make it openheart.storage.{capability.__name__}"
    )
