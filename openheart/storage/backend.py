"""The contract of every storage: five methods. What more a storage can do is in ``capabilities``.
Policy, validation, batching and retries are above it."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeAlias

from ..errors import BackendError, BackendNotConnected, BackendUnavailable, OutcomeUnknown
from ..settings.config import Option
from ..system.finding import Finding
from ..system.masks import mask_uri

__all__ = ["LARGEST_DELTA", "Backend", "BackendError", "Cap", "Change", "Counts", "Listing", "Rows"]

Counts: TypeAlias = dict[str, int]
"""The counts of one target: emoji -> how often, each at least 1; in no particular order."""

Rows: TypeAlias = list[tuple[str, Counts]]
"""Targets with their counts."""

LARGEST_DELTA = 2**53
"""The most that one change may add; every storage and every JSON reader holds it exactly."""


@dataclass(frozen=True, slots=True)
class Cap:
    """How many different emoji a target may have.

    Attributes:
        most: the most that are not in ``free``, at least 1.
        free: the emoji that are always accepted and never counted.
    """

    most: int
    free: frozenset[str] = frozenset()

    def refuses(self, emoji: str, counts: Mapping[str, int]) -> bool:
        """Whether an emoji would be one too many.

        Args:
            emoji: the emoji.
            counts: the counts of the target before it.
        """
        if emoji in counts or emoji in self.free:
            return False
        return sum(each not in self.free for each in counts) >= self.most


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one count.

    Attributes:
        target: the canonical target (``openheart.protocol.canonical_target``).
        emoji: the canonical emoji (``openheart.protocol.canonical_emoji``).
        delta: how much to add, from 1 to LARGEST_DELTA.
        cap: how many different emoji the target may have, for a backend that is ``Capped``; None is any
            number. It is the same in all changes of one call to the same target.

    Raises:
        ValueError: the delta is not in this range.
    """

    target: str
    emoji: str
    delta: int = 1
    cap: Cap | None = None

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

    ``connect``, ``disconnect``, ``is_connected``, ``incr`` and ``iter`` are a whole backend. What more it can
    do are the capabilities ``Batched``, ``Listed`` and ``Movable``, which it has as further base classes.

    A backend is made unconnected and used from many threads at once. As a context manager it connects with
    the arguments that it was made with, and disconnects. After a fork the child uses the same object: a
    backend opens new connections there.

    Args:
        uri: where the storage is; its scheme says which backend it is.
        args: passed to ``connect`` by the ``with`` block, after the URI.
        instance: separates two instances on one database (setting INSTANCE); None is the unnamed one.
        folder: where a relative path in the URI starts; the current folder by default.
        kwargs: passed to ``connect`` by the ``with`` block.

    Attributes:
        uri: the argument; ``""`` where there is none.
        instance, folder: the arguments.
    """

    schemes: ClassVar[tuple[str, ...]] = ()
    """The URI schemes of this kind of backend, without the colon."""

    settings: ClassVar[Mapping[str, Option[Any]]] = MappingProxyType({})
    """The settings that become keyword arguments: keyword -> setting."""

    separates_instances: ClassVar[bool] = False
    """Whether two backends of different ``instance`` have their own counts on one storage. Where they have
    not, the setting INSTANCE is refused."""

    exactly_once: bool = False
    """Whether a change whose answer was lost can be repeated without being counted twice. If that depends
    on the server, it is known after ``connect()``."""

    errors: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    """The exceptions that mean that the storage failed; see ``failing_as``. It is around the five methods."""

    def __init__(
        self,
        uri: str | None = None,
        *args: Any,
        instance: str | None = None,
        folder: Path | None = None,
        **kwargs: Any,
    ) -> None:
        self.uri = uri or ""
        self.instance = instance
        self.folder = folder
        self._args = args if uri is None else (uri, *args)
        self._kwargs = kwargs

    @property
    def location(self) -> str:
        """Where the counts are, for people to read; without a password."""
        return mask_uri(self.uri)

    @abc.abstractmethod
    def connect(self, uri: str, *args: Any, **kwargs: Any) -> None:
        """Open the storage, and create it if it does not exist.

        Args:
            uri: where it is.
            args: what the constructor was given after the URI.
            kwargs: what the constructor was given by keyword, ``instance`` and ``folder`` excepted.

        Raises:
            ConfigError: the URI is not valid for this kind of backend.
            BackendError: it cannot be opened; the text says what to do.
        """

    @abc.abstractmethod
    def disconnect(self) -> None:
        """Finish what was accepted, then close."""

    @abc.abstractmethod
    def is_connected(self) -> bool:
        """Whether ``connect()`` was called and ``disconnect()`` was not, since."""

    @abc.abstractmethod
    def incr(self, slug: str, reaction: str) -> Counts | None:
        """Add one reaction, and return once it is stored for good.

        Args:
            slug: the canonical target.
            reaction: the canonical emoji.

        Returns:
            The counts of the target after it; None where they have to be read.

        Raises:
            OutcomeUnknown: sent, not answered.
            BackendError: any other failure; nothing was stored.
        """

    @abc.abstractmethod
    def iter(self, slug: str) -> Iterator[tuple[str, int]]:
        """Yield each reaction of a target with its count.

        Args:
            slug: the canonical target.
        """

    def add(self, slug: str, reaction: str) -> Counts:
        """Add one reaction, and return the counts of the target after it; see ``incr``."""
        with self.failing_as(OutcomeUnknown):
            counts = self.incr(slug, reaction)
        if counts is not None:
            return counts
        try:
            return self.counts((slug,))[0]
        except BackendError as error:
            raise OutcomeUnknown(f"a reaction was stored, but its counts cannot be read: {error}") from error

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        """Read the counts of several targets.

        Args:
            targets: canonical targets; one may appear twice.

        Returns:
            For each target its counts, ``{}`` where there are none. The caller may keep and change
            them.
        """
        with self.failing_as(BackendError):
            return [dict(self.iter(target)) for target in targets]

    def check(self) -> None:
        """Try what can be tried without leaving anything behind: here a read.

        Raises:
            BackendError: it does not work; the text says what to do.
        """
        self.require_connected()
        self.counts(("check",))

    def exists(self) -> bool:
        """Whether there is something to connect to, as far as that is known without connecting.

        Where there is not, the commands that only read leave it so, and say it.
        """
        return True

    def examine(self) -> Iterator[Finding]:
        """What ``openheart doctor`` should report about this storage, besides whether ``check`` works.

        It is called unconnected if connecting failed, and then reports what it can without a connection.

        Raises:
            BackendError: the storage stopped responding.
        """
        if not self.exactly_once:
            yield Finding(
                "note",
                f"{type(self).__name__} cannot repeat a reaction: one whose answer is lost is counted once "
                "or not at all",
                "if that matters, use a storage that can: see exactly_once in the docs",
            )

    def require_connected(self) -> None:
        """Raise BackendNotConnected unless connected."""
        if not self.is_connected():
            raise BackendNotConnected(
                f"{type(self).__name__} is not connected: call connect() or use it in a with block"
            )

    def __enter__(self) -> Self:
        with self.failing_as(BackendUnavailable):
            self.connect(*self._args, **self._kwargs)
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    @contextmanager
    def failing_as(self, kind: Callable[[str], BackendError]) -> Iterator[None]:
        """Turn the exceptions in ``errors`` into one of ours.

        Args:
            kind: which one; BackendUnavailable where nothing was sent, OutcomeUnknown where a change was.
        """
        try:
            yield
        except self.errors as error:
            raise kind(f"{type(self).__name__}: {type(error).__name__}: {error}") from error
