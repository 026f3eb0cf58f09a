"""Group commit without a thread of its own: of the requests that wait, one commits for all of them.

A request that finds nobody committing does it at once, with no hand-over between threads. Those that
arrive meanwhile wait, and the first of them commits the next group.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from ...errors import BackendError, BackendUnavailable, OutcomeUnknown, QueueFull
from ..backend import Change, Counts

__all__ = ["LARGEST_GROUP", "GroupCommit", "Job"]

LARGEST_GROUP = 512
"""The most changes in one commit, unless one caller brings more."""


class Job:
    """The changes of one caller.

    Attributes:
        changes: what to add.
        answers: for each change the counts after it; None until they are stored for good.
        error: why they were not stored, or None.
    """

    __slots__ = ("answers", "changes", "error", "woken")

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = changes
        self.answers: list[Counts] | None = None
        self.error: BackendError | None = None
        # A plain lock and not a Condition: each hand-over costs turns of the interpreter lock.
        self.woken = threading.Lock()
        self.woken.acquire()

    @property
    def is_done(self) -> bool:
        return self.answers is not None or self.error is not None


class GroupCommit:
    """Commits the changes of many threads in groups, in the order in which they came.

    Args:
        commit: stores a group of jobs in one transaction. It sets each job's ``answers`` once that is
            stored for good; if it raises, every job without answers is refused with this error.
        limit: how many jobs may wait; one more is refused with QueueFull.
        patience: seconds that a job waits for its turn.
    """

    def __init__(self, commit: Callable[[Sequence[Job]], None], *, limit: int, patience: float) -> None:
        self._commit = commit
        self._limit = limit
        self._patience = patience
        self._queue: deque[Job] = deque()
        self._turn = threading.Lock()

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        """Store changes and wait until they are.

        Raises:
            QueueFull: too many jobs wait.
            BackendUnavailable: the turn did not come in time; nothing was stored.
            BackendError: what ``commit`` raised.
        """
        if len(self._queue) >= self._limit:
            raise QueueFull(
                f"{self._limit} writes wait already (OPENHEART_QUEUE): the storage is slower than the "
                "reactions come in; look at the disk, or spread the load over time"
            )
        job = Job(changes)
        try:
            self._queue.append(job)
            while not self._lead(job) and not job.is_done:
                if job.woken.acquire(timeout=self._patience):
                    continue
                if not self._lead(job) and self._withdraw(job):
                    raise BackendUnavailable(
                        f"the write waited {self._patience:g} s for those before it and was given up; "
                        "another program may hold the database: close it, or look at the disk"
                    )
        except BaseException:
            # It may have been called to commit for all just now, so it hands the call on as it goes.
            self._withdraw(job)
            self._call_next()
            raise
        if job.error is not None:
            # Each caller gets an exception of its own: a shared one would collect all their tracebacks.
            raise type(job.error)(job.error.detail) from job.error
        assert job.answers is not None
        return job.answers

    def pause(self, timeout: float = -1) -> bool:
        """Finish the jobs that wait and let nobody commit until ``resume()``.

        Jobs that come meanwhile wait for ``resume()``: writers that never rest would keep it here for good.

        Args:
            timeout: seconds to wait for the commits; one that has begun is not cut short. -1 waits as long
                as it takes.

        Returns:
            Whether nobody commits now; False after the timeout.
        """
        deadline = time.monotonic() + timeout if timeout >= 0 else math.inf
        if not self._turn.acquire(timeout=timeout):
            return False
        try:
            is_finished = self._finish(deadline)
        except BaseException:
            self.resume()
            raise
        if not is_finished:
            self.resume()
        return is_finished

    def resume(self) -> None:
        """Let the jobs go on that came during ``pause()``."""
        self._turn.release()
        self._call_next()

    def _lead(self, job: Job) -> bool:
        """Commit the next group if nobody else does; whether the job is done then."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            if not job.is_done:
                self._commit_group()
        finally:
            self._turn.release()
            self._call_next()
        return job.is_done

    def _call_next(self) -> None:
        # Also the answer to a job that came after the last look at the queue and found the turn taken.
        if self._queue:
            try:
                _wake(self._queue[0])
            except IndexError:
                return

    def _finish(self, deadline: float) -> bool:
        """Commit the jobs that wait now, and none that come meanwhile; False after the deadline."""
        waiting = len(self._queue)
        while waiting > 0 and self._queue:
            if time.monotonic() >= deadline:
                return False
            waiting -= self._commit_group()
        return True

    def _commit_group(self) -> int:
        """Commit the next group; how many jobs it had."""
        group: list[Job] = []
        size = 0
        while self._queue and (not group or size + len(self._queue[0].changes) <= LARGEST_GROUP):
            try:
                job = self._queue.popleft()
            except IndexError:
                break
            group.append(job)
            size += len(job.changes)
        if not group:
            # The last job was withdrawn just now.
            return 0
        failure: BackendError | None = None
        try:
            self._commit(group)
        except BackendError as error:
            failure = error
        except BaseException as error:
            failure = OutcomeUnknown(
                f"the write was interrupted by {type(error).__name__} in the thread that committed for all: "
                "read the counts before you try again"
            )
            raise
        finally:
            for job in group:
                if job.answers is None:
                    job.error = failure
                _wake(job)
        return len(group)

    def _withdraw(self, job: Job) -> bool:
        try:
            self._queue.remove(job)
        except ValueError:
            return False
        return True


def _wake(job: Job) -> None:
    try:
        job.woken.release()
    except RuntimeError:
        # It was woken already and has not looked yet.
        return
