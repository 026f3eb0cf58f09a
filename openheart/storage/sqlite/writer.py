"""Writes groups of changes to a SQLite file, one transaction each, and says what changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

from ...errors import BackendError, BackendNotConnected, BackendUnusable, OutcomeUnknown
from ..backend import Counts
from ..combine import LARGEST_GROUP, Job
from .count_cache import CountCache
from .lock_file import LockFile, bucket_of

__all__ = ["Writer", "select_counts"]

Key = tuple[str, str]
"""Target and emoji."""


class Writer:
    """The one connection of a process that writes. One thread at a time may use it.

    In a ``with`` block it has the turn of its process, and the block its connection; after an error in there
    the connection is closed.

    Args:
        instance: the instance whose counts it writes.
        lock: the lock file, already open.
        patience: seconds to wait for other processes.
        connect: opens a connection and sees that the schema is there.
        is_in_place: whether the path still leads to the file that was opened.
        named_error: turns an error of SQLite into ours.

    Attributes:
        cache: the counts that were read or written lately; another one may take its place at any time.
    """

    def __init__(
        self,
        instance: str,
        lock: LockFile,
        patience: float,
        *,
        connect: Callable[[], sqlite3.Connection],
        is_in_place: Callable[[], bool],
        named_error: Callable[[sqlite3.Error], BackendError],
    ) -> None:
        self.cache = CountCache()
        self._instance = instance
        self._lock = lock
        self._patience = patience
        self._connect = connect
        self._is_in_place = is_in_place
        self._named_error = named_error
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def __enter__(self) -> sqlite3.Connection:
        if self._closed:
            raise BackendNotConnected()
        self._lock.acquire(self._patience)
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                # A new connection reads the file afresh, so a repaired disk is detected automatically.
                self.disconnect()
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise self._named_error(error) from error

    def open(self) -> None:
        """Open the file now instead of at the first write.

        Raises:
            BackendError: it cannot be opened.
        """
        with self:
            pass

    def disconnect(self) -> None:
        """Close the connection; the next write opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connection for good."""
        self._closed = True
        self.disconnect()

    def commit(self, group: Sequence[Job]) -> None:
        """Store a group of jobs and set their answers; see ``Combiner``.

        A job without changes asks whether writes work: the group that it is in proves it.
        """
        if not any(job.changes for job in group):
            self._prove()
            for job in group:
                job.answers = []
            return
        with self as connection:
            cache = self.cache
            buckets: dict[str, int] = {}
            for job in group:
                for change in job.changes:
                    if change.target not in buckets:
                        buckets[change.target] = bucket_of(change.target)
            if not self._lock.is_exclusive:
                connection.execute("BEGIN IMMEDIATE")
            counts = self._counts_before(connection, cache, buckets)
            answers, sums = _replay(group, counts)
            repair = self._lock.was_left_writing
            touched = set(buckets.values())
            self._lock.announce(touched)
            before = connection.total_changes
            try:
                _add(connection, self._instance, sums)
            except sqlite3.Error as error:
                if not repair and not isinstance(self._named_error(error), OutcomeUnknown):
                    self._lock.conclude(touched)
                raise
            except BaseException:
                # An interruption, such as a signal's, which may have come just after the commit.
                if connection.total_changes != before and not connection.in_transaction:
                    self._conclude(group, answers, touched, repair)
                raise
            self._conclude(group, answers, touched, repair)
            generations = self._lock.generations
            if generations is not None:
                for target, bucket in buckets.items():
                    cache.put(target, bucket, generations[bucket], counts[target])

    def edit(self, targets: Iterable[str], statements: Sequence[tuple[str, Sequence[object]]]) -> None:
        """Run statements in one transaction.

        Args:
            targets: every target whose counts they may change.
            statements: each with its parameters.

        Raises:
            BackendError: nothing was changed, unless it is OutcomeUnknown.
        """
        touched = {bucket_of(target) for target in targets}
        with self as connection:
            connection.execute("BEGIN IMMEDIATE")
            repair = self._lock.was_left_writing
            self._lock.announce(touched)
            try:
                with connection:
                    for statement, parameters in statements:
                        connection.execute(statement, parameters)
            except sqlite3.Error as error:
                if not repair and not isinstance(self._named_error(error), OutcomeUnknown):
                    self._lock.conclude(touched)
                raise
            self._conclude((), [], touched, repair)

    def _prove(self) -> None:
        """Write a row, read it, delete it, and commit that."""
        row = ("\0check", "check", "\N{HEAVY BLACK HEART}")
        where = "WHERE instance=? AND target=? AND emoji=?"
        with self as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO reaction VALUES (?,?,?,1)", row)
                found = connection.execute(f"SELECT count FROM reaction {where}", row).fetchall()
                connection.execute(f"DELETE FROM reaction {where}", row)
                # Without this SQLite may find that nothing changed and not write to the disk.
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                connection.execute(f"PRAGMA user_version={version}")
            if found != [(1,)]:
                raise BackendUnusable("the database does not return what was written: check the disk")

    def _conclude(
        self, group: Sequence[Job], answers: list[list[Counts]], touched: set[int], repair: bool
    ) -> None:
        in_place = self._is_in_place()
        self._lock.conclude(touched, repair=repair)
        if not in_place:
            raise OutcomeUnknown(
                "the database file was deleted or replaced while it was in use, so this write is in the "
                "old one only; openheart continues with the file that is there now. Stop it before you "
                "move its file"
            )
        for job, answer in zip(group, answers, strict=True):
            job.answers = answer

    def _counts_before(
        self, connection: sqlite3.Connection, cache: CountCache, buckets: dict[str, int]
    ) -> dict[str, Counts]:
        generations = self._lock.generations
        counts: dict[str, Counts] = {}
        unknown = []
        for target, bucket in buckets.items():
            entry = cache.get(target) if generations is not None else None
            if generations is not None and entry is not None and generations[bucket] == entry.generation:
                counts[target] = entry.counts.copy()
            else:
                unknown.append(target)
        if unknown:
            counts.update(select_counts(connection.execute, self._instance, unknown))
        return counts


def select_counts(
    select: Callable[[str, Sequence[object]], Iterable[tuple[str, str, int]]],
    instance: str,
    targets: Sequence[str],
) -> dict[str, Counts]:
    """Read the counts of distinct targets.

    Args:
        select: runs one statement with its parameters and returns all of its rows.
        instance: the instance to read.
        targets: each once.

    Returns:
        target -> counts, ``{}`` where there are none.
    """
    found: dict[str, Counts] = {target: {} for target in targets}
    for start in range(0, len(targets), LARGEST_GROUP):
        part = targets[start : start + LARGEST_GROUP]
        # Few distinct statements, so that all of them stay prepared.
        marks = ",".join("?" * _padded(len(part)))
        part = [*part, *[part[-1]] * (_padded(len(part)) - len(part))]
        statement = f"SELECT target, emoji, count FROM reaction WHERE instance=? AND target IN ({marks})"
        for target, emoji, count in select(statement, (instance, *part)):
            found[target][emoji] = count
    return found


def _replay(group: Sequence[Job], counts: dict[str, Counts]) -> tuple[list[list[Counts]], dict[Key, int]]:
    """Add every change to the counts, in order; the answers of each job, and what is to be stored."""
    answers: list[list[Counts]] = []
    sums: dict[Key, int] = {}
    for job in group:
        own: list[Counts] = []
        for change in job.changes:
            after = counts[change.target]
            if change.cap is None or not change.cap.refuses(change.emoji, after):
                key = (change.target, change.emoji)
                sums[key] = sums.get(key, 0) + change.delta
                after[change.emoji] = after.get(change.emoji, 0) + change.delta
            own.append(after.copy())
        answers.append(own)
    return answers, sums


def _add(connection: sqlite3.Connection, instance: str, sums: dict[Key, int]) -> None:
    # One statement is one transaction by itself, and one call that releases the interpreter lock.
    if len(sums) > LARGEST_GROUP and not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    rows = [*sums.items()]
    for start in range(0, len(rows), LARGEST_GROUP):
        part = rows[start : start + LARGEST_GROUP]
        size = _padded(len(part))
        part += [(part[-1][0], 0)] * (size - len(part))
        values: list[str | int] = []
        for (target, emoji), delta in part:
            values += (instance, target, emoji, delta)
        connection.execute(
            f"INSERT INTO reaction VALUES {','.join(['(?,?,?,?)'] * size)} "
            "ON CONFLICT (instance, target, emoji) DO UPDATE SET count = count + excluded.count",
            values,
        )
    connection.commit()


def _padded(count: int) -> int:
    """The next power of two."""
    return 1 << (count - 1).bit_length()
