"""One stream of events as a WSGI server reads it: what comes, a sign of life now and then, and its end."""

from __future__ import annotations

import contextlib
import select
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .hub import Hub, Listener, encode

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Stream", "cutter", "socket_of"]

LOOK = 0.5  # seconds between two looks whether the browser, or the server, goes
ALIVE = b":\n\n"
UNHEARD = 2.0  # heartbeats that may stay unacknowledged before the system gives a connection up
_HUNG_UP = getattr(select, "POLLRDHUP", 0) | getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)


class Stream:
    """The body of the answer.

    Args:
        listener: whose events it sends.
        hub: where that is.
        first: what it begins with.
        heartbeat: seconds without an event after which it says that it is alive.
        lasts: seconds after which it ends.
        connection: the connection to the browser, where the server tells.
        is_stopping: whether the server wants to stop.
    """

    def __init__(
        self,
        listener: Listener,
        hub: Hub,
        *,
        first: bytes,
        heartbeat: float,
        lasts: float,
        connection: socket.socket | None,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._listener = listener
        self._hub = hub
        self._first: bytes | None = first
        self._heartbeat = heartbeat
        self._until = time.monotonic() + lasts
        self._connection = connection
        self._is_stopping = is_stopping
        # Also when nobody calls close(), as where another answer took the place of this one.
        self._forget = weakref.finalize(self, hub.forget, listener)
        self._forget.atexit = False
        if connection is not None:
            _give_up_after(connection, UNHEARD * heartbeat)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        due = time.monotonic() + self._heartbeat
        while True:
            now = time.monotonic()
            if now >= self._until or self._is_stopping():
                break
            events = self._listener.take(max(0.0, min(LOOK, due - now)))
            if events:
                return b"".join(map(encode, events))
            if self._listener.is_over or _has_hung_up(self._connection):
                break
            if time.monotonic() >= due:
                return ALIVE
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Take the listener out; the server calls it when the browser has gone, too."""
        self._forget.detach()
        self._hub.leave(self._listener)


def socket_of(environ: WSGIEnvironment) -> socket.socket | None:
    """The connection of a request, where its server tells."""
    for name in ("openheart.socket", "gunicorn.socket", "werkzeug.socket"):
        found = environ.get(name)
        if isinstance(found, socket.socket):
            return found
    return None


def cutter(connection: socket.socket | None) -> Callable[[], None]:
    """A function that ends whatever another thread sends over a connection, and never waits."""

    def cut() -> None:
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    return cut


def _has_hung_up(connection: socket.socket | None) -> bool:
    if connection is None or not hasattr(select, "poll"):
        return False
    watch = select.poll()
    try:
        watch.register(connection, _HUNG_UP)
        return bool(watch.poll(0))
    except (OSError, ValueError):
        return True


def _give_up_after(connection: socket.socket, seconds: float) -> None:
    # A browser whose network is gone says nothing; the system would try for a quarter of an hour.
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, max(1000, int(seconds * 1000)))
