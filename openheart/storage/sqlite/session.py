"""What one process keeps open for one SQLite file: the lock file, the connections, the cache."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ...errors import BackendUnusable
from ...system.forks import may_fork_unnoticed
from ..backend import Change, Counts
from ..combine import Combiner
from .count_cache import CountCache
from .file import create_schema, file_identity, named_error, open_connection
from .lock_file import LockFile, bucket_of
from .readers import Readers
from .writer import Writer, select_counts

__all__ = ["LOOK_EVERY", "Session"]

LOOK_EVERY = 1.0
"""Seconds between two checks for what other programs do: change counts, replace the file."""

# Those that may have connections, by id(). SQLite's locks belong to the process and the file: in a child
# every other connection to the file would share the wrong ones, whichever object opens it.
_open_sessions: WeakValueDictionary[int, Session] = WeakValueDictionary()


class Session:
    """One file, as one process has it open. A fork, or another file in its place, needs a new session.

    Args:
        path: the file; its folder exists.
        instance: the instance whose counts are read and written.
        synchronous: FULL or NORMAL, as in SQLite's PRAGMA.
        patience: seconds to wait for other processes.
        queue: how many writes may wait.
        driver: further arguments of ``sqlite3.connect``.

    Attributes:
        pid: the process it belongs to.
        expired: whether another file has taken the place of this one.
        suspended: whether every connection is closed for a fork.
        is_brief: whether it must be closed after each use, because this process may fork at any moment, and
            in a child SQLite's locks would be wrong.

    Raises:
        BackendError: the lock file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        instance: str,
        *,
        synchronous: str,
        patience: float,
        queue: int,
        driver: Mapping[str, Any],
    ) -> None:
        self.path = path
        self.pid = os.getpid()
        self.expired = False
        self.suspended = False
        self.is_brief = may_fork_unnoticed()
        self._instance = instance
        self._connect = partial(
            open_connection, path, patience=patience, synchronous=synchronous, driver=driver
        )
        self._patience = patience
        self._place = str(path)
        self._identity: tuple[int, int] | None = None
        self._lock = LockFile(path.with_name(f"{path.name}.lock"), path)
        self._readers = Readers(self._connect)
        self._writer = Writer(
            instance,
            self._lock,
            patience,
            connect=self._connect_writer,
            is_in_place=self._is_in_place,
            named_error=lambda error: named_error(error, path),
        )
        self._combiner = Combiner(self._writer.commit, limit=queue, patience=patience)

    def open(self) -> None:
        """Open the file for the first time.

        Raises:
            BackendError: it cannot be opened; this session is of no use then.
        """
        try:
            # valuerefs(), because it is one step: other threads may open sessions meanwhile.
            for other in _open_sessions.valuerefs():
                session = other()
                if session is not None and session.path == self.path and session.pid != self.pid:
                    session._require_suspended()
            _open_sessions[id(self)] = self
            self._writer.open()
        except BaseException:
            self._end()
            raise

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        """See Batched.apply."""
        return self._combiner.apply(changes)

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        """See Batched.counts."""
        generations = self._lock.generations
        cache = self._writer.cache
        if generations is None:
            found = self._select_counts(list(dict.fromkeys(targets)))
            return [found[target].copy() for target in targets]
        known: dict[str, Counts] = {}
        unknown: list[tuple[str, int, int]] = []
        for target in dict.fromkeys(targets) if len(targets) > 1 else targets:
            entry = cache.get(target)
            if entry is not None and generations[entry.bucket] == entry.generation:
                known[target] = entry.counts
            else:
                # The generation first, then the counts: if a commit comes between them, they do not match.
                bucket = bucket_of(target) if entry is None else entry.bucket
                unknown.append((target, bucket, generations[bucket]))
        if unknown:
            known.update(self._select_counts([target for target, _, _ in unknown]))
            for target, bucket, generation in unknown:
                if not generation & 1:
                    cache.put(target, bucket, generation, known[target])
        return [known[target].copy() for target in targets]

    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Read all the rows of one statement.

        Raises:
            BackendError: it cannot be read.
        """
        try:
            return self._readers.select(statement, parameters)
        except sqlite3.Error as error:
            if not self._is_in_place():
                self.expired = True
            raise named_error(error, self.path) from error

    def check(self) -> None:
        """See Backend.check."""
        # In turn with the others, and in their transaction: probes must not slow down reactions.
        self._combiner.apply(())
        self.select("SELECT count FROM reaction LIMIT 1")

    def edit(self, targets: Sequence[str], statements: Sequence[tuple[str, Sequence[object]]]) -> None:
        """Change the counts of some targets by statements, in one transaction; see ``Writer.edit``."""
        self._combiner.pause()
        try:
            self._writer.edit(targets, statements)
        finally:
            self._combiner.resume()

    def look(self) -> None:
        """Check for changes by programs other than openheart: called every LOOK_EVERY seconds."""
        if not (self._is_in_place() and self._lock.is_in_place()):
            self.expired = True
        elif self._lock.generations is not None and self._readers.sees_a_change():
            # A new one, so that reads in progress fill the old one.
            self._writer.cache = CountCache()

    def suspend(self, timeout: float) -> None:
        """Close every connection before a fork: SQLite's locks would be wrong in the child.

        Args:
            timeout: seconds to wait for what is under way; ``suspended`` says whether it ended.
        """
        if self._combiner.pause(timeout):
            try:
                self._writer.disconnect()
                self.suspended = self._readers.pause(timeout)
            finally:
                if not self.suspended:
                    self._combiner.resume()

    def resume(self) -> None:
        """Continue after a fork."""
        if self.suspended:
            self.suspended = False
            self._readers.resume()
            self._combiner.resume()

    def begin_in_child(self) -> None:
        """Release, when a child starts, what would keep its parent's turn if the parent were killed."""
        if self.suspended:
            self._lock.forget()

    def close(self) -> None:
        """Finish the writes that wait, then close everything."""
        self._combiner.pause()
        try:
            self._writer.close()
        finally:
            self._combiner.resume()
        if self._readers.close(self._patience):
            _open_sessions.pop(id(self), None)
        self._lock.close()

    def forget(self) -> None:
        """Release, in a child, what the fork copied of the parent's session.

        Raises:
            BackendUnusable: connections were open; neither using nor closing them is safe.
        """
        self._require_suspended()
        self._end()

    def _require_suspended(self) -> None:
        if not self.suspended:
            raise BackendUnusable(
                f"this process was forked while {self.path} was in use, and its connections could not be "
                "closed first: call disconnect() before the fork, or connect() after it"
            )

    def _end(self) -> None:
        _open_sessions.pop(id(self), None)
        self._lock.close()

    def _select_counts(self, targets: list[str]) -> dict[str, Counts]:
        return select_counts(self.select, self._instance, targets)

    def _connect_writer(self) -> sqlite3.Connection:
        before = file_identity(self.path)
        connection = self._connect(create=True)
        try:
            create_schema(connection, self.path)
            found = file_identity(self.path)
            if found is None or before not in (None, found) or self._identity not in (None, found):
                self.expired = True
                raise BackendUnusable(f"{self.path} was just replaced: try again")
            self._identity = found
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_in_place(self) -> bool:
        in_place = file_identity(self._place) == self._identity
        if not in_place:
            self.expired = True
        return in_place
