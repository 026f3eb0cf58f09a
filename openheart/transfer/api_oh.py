"""The keys of api-oh, dumped as JSON: ``domain:uid:emoji`` and a count, in an object or a list."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from json.scanner import NUMBER_RE
from typing import Any, BinaryIO

from ..errors import TransferError
from .foreign import Reaction, count_of

__all__ = ["read_reactions"]

_EXPECTED = (
    'a JSON object {"example.com:uid:🥨": 3} or a list [{"key": "example.com:uid:🥨", "value": "3"}], '
    "as Cloudflare's tools dump it"
)
_CHUNK = 65536
_LONGEST = 1024 * 1024  # of one entry


def read_reactions(file: BinaryIO) -> Iterator[Reaction]:
    """Read the keys of a dump, entry by entry.

    Raises:
        TransferError: it is not such a dump.
    """
    for number, (key, value) in enumerate(_entries(_Stream(file)), 1):
        if isinstance(value, dict):
            value = value.get("value")
        domain, uid, emoji = _parts(key, number)
        yield Reaction(f"key {number} ({key!r})", f"{domain}/{uid}", emoji, count_of(value))


def _parts(key: object, number: int) -> tuple[str, str, str]:
    parts = key.split(":") if isinstance(key, str) else []
    if len(parts) < 3:
        raise TransferError(f"key {number} is {key!r}: expected domain:uid:emoji")
    # A domain may have a port, as in localhost:8787:uid:emoji.
    ends = 2 if len(parts) > 3 and parts[1].isdigit() else 1
    return ":".join(parts[:ends]), ":".join(parts[ends:-1]), parts[-1]


def _entries(stream: _Stream) -> Iterator[tuple[Any, Any]]:
    opening = stream.symbol("{", "[")
    closing = "}" if opening == "{" else "]"
    if stream.peek() == closing:
        return
    while True:
        entry = stream.value()
        if opening == "{":
            stream.symbol(":")
            yield entry, stream.value()
        elif isinstance(entry, dict):
            yield entry.get("key", entry.get("name")), entry.get("value")
        else:
            raise TransferError(f"an entry is {entry!r}: expected {_EXPECTED}")
        if stream.symbol(",", closing) == closing:
            return


class _Stream:
    """Reads the values of a JSON text one by one, so that a large file takes little memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._text = ""
        self._at = 0

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def symbol(self, *allowed: str) -> str:
        """Read one of some characters."""
        found = self.peek()
        if found not in allowed or not found:
            raise TransferError(
                f"{found or 'the end'!r} is where {' or '.join(allowed)} should be: expected {_EXPECTED}"
            )
        self._at += 1
        return found

    def value(self) -> Any:
        """Read one whole value."""
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                if len(self._text) - self._at > _LONGEST or not self._more():
                    raise TransferError(f"the JSON is broken: expected {_EXPECTED}") from None
                continue
            # The digits of a number may continue in the part that was not read yet.
            if end == len(self._text) and NUMBER_RE.match(self._text, self._at) and self._more():
                continue
            self._at = end
            return value

    def _more(self) -> bool:
        chunk = self._file.read(_CHUNK)
        try:
            text = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            raise TransferError(f"this is not UTF-8: expected {_EXPECTED}") from None
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(chunk)
