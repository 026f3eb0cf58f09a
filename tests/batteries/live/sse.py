"""Reads streams of server-sent events as a browser does (HTML standard)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...waiting import PATIENCE

__all__ = ["Browser", "Heard", "Stream"]


class Heard(NamedTuple):
    """An event.

    Attributes:
        type: what ``addEventListener()`` has; empty for one that only has an id or is a comment.
        data: what its JSON says.
        id: the last id that came.
    """

    type: str
    data: Any
    id: str


class Stream:
    """The events of a stream.

    Args:
        chunks: the bytes as they come.

    Attributes:
        heard: the events that came.
        id: the last id that came.
        retry: when the browser would come back, in ms.
        comments: how many there were.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._blocks = self._split(iter(chunks))
        self.heard: list[Heard] = []
        self.id = ""
        self.retry = 0
        self.comments = 0

    def begin(self) -> Stream:
        """Read what is sent at once."""
        while not self.retry:
            self._read()
        return self

    def read(self, blocks: int) -> None:
        """Read so many blocks, of which each has an event or none."""
        for _ in range(blocks):
            self._read()

    def next(self) -> Heard:
        """The next event; raises StopIteration where the stream ended."""
        while True:
            found = self._read()
            if found is not None:
                return found

    def comment(self) -> None:
        """Read until a comment."""
        before = self.comments
        while self.comments == before:
            assert self._read() is None

    def end(self) -> list[Heard]:
        """What still comes until the stream ends."""
        found = []
        while True:
            try:
                found.append(self.next())
            except StopIteration:
                return found

    def _read(self) -> Heard | None:
        kind, data = "message", []
        for line in next(self._blocks).split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not name:
                self.comments += 1
            elif name == "id":
                self.id = value
            elif name == "retry":
                self.retry = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            else:
                raise AssertionError(f"no field of a stream: {line!r}")
        if not data:
            return None
        self.heard.append(Heard(kind, json.loads("\n".join(data)), self.id))
        return self.heard[-1]

    @staticmethod
    def _split(chunks: Iterator[bytes]) -> Iterator[str]:
        rest = b""
        for chunk in chunks:
            rest += chunk
            while b"\n\n" in rest:
                block, _, rest = rest.partition(b"\n\n")
                yield block.decode()
        assert not rest


class Browser:
    """A connection to a server, without anything that a client library would do by itself.

    Args:
        url: the stream, in full.
        headers: lines of the request.
        receive: the size of the buffer for what comes, in bytes; None leaves it to the system.

    Attributes:
        status: of the answer.
        head: its headers, in lower case.
        stream: the events, for 200.
    """

    def __init__(self, url: str, *headers: str, receive: int | None = None) -> None:
        parts = urlsplit(url)
        self.socket = socket.socket()
        if receive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(PATIENCE)
        assert parts.hostname is not None
        self.socket.connect((parts.hostname, parts.port or 80))
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self._file = self.socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.head: dict[str, str] = {}
        while line := self._file.readline().strip().decode():
            name, _, value = line.partition(":")
            self.head[name.lower()] = value.strip()
        self.stream = Stream(self._body())

    def body(self) -> bytes:
        """All of an answer that ends."""
        return b"".join(self._body())

    def close(self) -> None:
        """Disconnect, as a browser that is closed."""
        self._file.close()
        self.socket.close()

    def _body(self) -> Iterator[bytes]:
        if self.head.get("transfer-encoding") == "chunked":
            while size := int(self._file.readline() or b"0", 16):
                yield self._file.read(size)
                self._file.readline()
        elif "content-length" in self.head:
            yield self._file.read(int(self.head["content-length"]))
        else:
            while data := self._file.read1():
                yield data
