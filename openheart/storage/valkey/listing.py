"""Lists what is in Valkey by SCAN, which visits every key of every server once and keeps no order."""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import BackendUnavailable, InvalidRequest
from ..backend import Counts, Listing
from ..cursor import REFUSAL, decode, encode
from .calls import read
from .dispatcher import Dispatcher
from .script import Keys, read_row
from .server import Server

__all__ = ["Scanner"]

SCANS_PER_PAGE = 200
"""A page ends early, with a cursor, after this many SCANs, so that no request takes too long."""

FEWEST, MOST = 10, 1000
"""How many keys one SCAN visits, about."""

_NOWHERE, _OVER = bytes(8), b"\xff" * 8
_HEAD = struct.Struct(">8sQ")
_SHORT = 16  # bytes of a key's digest
_CHECK = 4
_RESTARTED = "the storage changed its servers since the previous page: list again without a cursor"


@dataclass(slots=True)
class Position:
    """Where a listing continues.

    Attributes:
        server: which server's process is scanned; ``_NOWHERE`` before the first, ``_OVER`` after the last.
        scan: SCAN's own cursor there.
        left: digests of keys that were found and did not fit on the page.
    """

    server: bytes = _NOWHERE
    scan: int = 0
    left: tuple[bytes, ...] = ()


class Scanner:
    """Lists the targets of one instance.

    A target that exists all the time is on the pages at least once. It may appear twice while the server
    shrinks its table, which happens when many keys expire; ``rows`` skips such repeats.

    Args:
        dispatcher: sends the calls.
        keys: the keys of the instance.
    """

    def __init__(self, dispatcher: Dispatcher, keys: Keys) -> None:
        self._dispatcher = dispatcher
        self._keys = keys

    def page(self, prefix: str, cursor: str | None, limit: int) -> Listing:
        """One page; see ``Listed.list``."""
        servers = self._dispatcher.servers()
        position = Position() if cursor is None else self._read(cursor)
        found = self._rows([self._keys.long(short) for short in position.left], prefix)
        number = self._number_of(servers, position)
        size = FEWEST
        for _ in range(SCANS_PER_PAGE):
            if len(found) > limit or number == len(servers):
                break
            run_id, position.scan, keys = self._scan(
                servers[number], position.scan, min(max(size, limit), MOST)
            )
            if position.server not in (run_id, _NOWHERE):
                raise InvalidRequest(_RESTARTED)
            position.server = run_id
            known = {key for key, _ in found}
            rows = self._rows([key for key in keys if key not in known], prefix)
            found += rows
            size = size * 2 if not rows else FEWEST
            if position.scan == 0:
                number += 1
                position.server = self._scan_id(servers[number]) if number < len(servers) else _OVER
        position.left = tuple(self._keys.short(key) for key, _ in found[limit:])
        is_last = position.server == _OVER and not position.left
        return Listing([row for _, row in found[:limit]], None if is_last else self._write(position))

    def rows(self, prefix: str = "") -> Iterator[tuple[str, Counts]]:
        """Every target with its counts, each once."""
        seen = Seen()
        for server in self._dispatcher.servers():
            scan, process = 0, b""
            while True:
                run_id, scan, keys = self._scan(server, scan, MOST)
                if process not in (b"", run_id):
                    raise BackendUnavailable(
                        f"{server.name} was restarted while its targets were listed: list again"
                    )
                process = run_id
                for _, row in self._rows([key for key in keys if seen.add(key)], prefix):
                    yield row
                if scan == 0:
                    break

    def _scan(self, server: Server, cursor: int, count: int) -> tuple[bytes, int, list[bytes]]:
        run_id, (following, keys) = self._dispatcher.ask(
            server, b"SCAN", cursor, b"MATCH", self._keys.pattern, b"COUNT", count, b"TYPE", b"hash"
        )
        return run_id, int(following), list(dict.fromkeys(keys))

    def _scan_id(self, server: Server) -> bytes:
        return self._dispatcher.ask(server, b"PING")[0]

    def _rows(self, keys: Sequence[bytes], prefix: str) -> list[tuple[bytes, tuple[str, Counts]]]:
        calls = [read(key) for key in keys]
        self._dispatcher.run(calls)
        rows = [(call.key, read_row(call.reply)) for call in calls]
        return [(key, row) for key, row in rows if row[1] and row[0].startswith(prefix)]

    def _number_of(self, servers: Sequence[Server], position: Position) -> int:
        if position.server == _OVER:
            return len(servers)
        if position.server == _NOWHERE:
            return 0
        for number, server in enumerate(servers):
            if self._scan_id(server) == position.server:
                return number
        raise InvalidRequest(_RESTARTED)

    def _write(self, position: Position) -> str:
        raw = _HEAD.pack(position.server, position.scan) + b"".join(position.left)
        return encode(self._check(raw) + raw)

    def _read(self, cursor: str) -> Position:
        raw = decode(cursor)
        check, raw = raw[:_CHECK], raw[_CHECK:]
        if len(raw) < _HEAD.size or (len(raw) - _HEAD.size) % _SHORT or check != self._check(raw):
            raise InvalidRequest(REFUSAL)
        server, scan = _HEAD.unpack_from(raw)
        left = tuple(raw[start : start + _SHORT] for start in range(_HEAD.size, len(raw), _SHORT))
        return Position(server, scan, left)

    def _check(self, raw: bytes) -> bytes:
        return hashlib.blake2b(raw, digest_size=_CHECK, key=self._keys.pattern).digest()


class Seen:
    """A set of keys that takes about 20 bytes for each: a table of their hashes, and not the keys."""

    def __init__(self) -> None:
        self._table = array("q", (0,)) * 1024
        self._number = 0

    def add(self, key: bytes) -> bool:
        """Add a key; whether it was not there yet."""
        if not self._put(hash(key) or 1):
            return False
        self._number += 1
        if 2 * self._number > len(self._table):
            # Not from a list or bytes of zeros, which would need as much memory again for a moment.
            old, self._table = self._table, array("q", (0,)) * (2 * len(self._table))
            for value in old:
                if value:
                    self._put(value)
        return True

    def _put(self, value: int) -> bool:
        table = self._table
        place = value % len(table)
        while table[place]:
            if table[place] == value:
                return False
            place = (place + 1) % len(table)
        table[place] = value
        return True
