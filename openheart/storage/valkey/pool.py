"""A bounded pool of connections to one server.

The blocking pool of valkey-py takes as long to lend a connection as a command takes on it.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue

from ...system.breaker import Unavailable
from .connection import Clocked

__all__ = ["ConnectionPool"]


class ConnectionPool:
    """Lends connections, the one that was used last first.

    Args:
        make: makes an unopened connection.
        size: the most connections there are.
        timeout: seconds to wait for one.
    """

    def __init__(self, make: Callable[[], Clocked], size: int, timeout: float) -> None:
        self._make = make
        self._timeout = timeout
        self._idle: list[Clocked] = []
        self._is_closed = False
        # One for each connection that may be lent. Its methods are atomic, and so are those of the list.
        self._turns: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._turns.put(None)

    def get(self) -> Clocked:
        """An open connection; return it with ``put``.

        Raises:
            Unavailable: every one is in use.
            ValkeyError, OSError: it cannot be opened.
        """
        try:
            self._turns.get(timeout=self._timeout)
        except Empty:
            raise Unavailable("every connection is in use; raise OPENHEART_VALKEY_POOL") from None
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._make()
            try:
                connection.open()
            except BaseException:
                self._idle.append(connection)
                raise
        except BaseException:
            self._turns.put(None)
            raise
        return connection

    def put(self, connection: Clocked) -> None:
        """Take a connection back."""
        self._idle.append(connection)
        self._turns.put(None)
        if self._is_closed:
            self.close()

    def close(self) -> None:
        """Close the connections that are not lent, and the others when they are returned."""
        self._is_closed = True
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                # Checking first is not enough: another thread may close at the same time.
                return
            connection.drop()
