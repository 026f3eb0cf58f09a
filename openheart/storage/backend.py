"""The contract of every storage. A backend is one small file: it applies changes and returns counts.
Policy, validation, batching and retries are above it."""

from __future__ import annotations

import abc
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeAlias

from ..errors import BackendError, BackendNotConnected
from ..settings.config import Option
from ..system.finding import Finding
from ..system.masks import mask_uri

__all__ = ["LARGEST_DELTA", "Backend", "BackendError", "Change", "Counts", "Listing", "Rows", "pages_of"]

Counts: TypeAlias = dict[str, int]
"""The counts of one target: emoji -> how often, each at least 1; in no particular order."""

Rows: TypeAlias = list[tuple[str, Counts]]
"""Targets with their counts."""

LARGEST_DELTA = 2**53
"""The most that one change may add; every storage and every JSON reader holds it exactly."""

_PAGE = 1000  # targets that are read at once when all are listed


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one count.

    Attributes:
        target: the canonical target (``openheart.protocol.canonical_target``).
        emoji: the canonical emoji (``openheart.protocol.canonical_emoji``).
        delta: how much to add, from 1 to LARGEST_DELTA.

    Raises:
        ValueError: the delta is not in this range.
    """

    target: str
    emoji: str
    delta: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.delta <= LARGEST_DELTA:
            raise ValueError(f"delta={self.delta} cannot be added: expected 1 to {LARGEST_DELTA}")


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list of targets.

    Attributes:
        targets: targets with their counts, in the backend's own order, each once.
        cursor: what to pass for the next page; None on the last one.
    """

    targets: Rows
    cursor: str | None


class Backend(abc.ABC):
    """Where counts live.

    A backend is made unconnected, for one URI, and used from many threads at once. It may be used as
    a context manager, which connects and disconnects. After a fork the child uses the same object:
    a backend opens new connections there.

    Args:
        uri: where the storage is; its scheme is one of ``schemes``.
        instance: separates two instances on one database (setting INSTANCE); None is the unnamed one.
        folder: where a relative path in the URI starts; the current folder by default. A backend that
            is not a file ignores it.
        options: more settings of this kind of backend, by keyword.

    Raises:
        ConfigError: the URI is not valid for this kind of backend.
    """

    schemes: ClassVar[tuple[str, ...]] = ()
    """The URI schemes of this kind of backend, without the colon."""

    exactly_once: bool = True
    """Whether a change whose answer was lost can be repeated without being counted twice. If that depends
    on the server, it is known after ``connect()``."""

    settings: ClassVar[Mapping[str, Option[Any]]] = MappingProxyType({})
    """The settings that become keywords of the constructor: keyword -> row of the table in config.py."""

    adds_up: ClassVar[bool] = False
    """Whether the backend itself stores the changes of several threads in one step. If it does not,
    openheart adds up the changes to the same target before they reach it."""

    def __init__(self, uri: str, *, instance: str | None = None, folder: Path | None = None) -> None:
        self.uri = uri
        self.instance = instance
        self.folder = folder

    @property
    def location(self) -> str:
        """Where the counts are, for people to read; without a password."""
        return mask_uri(self.uri)

    @abc.abstractmethod
    def connect(self) -> None:
        """Open the storage, and create it if it does not exist. Calling it twice does nothing.

        Raises:
            BackendError: it cannot be opened; the text says what to do.
        """

    @abc.abstractmethod
    def disconnect(self) -> None:
        """Finish what was accepted, then close. Calling it twice, or unconnected, does nothing."""

    @abc.abstractmethod
    def is_connected(self) -> bool:
        """Whether ``connect()`` was called and ``disconnect()`` was not, since."""

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
        """Read the counts of several targets in one call to the storage.

        Args:
            targets: canonical targets; one may appear twice.

        Returns:
            For each target its counts, ``{}`` where there are none. The caller may keep and change
            them.
        """

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

    @abc.abstractmethod
    def check(self) -> None:
        """Try a write and a read that leave nothing behind.

        Raises:
            BackendError: one of them does not work; the text says what to do.
        """

    def examine(self) -> Iterator[Finding]:
        """What ``openheart doctor`` should report about this storage, besides whether writes and reads work.

        It is called unconnected if connecting failed, and then reports what it can without a connection.

        Raises:
            BackendError: the storage stopped responding.
        """
        yield from ()

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

    def top(self, limit: int = 10) -> Rows:
        """The targets with the most reactions, most first, then by target.

        Reads every target unless the backend has a faster way.
        """
        return heapq.nsmallest(limit, self.iter_targets(), key=lambda row: (-sum(row[1].values()), row[0]))

    def iter_targets(self, prefix: str = "") -> Iterator[tuple[str, Counts]]:
        """Every target with its counts, page by page, in the backend's own order."""
        for page in pages_of(self, prefix):
            yield from page.targets

    def incr(self, slug: str, reaction: str) -> Counts:
        """Add one reaction.

        Args:
            slug: the canonical target.
            reaction: the canonical emoji.

        Returns:
            The counts of the target after it.
        """
        return self.apply((Change(slug, reaction),))[0]

    def iter(self, slug: str) -> Iterator[tuple[str, int]]:
        """Yield each reaction of a target with its count."""
        yield from self.counts((slug,))[0].items()

    def require_connected(self) -> None:
        """Raise BackendNotConnected unless connected."""
        if not self.is_connected():
            raise BackendNotConnected(
                f"{type(self).__name__} is not connected: call connect() or use it in a with block"
            )

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()


def pages_of(backend: Backend, prefix: str = "", cursor: str | None = None) -> Iterator[Listing]:
    """List the targets of a backend page by page; arguments and errors as in ``Backend.list``."""
    while True:
        page = backend.list(prefix, cursor, _PAGE)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
