"""A proxy between a driver and a MongoDB server that loses replies: the server has applied the command."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType

__all__ = ["MongoProxy"]


class MongoProxy:
    """Passes messages on both ways, and closes a connection instead of giving a chosen reply.

    Args:
        uri: the server's URI, as of ``MongoServer``.

    Attributes:
        uri: the server's URI with the proxy's port.
        lost: how many replies were lost.
    """

    def __init__(self, uri: str) -> None:
        self.lost = 0
        self._server = int(uri.partition("?")[0].rstrip("/").rpartition(":")[2])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = uri.replace(f":{self._server}", f":{self._listener.getsockname()[1]}")
        self._command = b""
        self._to_lose = 0
        self._lost: set[bytes] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def lose(self, command: str, times: int = 1) -> None:
        """Lose the replies to the next messages that hold this command, but not that to a retried write."""
        with self._lock:
            # The first element of a command in BSON: a string (type 2) named like the command.
            self._command, self._to_lose = b"\x02" + command.encode() + b"\0", times

    def close(self) -> None:
        """Close every connection."""
        # Nobody comes any more before the others are broken.
        _shut(self._listener)
        self._threads[0].join()
        for each in self._sockets:
            _shut(each)
        for thread in self._threads:
            thread.join()

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                driver, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(driver)
            try:
                server = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                _shut(driver)
                continue
            self._sockets.append(server)
            self._start(self._serve, driver, server)

    def _serve(self, driver: socket.socket, server: socket.socket) -> None:
        # The driver sends one message on a connection and waits for its reply.
        try:
            while message := _message(driver):
                server.sendall(message)
                reply = _message(server)
                if self._loses(message):
                    break
                driver.sendall(reply)
        except OSError:
            pass
        finally:
            _shut(driver)
            _shut(server)

    def _loses(self, message: bytes) -> bool:
        with self._lock:
            if not self._to_lose or self._command not in message:
                return False
            identity = _identity(message)
            if identity in self._lost:
                return False
            if identity:
                self._lost.add(identity)
            self._to_lose -= 1
            self.lost += 1
            return True

    def __enter__(self) -> MongoProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _identity(message: bytes) -> bytes:
    # Session and number of a write that the driver may retry, as BSON.
    number = re.search(rb"\x12txnNumber\0(.{8})", message, re.DOTALL)
    session = re.search(rb"\x03lsid\0.{4}(.{25})", message, re.DOTALL)
    return session[1] + number[1] if number and session else b""


def _message(source: socket.socket) -> bytes:
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack("<i", head)[0] - 4) if head else b""


def _exactly(source: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = source.recv(size - len(received))
        if not part:
            return b""
        received += part
    return received


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
