"""The connections that read a SQLite file: one for each thread that reads at once, opened when needed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import BackendNotConnected

__all__ = ["Readers"]

_IDLE = 8  # connections that are kept; a connection takes about 100 KB


class Readers:
    """Lends connections to threads, one to each at a time.

    Args:
        connect: opens one.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
        self._era = 0
        self._paused = False
        self._closed = False
        self._changed = threading.Condition(threading.Lock())

    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Read all the rows of one statement.

        Raises:
            BackendNotConnected: it is closed.
            sqlite3.Error: pass it to ``named_error``.
        """
        connection, era = self._take()
        try:
            if connection is None:
                connection = self._connect()
            rows = connection.execute(statement, parameters).fetchall()
        except BaseException:
            # It may be in the middle of a statement, or the file may have changed.
            if connection is not None:
                connection.close()
            self._give_back(None, era)
            raise
        self._give_back(connection, era)
        return rows

    def pause(self, timeout: float) -> bool:
        """Close every connection and lend none until ``resume()``.

        Args:
            timeout: seconds to wait for the reads that are under way.

        Returns:
            Whether all are closed.
        """
        with self._changed:
            self._paused = True
            self._close_idle()
            return self._changed.wait_for(lambda: not self._lent, timeout)

    def resume(self) -> None:
        """Lend again."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def renew(self) -> None:
        """Close every connection, lent ones when they are returned, and open new ones from now on."""
        with self._changed:
            self._close_idle()

    def close(self) -> None:
        """Close every connection for good."""
        with self._changed:
            self._closed = True
            self._paused = False
            self._close_idle()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._lent)

    def _take(self) -> tuple[sqlite3.Connection | None, int]:
        with self._changed:
            if self._paused:
                self._changed.wait_for(lambda: not self._paused)
            if self._closed:
                raise BackendNotConnected("the backend was disconnected: call connect() first")
            self._lent += 1
            return (self._idle.pop() if self._idle else None), self._era

    def _give_back(self, connection: sqlite3.Connection | None, era: int) -> None:
        with self._changed:
            if connection is not None:
                if era == self._era and len(self._idle) < _IDLE:
                    self._idle.append(connection)
                else:
                    connection.close()
            self._lent -= 1
            if not self._lent:
                self._changed.notify_all()

    def _close_idle(self) -> None:
        self._era += 1
        while self._idle:
            self._idle.pop().close()
