"""Combining: when several threads bring changes at the same time, one of them stores them for all.

A caller that finds the storage idle stores its own changes at once, with no hand-over between threads.
Callers that arrive meanwhile wait, and the first of them stores the next group.

SQLite has one ``Combiner`` for its file. ``HotPages`` has one for each busy target, for every storage that
does not combine changes itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from ..errors import BackendError, BackendUnavailable, OutcomeUnknown, QueueFull
from ..system.forks import PerProcess
from .backend import Cap, Change, Counts

__all__ = ["LARGEST_GROUP", "Combiner", "HotPages", "Job", "added_up", "caps_of", "counts_after_each"]

LARGEST_GROUP = 512
"""The most changes in one group, unless one caller brings more."""


class Job:
    """The changes of one caller.

    Attributes:
        changes: what to add.
        answers: for each change the counts after it; None until they are stored for good.
        error: why they were not stored, or None.
        is_done: whether its caller may return.
        woken: released when its state changed: it is done, or it is the first in the queue.
    """

    __slots__ = ("answers", "changes", "error", "is_done", "woken")

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = changes
        self.answers: list[Counts] | None = None
        self.error: BackendError | None = None
        self.is_done = False
        # A plain lock and not a Condition: each hand-over costs turns of the interpreter lock.
        self.woken = threading.Lock()
        self.woken.acquire()

    def wake(self) -> None:
        """Let its thread check again."""
        try:
            self.woken.release()
        except RuntimeError:
            # It was already woken and has not checked yet.
            return


class Combiner:
    """Stores the changes of many threads in groups, in the order in which they came.

    Each caller gets answers of its own, or an exception of its own. A thread may be interrupted at any step,
    by Ctrl-C or the end of its greenlet: then its job leaves the queue and the next one is called; if it was
    storing a group, the others in it get OutcomeUnknown.

    Args:
        store: stores a group of jobs. It sets each job's ``answers`` once they are stored for good; if it
            raises, every job without answers is refused with this error.
        limit: how many jobs may wait; one more is refused with QueueFull.
        patience: seconds that a job waits for its turn; -1 waits as long as it takes.
    """

    def __init__(
        self, store: Callable[[Sequence[Job]], None], *, limit: float = math.inf, patience: float = -1
    ) -> None:
        self._store = store
        self._limit = limit
        self._patience = patience
        self._queue: list[Job] = []
        # Held for a few steps, so that a job is either withdrawn or stored.
        self._lock = threading.Lock()
        # Held by the thread that stores, and during a pause.
        self._turn = threading.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether nobody stores and nobody waits."""
        return not self._queue and not self._turn.locked()

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        """Store changes and wait until they are.

        Raises:
            QueueFull: too many jobs wait.
            BackendUnavailable: the turn did not come in time; nothing was stored.
            BackendError: what ``store`` raised.
        """
        if len(self._queue) >= self._limit:
            raise QueueFull(
                f"{self._limit} writes wait already (OPENHEART_QUEUE): the storage is slower than the "
                "reactions come in; check the disk, or spread the load over time"
            )
        job = Job(changes)
        try:
            with self._lock:
                self._queue.append(job)
            while not self._lead(job) and not job.is_done:
                if job.woken.acquire(timeout=self._patience):
                    continue
                if not self._lead(job) and self._withdraw(job):
                    raise BackendUnavailable(
                        f"the write waited {self._patience:g} s for those before it and was given up; "
                        "another program may hold the database: close it, or check the disk"
                    )
        except BaseException:
            # It may just have been called to store for all, so it passes the call on.
            self._withdraw(job)
            self._call_next()
            raise
        if job.error is not None:
            # Each caller gets an exception of its own: a shared one would collect all their tracebacks.
            raise type(job.error)(job.error.detail) from job.error
        assert job.answers is not None
        return job.answers

    def pause(self, timeout: float = -1) -> bool:
        """Finish the jobs that wait and let nobody store until ``resume()``.

        Jobs that arrive meanwhile wait for ``resume()``: steady writers would keep it here for ever.

        Args:
            timeout: seconds to wait for the jobs that are stored; a group that has begun is not cut short. -1
                waits as long as it takes.

        Returns:
            Whether nobody stores now; False after the timeout.
        """
        deadline = time.monotonic() + timeout if timeout >= 0 else math.inf
        if not self._turn.acquire(timeout=timeout):
            return False
        is_paused = False
        try:
            waiting = len(self._queue)
            while waiting > 0 and self._queue and time.monotonic() < deadline:
                waiting -= self._store_next()
            is_paused = waiting <= 0 or not self._queue
        finally:
            if not is_paused:
                self.resume()
        return is_paused

    def resume(self) -> None:
        """Continue with the jobs that arrived during ``pause()``."""
        self._turn.release()
        self._call_next()

    def _lead(self, job: Job) -> bool:
        """Store the next group if nobody else does; whether the job is done then."""
        # Looked at first, and then taken by `with`: Ctrl-C right after an acquire() that does not wait would
        # leave the turn with nobody to give it back.
        if self._turn.locked():
            return False
        try:
            with self._turn:
                if not job.is_done:
                    self._store_next(job)
        finally:
            if self._queue:
                self._call_next()
        return job.is_done

    def _call_next(self) -> None:
        # Also for a job that arrived after the last check of the queue and found the turn taken.
        for job in self._queue[:1]:
            job.wake()

    def _store_next(self, leader: Job | None = None) -> int:
        """Store the next group; how many jobs it had. The leader is not woken, since its thread is here."""
        group: Sequence[Job] = ()
        failure: BackendError | None = None
        try:
            with self._lock:
                size = count = 0
                for job in self._queue:
                    size += len(job.changes)
                    if count and size > LARGEST_GROUP:
                        break
                    count += 1
                # From here on each of them gets its answer in this method, whatever happens.
                group, self._queue = self._queue[:count], self._queue[count:]
            if group:
                self._store(group)
        except BackendError as error:
            failure = error
        except BaseException as error:
            failure = OutcomeUnknown(
                f"the write was interrupted by {type(error).__name__} in the thread that stored it for all: "
                "read the counts before you try again"
            )
            raise
        finally:
            try:
                _answer(group, failure, leader)
            except BaseException:
                # Ctrl-C inside it: once more, because nothing else will.
                _answer(group, failure, leader)
                raise
        return len(group)

    def _withdraw(self, job: Job) -> bool:
        with self._lock:
            if job not in self._queue:
                return False
            self._queue.remove(job)
            return True


def _answer(group: Sequence[Job], failure: BackendError | None, leader: Job | None) -> None:
    for job in group:
        if job.answers is None:
            job.error = failure
        job.is_done = True
        if job is not leader:
            job.wake()


class HotPages:
    """Combines reactions to the same target while one of them is being stored.

    So a page can take many more reactions than the storage can make changes to one key. Each caller gets
    the counts after its own reaction, in an order that could have happened one by one.

    Args:
        apply: ``Batched.apply`` of the storage.
        cap: the limit of each change.
    """

    def __init__(self, apply: Callable[[Sequence[Change]], list[Counts]], cap: Cap | None = None) -> None:
        self._apply = apply
        self._cap = cap
        # A child must not wait for a thread of its parent that was storing.
        self._busy: PerProcess[dict[str, Combiner]] = PerProcess(dict)

    def incr(self, target: str, emoji: str) -> Counts:
        """Add one reaction and return the counts after it; see ``Backend.incr``.

        Raises:
            BackendError: of the change that it was part of; it applies to each reaction in it.
        """
        busy = self._busy.here
        combiner = busy.get(target) or busy.setdefault(target, Combiner(self._store))
        try:
            return combiner.apply((Change(target, emoji, cap=self._cap),))[0]
        finally:
            # Another thread may already hold it: then two are in use for a moment, which is just as
            # correct and combines a little less.
            if combiner.is_idle and busy.get(target) is combiner:
                busy.pop(target, None)

    def _store(self, group: Sequence[Job]) -> None:
        if len(group) == 1:
            group[0].answers = self._apply(group[0].changes)
            return
        changes = [job.changes[0] for job in group]
        target = changes[0].target
        sums = added_up(changes)[target]
        combined = [Change(target, emoji, number, self._cap) for emoji, number in sums.items()]
        counts = self._apply(combined)[-1]
        for job, answer in zip(group, counts_after_each(changes, {target: counts}), strict=True):
            job.answers = [answer]


def caps_of(changes: Sequence[Change]) -> dict[str, Cap | None]:
    """The cap of each target that changes have."""
    return {change.target: change.cap for change in changes}


def added_up(changes: Sequence[Change]) -> dict[str, Counts]:
    """What changes add in all: target -> emoji -> number."""
    sums: dict[str, Counts] = {}
    for change in changes:
        of_target = sums.setdefault(change.target, {})
        of_target[change.emoji] = of_target.get(change.emoji, 0) + change.delta
    return sums


def counts_after_each(changes: Sequence[Change], counts: Mapping[str, Counts]) -> list[Counts]:
    """The answers to changes that were stored together; see ``Batched.apply``.

    Args:
        changes: the changes, in order.
        counts: the counts of each target after all of them.
    """
    now = {**counts}
    answers = []
    # Backwards from what is stored now, as if what other processes added meanwhile had come first.
    for change in reversed(changes):
        after = now[change.target]
        answers.append(after)
        left = after.get(change.emoji, 0) - change.delta
        now[change.target] = before = {**after, change.emoji: left}
        if left <= 0:
            del before[change.emoji]
    return answers[::-1]
