"""Writes groups of changes to a SQLite file, one transaction each, and says what changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

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

    Args:
        instance: the instance whose counts it writes.
        lock: the lock file, already open.
        patience: seconds to wait for other processes.
        connect: opens a connection and sees that the schema is there.
        is_in_place: whether the path still leads to the file that was opened.
        named_error: turns an error of SQLite into ours.
        cache: the cache to read and to fill just now.
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
        cache: Callable[[], CountCache],
    ) -> None:
        self._instance = instance
        self._lock = lock
        self._patience = patience
        self._connect = connect
        self._is_in_place = is_in_place
        self._named_error = named_error
        self._cache = cache
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def open(self) -> None:
        """Open the file now instead of at the first write.

        Raises:
            BackendError: it cannot be opened.
        """
        self._with_lock(lambda connection: None)

    def let_go(self) -> None:
        """Close the connection; the next write opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connection and write no more."""
        self._closed = True
        self.let_go()

    def commit(self, group: Sequence[Job]) -> None:
        """Store a group of jobs and set their answers; see ``Combiner``."""
        self._with_lock(lambda connection: self._write(connection, group))

    def check(self) -> None:
        """Write a row, read it, take it away again, and commit that.

        Raises:
            BackendError: one of them does not work.
        """
        self._with_lock(self._probe)

    def edit(self, targets: Iterable[str], statements: Sequence[tuple[str, Sequence[object]]]) -> None:
        """Run statements in one transaction.

        Args:
            targets: every target whose counts they may change.
            statements: each with its parameters.

        Raises:
            BackendError: nothing was changed, unless it is OutcomeUnknown.
        """
        touched = {bucket_of(target) for target in targets}
        self._with_lock(lambda connection: self._edit(connection, touched, statements))

    def _with_lock(self, work: Callable[[sqlite3.Connection], None]) -> None:
        if self._closed:
            raise BackendNotConnected("the backend was disconnected: call connect() first")
        self._lock.acquire(self._patience)
        try:
            if self._connection is None:
                self._connection = self._connect()
            work(self._connection)
        except sqlite3.Error as error:
            # A new connection looks at the file afresh, so a mended disk is noticed by itself.
            self.let_go()
            raise self._named_error(error) from error
        except BaseException:
            self.let_go()
            raise
        finally:
            self._lock.release()

    def _write(self, connection: sqlite3.Connection, group: Sequence[Job]) -> None:
        cache = self._cache()
        buckets = {change.target: 0 for job in group for change in job.changes}
        for target in buckets:
            buckets[target] = bucket_of(target)
        if not self._lock.is_exclusive:
            connection.execute("BEGIN IMMEDIATE")
        counts = self._counts_before(connection, cache, buckets)
        sums: dict[Key, int] = {}
        answers = [_replay(job, counts, sums) for job in group]
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

    def _edit(
        self,
        connection: sqlite3.Connection,
        touched: set[int],
        statements: Sequence[tuple[str, Sequence[object]]],
    ) -> None:
        connection.execute("BEGIN IMMEDIATE")
        repair = self._lock.was_left_writing
        self._lock.announce(touched)
        try:
            for statement, parameters in statements:
                connection.execute(statement, parameters)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not repair and not isinstance(self._named_error(error), OutcomeUnknown):
                self._lock.conclude(touched)
            raise
        self._conclude((), [], touched, repair)

    def _conclude(
        self, group: Sequence[Job], answers: list[list[Counts]], touched: set[int], repair: bool
    ) -> None:
        in_place = self._is_in_place()
        self._lock.conclude(touched, repair=repair)
        if not in_place:
            raise OutcomeUnknown(
                "the database file was deleted or replaced while it was in use, so this write is in the "
                "old one only; openheart goes on with the file that is there now. Stop it before you "
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

    def _probe(self, connection: sqlite3.Connection) -> None:
        row = ("\0check", "check", "\N{HEAVY BLACK HEART}")
        where = "WHERE instance=? AND target=? AND emoji=?"
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("INSERT INTO reaction VALUES (?,?,?,1)", row)
            found = connection.execute(f"SELECT count FROM reaction {where}", row).fetchall()
            connection.execute(f"DELETE FROM reaction {where}", row)
            # Without it SQLite may find that nothing changed, and would not try the disk.
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute(f"PRAGMA user_version={version}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if found != [(1,)]:
            raise BackendUnusable("the database does not give back what was written: look at the disk")


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
        # Few different statements, so that all of them stay prepared.
        marks = ",".join("?" * _padded(len(part)))
        part = [*part, *[part[-1]] * (_padded(len(part)) - len(part))]
        statement = f"SELECT target, emoji, count FROM reaction WHERE instance=? AND target IN ({marks})"
        for target, emoji, count in select(statement, (instance, *part)):
            found[target][emoji] = count
    return found


def _replay(job: Job, counts: dict[str, Counts], sums: dict[Key, int]) -> list[Counts]:
    answers = []
    for change in job.changes:
        mine = counts[change.target]
        mine[change.emoji] = mine.get(change.emoji, 0) + change.delta
        key = (change.target, change.emoji)
        sums[key] = sums.get(key, 0) + change.delta
        answers.append(mine.copy())
    return answers


def _add(connection: sqlite3.Connection, instance: str, sums: dict[Key, int]) -> None:
    rows = [(instance, target, emoji, delta) for (target, emoji), delta in sums.items()]
    # One statement is one transaction by itself, and one call that gives the interpreter lock away.
    single = len(rows) <= LARGEST_GROUP
    if not single and not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    for start in range(0, len(rows), LARGEST_GROUP):
        part = rows[start : start + LARGEST_GROUP]
        size = _padded(len(part))
        part += [(*part[-1][:3], 0)] * (size - len(part))
        connection.execute(
            f"INSERT INTO reaction VALUES {','.join(['(?,?,?,?)'] * size)} "
            "ON CONFLICT (instance, target, emoji) DO UPDATE SET count = count + excluded.count",
            [value for row in part for value in row],
        )
    if connection.in_transaction:
        connection.execute("COMMIT")


def _padded(count: int) -> int:
    """The next power of two."""
    return 1 << (count - 1).bit_length()
