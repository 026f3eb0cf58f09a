"""The hot page: reactions that wait for the same target in one process go to the storage as one change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..errors import BackendError, OutcomeUnknown
from .backend import Change, Counts

__all__ = ["LARGEST_BATCH", "HotPages"]

LARGEST_BATCH = 512
"""The most reactions in one change."""

Apply = Callable[[Sequence[Change]], list[Counts]]


class HotPages:
    """Adds up reactions to the same target while one of them is on its way.

    A reaction that finds nobody on the way to its target goes at once and alone. Those that come
    meanwhile wait and go together as one change, so that a page can take many more than the storage
    takes changes to one key. Each caller gets the counts after its own reaction, in an order that could
    have happened one by one.

    Args:
        apply: ``Backend.apply`` of the storage.
    """

    def __init__(self, apply: Apply) -> None:
        self._apply = apply
        # Targets with a change on its way -> the reactions that wait behind it.
        self._waiting: dict[str, list[_Waiter]] = {}
        self._lock = threading.Lock()

    def incr(self, target: str, emoji: str) -> Counts:
        """Add one reaction and return the counts after it; see ``Backend.incr``.

        Raises:
            BackendError: of the change that it went with; what holds for that one holds for each of its
                reactions.
        """
        waiter: _Waiter | None = None
        is_first = False
        # All of it is inside, since Ctrl-C may come at any step, and others wait for what this one began.
        try:
            with self._lock:
                waiting = self._waiting.get(target)
                if waiting is None:
                    self._waiting[target] = []
                    is_first = True
                else:
                    waiter = _Waiter(emoji)
                    waiting.append(waiter)
            if waiter is None:
                return self._apply((Change(target, emoji),))[0]
            waiter.woken.acquire()
            if waiter.batch:
                self._send(target, waiter)
        except BaseException:
            if waiter is not None:
                self._withdraw(target, waiter)
            raise
        finally:
            if is_first:
                self._call_next(target)
        if waiter.error is not None:
            # An exception of its own for each caller: a shared one would collect all their tracebacks.
            raise type(waiter.error)(waiter.error.detail) from waiter.error
        return waiter.counts

    def _send(self, target: str, leader: _Waiter) -> None:
        batch: Sequence[_Waiter] = ()
        failure: BackendError | None = None
        try:
            # From here on its followers get their answer in here, whatever happens.
            batch, leader.batch = leader.batch, ()
            sums: Counts = {}
            for waiter in batch:
                sums[waiter.emoji] = sums.get(waiter.emoji, 0) + 1
            after = self._apply([Change(target, emoji, count) for emoji, count in sums.items()])[-1]
            _replay(after, sums, batch)
        except BackendError as error:
            failure = error
        except BaseException as error:
            failure = OutcomeUnknown(
                f"the write was interrupted by {type(error).__name__} in the thread that sent it for all: "
                "read the counts before you try again"
            )
            raise
        finally:
            for waiter in batch:
                waiter.error = failure
            for waiter in batch[1:]:
                waiter.woken.release()
            if batch:
                self._call_next(target)

    def _call_next(self, target: str) -> None:
        with self._lock:
            waiting = self._waiting[target]
            if not waiting:
                del self._waiting[target]
                return
            batch, self._waiting[target] = waiting[:LARGEST_BATCH], waiting[LARGEST_BATCH:]
            # The first of them takes it, because this thread has its own answer to give.
            batch[0].batch = batch
        batch[0].woken.release()

    def _withdraw(self, target: str, waiter: _Waiter) -> None:
        """Take out a reaction whose thread was interrupted and takes no batch any more."""
        with self._lock:
            waiter.is_gone = True
            waiting = self._waiting.get(target, [])
            if waiter in waiting:
                waiting.remove(waiter)
            batch, waiter.batch = waiter.batch, ()
            # It was to send these, and did not begin.
            waiting[:0] = [each for each in batch if not each.is_gone]
        if batch:
            self._call_next(target)


class _Waiter:
    __slots__ = ("batch", "counts", "emoji", "error", "is_gone", "woken")

    def __init__(self, emoji: str) -> None:
        self.emoji = emoji
        self.batch: Sequence[_Waiter] = ()
        self.counts: Counts = {}
        self.error: BackendError | None = None
        self.is_gone = False
        # A plain lock and not an Event: each hand-over costs turns of the interpreter lock.
        self.woken = threading.Lock()
        self.woken.acquire()


def _replay(after: Counts, sums: Counts, batch: Sequence[_Waiter]) -> None:
    # What others added meanwhile, in other processes, is taken as if it came before.
    counts = {emoji: count - sums.get(emoji, 0) for emoji, count in after.items()}
    counts = {emoji: count for emoji, count in counts.items() if count > 0}
    for waiter in batch:
        counts[waiter.emoji] = counts.get(waiter.emoji, 0) + 1
        waiter.counts = counts.copy()
