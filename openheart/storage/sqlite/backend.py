"""Counts in one SQLite file, for any number of processes and threads on one machine."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType
from typing import Any, Literal, TypeVar, TypeVarTuple

from ...errors import BackendNotConnected
from ...system.finding import Finding
from ...system.forks import PerProcess, at_fork, no_fork
from ..backend import Change, Counts, Listing, Rows
from ..cursor import after_prefix, read_cursor, write_cursor
from ..engine import IN_URI, Engine
from .disk import look_at_file
from .file import check_library, path_from_uri, prepare_folder, temporary_path
from .row import ROW
from .session import LOOK_EVERY, Session

__all__ = ["SqliteBackend"]

T = TypeVar("T")
Given = TypeVarTuple("Given")

_FORK_PATIENCE = 5.0  # seconds that a fork waits for a write or a read to end


class SqliteBackend(Engine):
    """``sqlite:///path``: durable, fast and without a server.

    Writes are committed in groups. Counts that were read are remembered, and exactly as long as they
    hold: a counter in shared memory tells every process what any of them changed. What another program
    changes, such as a sqlite3 shell, shows within a second.

    Beside the file are SQLite's own ``-wal`` and ``-shm``, and ``.lock`` and ``.lock.next``, by which
    processes take turns. They hold nothing to back up, and may go only when no process is running.

    Args:
        uri: ``sqlite:///path`` for a path relative to the folder, ``sqlite:////path`` for an absolute one; or
            ``:memory:`` for a temporary file, which is removed with this object.
        instance: separates two instances in one file.
        folder: where a relative path starts; the current folder by default.
        synchronous: FULL survives a loss of power, NORMAL only the end of the process.
        busy_timeout: seconds to wait while another program holds the file; ``timeout`` is the same.
        queue: how many writes may wait in this process.
        kwargs: ``cached_statements`` and ``factory``, as ``sqlite3.connect`` takes them.

    Attributes:
        path: the file, absolute.
        synchronous, busy_timeout, queue: the arguments.

    Raises:
        ConfigError: the URI names no file.
    """

    schemes = ("sqlite",)
    adds_up = True
    settings = ROW.keywords
    driver = "sqlite3.connect()"
    positions = (
        "timeout",
        "detect_types",
        "isolation_level",
        "check_same_thread",
        "factory",
        "cached_statements",
    )
    synonyms = MappingProxyType({"timeout": "busy_timeout"})
    fixed = MappingProxyType(
        {
            "database": IN_URI,
            "isolation_level": None,
            "autocommit": -1,  # sqlite3.LEGACY_TRANSACTION_CONTROL, of Python 3.12
            "check_same_thread": False,
            "detect_types": 0,
        }
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session: Session | None = None
        self._is_connected = False
        self._next_look = 0.0
        self._opening = PerProcess(lambda: threading.Lock())
        self._forking: int | None = None  # the thread that holds _opening for its fork
        at_fork(before=self.suspend, in_parent=self.resume, in_child=self._begin_in_child)

    def _use(
        self,
        uri: str,
        driver: dict[str, Any],
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout: float = 10.0,
        queue: int = 10_000,
    ) -> None:
        if synchronous not in ("FULL", "NORMAL"):
            raise ValueError(f"synchronous={synchronous!r} cannot be used: expected FULL or NORMAL")
        self.path = temporary_path(self) if uri == ":memory:" else path_from_uri(uri, self.folder)
        self.synchronous = synchronous
        self.busy_timeout = busy_timeout
        self.queue = queue
        self._driver = driver

    def _try(self, uri: str, driver: dict[str, Any]) -> None:
        sqlite3.connect(":memory:", **driver).close()

    @property
    def location(self) -> str:
        return str(self.path) if self.uri else ""

    def exists(self) -> bool:
        return self.path.exists()

    def examine(self) -> Iterator[Finding]:
        yield from look_at_file(self.path)
        if self.synchronous == "NORMAL":
            yield Finding(
                "note",
                "OPENHEART_SQLITE_SYNCHRONOUS=NORMAL: when the power fails, the last reactions may be lost",
                "unset it to keep every reaction that was acknowledged",
            )

    def _connect(self) -> None:
        with no_fork(), self._opening.here:
            self._is_connected = True
            try:
                session = self._session or self._open()
                if session.is_brief:
                    self._close(session)
            except BaseException:
                self._is_connected = False
                raise

    def disconnect(self) -> None:
        with no_fork(), self._opening.here:
            self._is_connected = False
            if self._session is not None:
                self._close(self._session)

    def is_connected(self) -> bool:
        return self._is_connected

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        return self._with_session(Session.apply, changes) if changes else []

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        return self._with_session(Session.counts, targets)

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        after = "" if cursor is None else read_cursor(cursor)
        targets, given = self._targets(prefix, after)
        statement = (
            "SELECT target, emoji, count FROM reaction WHERE instance=? AND target IN ("
            f"{targets} ORDER BY target LIMIT ?) ORDER BY target"
        )
        given = (self.instance or "", *given, limit + 1)
        found: dict[str, Counts] = {}
        for target, emoji, count in self._with_session(Session.select, statement, given):
            found.setdefault(target, {})[emoji] = count
        rows = [*found.items()]
        return Listing(rows[:limit], write_cursor(rows[limit - 1][0]) if len(rows) > limit else None)

    def number_of_targets(self, prefix: str = "") -> int:
        targets, given = self._targets(prefix)
        rows = self._with_session(Session.select, f"SELECT count(*) FROM ({targets})", given)
        return int(rows[0][0])

    def _targets(self, prefix: str, after: str = "") -> tuple[str, tuple[Any, ...]]:
        end = after_prefix(prefix)
        statement = "SELECT DISTINCT target FROM reaction WHERE instance=? AND target>? AND target>=?"
        given = (self.instance or "", after, prefix)
        return (statement, given) if end is None else (f"{statement} AND target<?", (*given, end))

    def top(self, limit: int = 10) -> Rows:
        statement = (
            "SELECT target FROM reaction WHERE instance=? "
            "GROUP BY target ORDER BY sum(count) DESC, target LIMIT ?"
        )
        rows = self._with_session(Session.select, statement, (self.instance or "", limit))
        targets = [target for (target,) in rows]
        return [*zip(targets, self.counts(targets), strict=True)]

    def delete(self, targets: Sequence[str]) -> None:
        instance = self.instance or ""
        statement = "DELETE FROM reaction WHERE instance=? AND target=?"
        statements = [(statement, (instance, target)) for target in targets]
        self._with_session(Session.edit, targets, statements)

    def rename(self, old: str, new: str) -> Counts:
        instance = self.instance or ""
        add = (
            "INSERT INTO reaction SELECT instance, ?, emoji, count FROM reaction "
            "WHERE instance=? AND target=? ON CONFLICT (instance, target, emoji) "
            "DO UPDATE SET count = count + excluded.count"
        )
        remove = "DELETE FROM reaction WHERE instance=? AND target=?"
        statements = [(add, (new, instance, old)), (remove, (instance, old))]
        self._with_session(Session.edit, (old, new), statements)
        return self.counts((new,))[0]

    def check(self) -> None:
        self._with_session(Session.check)

    def suspend(self) -> None:
        """Close every connection for a fork; ``resume()`` must follow in this thread of the parent."""
        if not self._opening.here.acquire(timeout=_FORK_PATIENCE):
            return
        self._forking = threading.get_ident()
        if self._session is not None and self._session.pid == os.getpid():
            self._session.suspend(_FORK_PATIENCE)

    def resume(self) -> None:
        """Continue after ``suspend()`` and a fork."""
        # Another thread that forks may have suspended it and not finished yet.
        if self._forking != threading.get_ident():
            return
        if self._session is not None and self._session.pid == os.getpid():
            self._session.resume()
        self._forking = None
        self._opening.here.release()

    def _begin_in_child(self) -> None:
        self._forking = None
        if self._session is not None:
            self._session.begin_in_child()

    def _with_session(self, work: Callable[[Session, *Given], T], *given: *Given) -> T:
        session = self._session
        while True:
            if session is None or session.expired or session.pid != os.getpid():
                session = self._renewed(session)
            used = session
            try:
                now = time.monotonic()
                if now >= self._next_look:
                    self._next_look = now + LOOK_EVERY
                    used.look()
                    if used.expired:
                        continue
                return work(used, *given)
            except BackendNotConnected:
                # Another thread closed this session, because the file was replaced, by disconnect(), or after
                # its own use. Nothing was done so far.
                session = self._renewed(used)
            finally:
                if used.is_brief:
                    self._release(used)

    def _renewed(self, session: Session | None) -> Session:
        with no_fork(), self._opening.here:
            self.require_connected()
            current = self._session
            if current is not None:
                if current is not session:
                    return current
                self._close(current)
            return self._open()

    def _release(self, session: Session) -> None:
        with no_fork(), self._opening.here:
            if session.is_brief and session is self._session:
                self._close(session)

    def _close(self, session: Session) -> None:
        self._session = None
        try:
            if session.pid == os.getpid():
                session.close()
            else:
                session.forget()
        except BaseException:
            # It stays the one that has to be closed first.
            self._session = session
            raise

    def _open(self) -> Session:
        check_library()
        prepare_folder(self.path)
        session = Session(
            self.path,
            self.instance or "",
            synchronous=self.synchronous,
            patience=self.busy_timeout,
            queue=self.queue,
            driver=self._driver,
        )
        session.open()
        self._session = session
        return session
