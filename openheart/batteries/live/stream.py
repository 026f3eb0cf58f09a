"""One stream of events as a WSGI server reads it: events, heartbeats, and its end."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .hub import Hub, Listener, encode

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["Stream", "cut", "socket_of"]

POLL = 0.5  # seconds between two checks whether the browser or the server closes the stream
HEARTBEAT = b":\n\n"
UNACKNOWLEDGED = 2.0  # heartbeats that may stay unacknowledged before the system drops a connection
_HUNG_UP = getattr(select, "POLLRDHUP", 0) | getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)


class Stream:
    """The body of the response.

    Args:
        listener: whose events it sends.
        hub: the hub of the listener.
        first: the first bytes of the stream.
        heartbeat: seconds without an event after which it sends a heartbeat.
        lasts: seconds after which it ends.
        connection: the connection to the browser, if the server provides it.
        is_stopping: whether the server is stopping.
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
        self._first = first
        self._heartbeat = heartbeat
        self._until = time.monotonic() + lasts
        self._connection = connection
        self._is_stopping = is_stopping
        # Also when nobody calls close(), such as when another response replaced this one.
        self._forget = weakref.finalize(self, hub.forget, listener)
        self._forget.atexit = False
        if connection is not None:
            _give_up_after(connection, UNACKNOWLEDGED * heartbeat)

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        due = time.monotonic() + self._heartbeat
        while (now := time.monotonic()) < self._until and not self._is_stopping():
            events = self._listener.take(max(0.0, min(POLL, due - now)))
            if events:
                yield b"".join(map(encode, events))
            elif self._listener.is_over or _has_hung_up(self._connection):
                break
            elif time.monotonic() >= due:
                yield HEARTBEAT
            else:
                continue
            due = time.monotonic() + self._heartbeat
        self.close()

    def close(self) -> None:
        """Remove the listener; the server also calls this when the browser has disconnected."""
        self._forget.detach()
        self._hub.leave(self._listener)


def socket_of(environ: WSGIEnvironment) -> socket.socket | None:
    """The connection of a request, if its server provides it."""
    for name in ("openheart.socket", "gunicorn.socket", "werkzeug.socket"):
        found = environ.get(name)
        if isinstance(found, socket.socket):
            return found
    return None


def cut(connection: socket.socket | None) -> None:
    """Cut a connection while another thread may be sending; never waits."""
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _has_hung_up(connection: socket.socket | None) -> bool:
    if connection is None or not hasattr(select, "poll"):
        return False
    # Gevent's own poll() does not report that the other side has closed the connection.
    gevent = sys.modules.get("gevent.monkey")
    watch = gevent.get_original("select", "poll")() if gevent else select.poll()
    try:
        watch.register(connection, _HUNG_UP)
        return bool(watch.poll(0))
    except (OSError, ValueError):
        return True


def _give_up_after(connection: socket.socket, seconds: float) -> None:
    # A browser that lost its network sends nothing, and the system would retry for a quarter of an hour.
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, max(1000, int(seconds * 1000)))
