"""What openheart does: check, admit, store, announce. No Flask and no HTTP in here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from ..errors import BackendError, BackendUnavailable, BackendUnusable, ConfigError, OnHold, TooManyEmoji
from ..protocol import Policy, is_scoped
from ..storage import Backend, Batched, Cap, Change, Counts, Listing
from ..storage.capabilities import listed
from ..storage.combine import HotPages
from ..storage.cursor import past_scopes
from ..storage.last_counts import LastCounts
from ..system.forks import PerProcess
from ..system.probe import Probe
from .signals import announce, reaction_added

__all__ = ["Service", "counts_of_each", "ordered"]

_NAMED = 5  # emoji that an error names


class Service:
    """Adds and reads reactions for one application. The counts that it returns have the largest first.

    Args:
        make_backend: makes the unconnected backend; called at first use, and again after ``close()``.
        policy: which emoji the site takes; also an attribute.
        sender: the sender of the signals, that is, the Flask app.
        hold: refuse reactions with OnHold; reading goes on.
        stale: the greatest age in seconds of counts that are shown while the storage is unavailable; 0 shows
            none.
        logger: where failures are reported; also an attribute.
        cap: how many different emoji a page may have; None is any number. The backend is ``Capped`` then.
    """

    def __init__(
        self,
        make_backend: Callable[[], Backend],
        policy: Policy,
        *,
        sender: object,
        hold: bool,
        stale: float,
        logger: logging.Logger,
        cap: Cap | None = None,
    ) -> None:
        self._make_backend = make_backend
        self.policy = policy
        self._cap = cap
        self._sender = sender
        self._hold = hold
        self.logger = logger
        self._last = LastCounts(stale) if stale else None
        self._backend: Backend | None = None
        self._incr: Callable[[str, str], Counts] | None = None
        self._opening = PerProcess(lambda: threading.Lock())
        self._failure: BackendError | None = None
        self._health = Probe(self._checked)

    @property
    def backend(self) -> Backend:
        """The connected backend, opened at first use.

        Raises:
            BackendError: it cannot be opened. The next use tries again.
        """
        return self._backend or self._open()

    @property
    def is_open(self) -> bool:
        """Whether the backend is open."""
        return self._backend is not None

    def react(self, target: str, text: str) -> Counts:
        """Add one reaction and notify the listeners.

        Args:
            target: the canonical target.
            text: the text that starts with the emoji.

        Returns:
            The counts of the target after it, emoji -> count, the largest first.

        Raises:
            InvalidEmoji, EmojiNotAllowed: the text; nothing was stored.
            TooManyEmoji: the target has as many different emoji as it may have; nothing was stored.
            BackendError: the storage; nothing was stored, unless it is OutcomeUnknown.
        """
        emoji = self.policy.admit(text)
        if self._hold:
            raise OnHold("OPENHEART_HOLD is on: reactions are not stored until it is switched off")
        # Read each time, because close() resets it; opening the backend sets it.
        incr = self._incr or self._opened_incr()
        counts = ordered(incr(target, emoji))
        if self._cap is not None and emoji not in counts:
            raise TooManyEmoji(self._full(counts))
        if self._last is not None:
            self._last.remember(target, counts)
        if reaction_added.receivers:
            announce(reaction_added, self._sender, self.logger, target=target, emoji=emoji, counts=counts)
        return counts

    def _full(self, counts: Counts) -> str:
        # Those that people there like, then those that are always accepted.
        accepted = " ".join(list(dict.fromkeys((*counts, *self.policy.offered)))[:_NAMED])
        return f"This page has {len(counts)} different emoji and takes no more: send one such as {accepted}"

    def reactions(self, target: str) -> Counts:
        """The counts of one canonical target, emoji -> count; ``{}`` where there are none."""
        return ordered(self.backend.counts((target,))[0])

    def reactions_of(self, targets: Sequence[str]) -> list[Counts]:
        """The counts of several canonical targets, in one storage call."""
        return [ordered(counts) for counts in self.backend.counts(targets)]

    def read(self, targets: Sequence[str]) -> tuple[list[Counts], int | None]:
        """The counts of canonical targets, or the last known ones while the storage is unavailable.

        Args:
            targets: the targets.

        Returns:
            The counts, in one storage call; and None, or the age in seconds of counts that were seen last.

        Raises:
            BackendError: the storage does not answer, and nothing young enough is remembered.
        """
        if self._last is None:
            return self.reactions_of(targets), None
        try:
            found = self.reactions_of(targets)
        except BackendUnavailable:
            remembered = self._last.recall(targets)
            if remembered is None:
                raise
            return remembered
        for target, counts in zip(targets, found, strict=True):
            self._last.remember(target, counts)
        return found, None

    def targets(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        """One page of the targets that have counts, without those of tenants; see ``Listed.list``."""
        page = listed(self.backend).list(prefix, cursor, limit)
        shown = [(target, ordered(counts)) for target, counts in page.targets if not is_scoped(target)]
        return Listing(shown, None if page.cursor is None else past_scopes(page.cursor))

    def top(self, limit: int = 10) -> list[tuple[str, Counts]]:
        """The targets with the most reactions; see ``Listed.top``."""
        return [(target, ordered(counts)) for target, counts in listed(self.backend).top(limit)]

    def probe(self) -> None:
        """Try a write and a read that leave nothing behind, and close what was opened: a server may fork."""
        with self._make_backend() as backend:
            backend.check()

    def require_ready(self) -> None:
        """Raise the error that a write and a read met, not more than a few seconds ago, if they met one.

        Raises:
            BackendError: the storage does not work.
        """
        failure = self._health.result()
        if failure is not None:
            raise type(failure)(failure.detail) from failure

    def close(self) -> None:
        """Finish what was accepted and close the storage. The next use opens it again."""
        with self._opening.here:
            backend, self._backend, self._incr = self._backend, None, None
        if backend is not None:
            backend.disconnect()

    def _checked(self) -> BackendError | None:
        try:
            self.backend.check()
        except BackendError as error:
            return error
        return None

    def _open(self) -> Backend:
        before = self._failure
        with self._opening.here:
            if self._backend is None:
                failure = self._failure
                if failure is not None and failure is not before:
                    # It failed for another thread while this one waited; trying in turn would take long.
                    raise type(failure)(failure.detail) from failure
                backend = self._make_backend()
                try:
                    backend.__enter__()
                except BackendError as error:
                    self._failure = error
                    raise
                except ConfigError as error:
                    # A backend of another package may look at its URI only here.
                    self._failure = BackendUnusable(str(error))
                    raise self._failure from error
                self._incr = self._incr_of(backend)
                self._backend = backend
            return self._backend

    def _opened_incr(self) -> Callable[[str, str], Counts]:
        backend = self._open()
        return self._incr or backend.add

    def _incr_of(self, backend: Backend) -> Callable[[str, str], Counts]:
        if not isinstance(backend, Batched):
            return backend.add
        if backend.adds_up:
            return lambda target, emoji: backend.apply((Change(target, emoji, cap=self._cap),))[0]
        return HotPages(backend.apply, self._cap).incr


def counts_of_each(
    targets: Iterable[str], canonical: Callable[[str], str], read: Callable[[list[str]], list[Counts]]
) -> dict[str, Counts]:
    """Read the counts of several targets at once.

    Args:
        targets: the targets as they were given; one may appear twice, or in two spellings.
        canonical: gives the canonical form of one.
        read: reads canonical targets, each once, in one storage call. It is not called if there are none.

    Returns:
        Each target as it was given -> its counts; those of two spellings are one object.
    """
    pages = {target: canonical(target) for target in targets}
    wanted = list(dict.fromkeys(pages.values()))
    found = dict(zip(wanted, read(wanted), strict=True)) if wanted else {}
    return {target: found[page] for target, page in pages.items()}


def ordered(counts: Counts) -> Counts:
    """The counts with the largest first, equal ones in code point order."""
    if len(counts) < 2:
        return counts
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
