"""The connections that read a SQLite file: one for each thread that reads at once, opened when needed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import BackendNotConnected
from ...system.lifecycle import Lifecycle

__all__ = ["Readers"]

_IDLE = 8  # connections that are kept; a connection takes about 100 KB


class Readers:
    """Lends connections to threads, one to each at a time, and has another that watches for changes.

    Args:
        connect: opens one.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: list[sqlite3.Connection] = []
        self._life = Lifecycle(BackendNotConnected)
        self._watcher: sqlite3.Connection | None = None
        self._version = -1
        self._watching = threading.Lock()

    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Read all the rows of one statement.

        Raises:
            BackendNotConnected: it is closed.
            sqlite3.Error: pass it to ``named_error``.
        """
        with self._life:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            try:
                rows = connection.execute(statement, parameters).fetchall()
            except BaseException:
                # It may be in the middle of a statement, or the file may have changed.
                connection.close()
                raise
            if self._life.is_open and len(self._idle) < _IDLE:
                self._idle.append(connection)
            else:
                connection.close()
            return rows

    def sees_a_change(self) -> bool:
        """Whether anything was committed by any program since the last call that may not be known yet.

        False while it is paused or closed.
        """
        if not self._life.is_open:
            return False
        with self._life, self._watching:
            try:
                if self._watcher is None:
                    self._watcher, self._version = self._connect(), -1
                version: int = self._watcher.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error:
                self._close_watcher()
                return True
            changed, self._version = version != self._version, version
            return changed

    def pause(self, timeout: float) -> bool:
        """Close every connection and open none until ``resume()``.

        Args:
            timeout: seconds to wait for the reads that are under way.

        Returns:
            Whether all are closed; otherwise reading goes on.
        """
        is_paused = self._life.pause(timeout)
        if is_paused:
            try:
                self._close_all()
            except BaseException:
                self._life.resume()
                raise
        return is_paused

    def resume(self) -> None:
        """Read again."""
        self._life.resume()

    def close(self, timeout: float) -> bool:
        """Close every connection for good.

        Args:
            timeout: seconds to wait for the reads that are under way; one that takes longer closes its own
                connection.

        Returns:
            Whether all are closed.
        """
        is_idle = self._life.close(timeout)
        self._close_all()
        return is_idle

    def _close_all(self) -> None:
        self._close_watcher()
        while self._idle:
            self._idle.pop().close()

    def _close_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()
