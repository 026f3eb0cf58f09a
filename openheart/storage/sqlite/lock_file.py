"""The lock file beside a SQLite database: processes use it to take turns and to notify each other of changes.

Taking turns needs two locks: who waits for the first holds the second meanwhile, so a process that has
just written queues up behind those that wait. What changed is told by counters in shared memory, one
for each bucket of targets: odd while a commit to one of them is under way, higher after it.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from zlib import crc32

from ...errors import BackendError, BackendUnavailable, BackendUnusable
from ...system.files import open_private

if sys.platform != "win32":
    import fcntl
    import mmap

__all__ = ["HAS_LOCKS", "LockFile", "bucket_of"]

HAS_LOCKS = sys.platform != "win32"
"""Whether this system has flock and shared memory; without them SQLite's own lock is the only one."""

BUCKETS = 4096
FORM = 0x0001_7472_6165_686F  # "ohear" and the version of this layout
WORD = 8  # bytes
_FORM, _WRITING, _WAITING, _FIRST = 0, 1, 2, 8

_PATIENCE = 10.0  # seconds to wait for the lock when the file is opened
_SHORTEST_NAP = 0.000_05  # seconds
_LONGEST_NAP = 0.001
_WAITS_SINCE = 5_000_000  # nanoseconds; longer than the longest nap on a busy machine


def bucket_of(target: str) -> int:
    """Which counter stands for a target; the same in every process."""
    return _FIRST + crc32(target.encode()) % BUCKETS


class LockFile:
    """An open lock file. One thread at a time may call its methods, but any may read ``generations``.

    Args:
        path: the lock file; it is made where it does not exist. Beside it goes one that ends in ``.next``.
        database: the database, whose owner and mode new lock files get where it exists.

    Attributes:
        is_exclusive: whether ``acquire`` keeps other processes out; SQLite's own lock must do that otherwise.
        generations: the shared counters, by ``bucket_of``; None where there is no shared memory.

    Raises:
        BackendUnusable: it cannot be made, or another version of openheart made it.
    """

    def __init__(self, path: Path, database: Path | None = None) -> None:
        self.path = path
        self.is_exclusive = HAS_LOCKS
        self.generations: memoryview | None = None
        self._now, self._next = -1, -1
        if not HAS_LOCKS:
            return
        try:
            self._now = open_private(path, os.O_RDWR | os.O_CREAT, database)
            self._next = open_private(path.with_name(f"{path.name}.next"), os.O_RDWR | os.O_CREAT, database)
            self.generations = self._share()
        except BaseException as error:
            self.close()
            if not isinstance(error, OSError):
                raise
            file = Path(error.filename or path)
            fix = f"let this user write in {path.parent}, or name another folder in OPENHEART_URI"
            if os.path.exists(file):
                fix = "let this user write it, for example by giving it the owner of the database"
            raise BackendUnusable(
                f"the lock file {file} cannot be opened ({error.strerror}): {fix}"
            ) from error

    def acquire(self, patience: float) -> None:
        """Take the turn of this process.

        Args:
            patience: seconds to wait for it.

        Raises:
            BackendUnavailable: another process kept it for longer.
        """
        if self._now < 0:
            return
        words = self.generations
        # A time and not a number of processes: if one is killed while it waits, this corrects itself.
        others_wait = words is not None and 0 <= time.monotonic_ns() - words[_WAITING] < _WAITS_SINCE
        if not others_wait and _try(self._now):
            return
        start = time.monotonic()
        self._wait(self._next, start, patience)
        try:
            self._wait(self._now, start, patience)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def release(self) -> None:
        """Pass the turn to the next process."""
        if self._now >= 0:
            fcntl.flock(self._now, fcntl.LOCK_UN)

    @property
    def was_left_writing(self) -> bool:
        """Whether a commit was announced and never concluded: its process was killed, or lost its outcome."""
        return self.generations is not None and bool(self.generations[_WRITING])

    def announce(self, buckets: set[int]) -> None:
        """Announce that a commit to these buckets begins: cached counts of them are invalid now."""
        words = self.generations
        if words is not None:
            words[_WRITING] = 1
            for bucket in buckets:
                words[bucket] |= 1

    def conclude(self, buckets: set[int], *, repair: bool = False) -> None:
        """Announce that the commit is over and may be read.

        Args:
            buckets: those that were announced.
            repair: conclude those too that a killed process announced.
        """
        words = self.generations
        if words is not None:
            if repair:
                buckets = buckets | {index for index in range(_FIRST, _FIRST + BUCKETS) if words[index] & 1}
            for bucket in buckets:
                words[bucket] = (words[bucket] | 1) + 1
            words[_WRITING] = 0

    def is_in_place(self) -> bool:
        """Whether the path still leads to this file; a new process would lock another one otherwise."""
        if self._now < 0:
            return True
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._now))
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; the shared memory is freed with its last reader."""
        for descriptor in (self._now, self._next):
            if descriptor >= 0:
                os.close(descriptor)
        self._now, self._next = -1, -1

    def forget(self) -> None:
        """Release, in a child, what the fork copied: with it the child would keep its parent's turn.

        The turn is not passed on; only ``release()`` does that. The shared memory goes too, since it has
        a descriptor of its own, so nobody in the child may read ``generations`` any more.
        """
        words, self.generations = self.generations, None
        if words is not None:
            shared = words.obj
            words.release()
            assert isinstance(shared, mmap.mmap)
            shared.close()
        self.close()

    def _wait(self, descriptor: int, start: float, patience: float) -> None:
        # flock waits without a timeout, so it is polled: a stopped process must not stop all the others.
        words = self.generations
        while not _try(descriptor):
            waited = time.monotonic() - start
            if waited > patience:
                raise BackendUnavailable(
                    f"another process holds {self.path} and does not release it: look for one that is "
                    "stopped or waits for its disk"
                )
            if words is not None:
                words[_WAITING] = time.monotonic_ns()
            # The longer a process waits, the more often it polls; the next one polls most often.
            first = descriptor == self._now
            time.sleep(_SHORTEST_NAP if first else max(_SHORTEST_NAP, _LONGEST_NAP - waited / 20))

    def _share(self) -> memoryview | None:
        size = (_FIRST + BUCKETS) * WORD
        self._wait(self._now, time.monotonic(), _PATIENCE)
        try:
            # Written out and not left sparse: on a full disk the first touch of a hole kills the process.
            missing = size - os.fstat(self._now).st_size
            if missing > 0 and os.pwrite(self._now, bytes(missing), size - missing) < missing:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            words = memoryview(mmap.mmap(self._now, size)).cast("Q")
        except OSError as error:
            if error.errno in (errno.ENODEV, errno.EOPNOTSUPP):
                return None
            raise BackendUnusable(
                f"the lock file {self.path} cannot be created ({error.strerror}): free space on its disk"
            ) from error
        finally:
            self.release()
        if words[_FORM] not in (0, FORM):
            raise BackendUnusable(
                f"{self.path} was created by another version of openheart: stop every process that uses the "
                "database, delete this file and start again"
            )
        words[_FORM] = FORM
        return words


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise BackendError(f"the lock file cannot be locked ({error.strerror}): use a local disk") from error
    return True
