"""Which server holds a key: always the same one, the one that the sentinels name, or a node of a cluster."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from valkey.crc import VALKEY_CLUSTER_HASH_SLOTS, key_slot
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import ValkeyError

from ...system.breaker import Breaker, Unavailable
from .calls import Call, Exchange
from .errors import Verdict, judge
from .server import Command, Server
from .uri import Address, Place

__all__ = ["TOPOLOGIES", "Topology"]

_NO_NODE = MappingProxyType({"sentinel": "it is a sentinel"})
_NO_SERVER = MappingProxyType({**_NO_NODE, "cluster": "it is a node of a cluster"})
_NO_SENTINEL = MappingProxyType(dict.fromkeys(("standalone", "cluster"), "it is not a sentinel"))

FRESH = 0.1
"""Seconds for which the last result is used without asking again."""


class Topology:
    """Finds the server of a key, and looks again when that has changed. This one has a single server.

    Args:
        place: what the URI names.
        timeout: seconds to wait for a connection, and for an answer.
        pool: the most connections to each server.

    Attributes:
        unfit: which servers cannot hold keys here; see ``Server``.
    """

    unfit: ClassVar[Mapping[str, str]] = _NO_SERVER

    def __init__(self, place: Place, timeout: float, pool: int) -> None:
        self._place = place
        self._timeout = timeout
        self._pool = pool
        self._servers: dict[Address, Server] = {}
        self._looking = threading.Lock()
        self._looks = Breaker(0.0)
        self._looked_at = 0.0
        self._is_stale = True
        self._is_lost = False

    def server_of(self, key: bytes) -> Server:
        """The server that holds a key.

        Raises:
            Unavailable: it cannot be found now.
            ResponseError, AuthenticationError: the server to ask refuses us.
        """
        if self._is_stale:
            self._refresh()
        server = self._find(key)
        if server is None:
            raise Unavailable("no server is known to hold this key")
        return server

    def servers(self) -> list[Server]:
        """Every server that holds keys, in an order that does not change; raises as ``server_of``."""
        return [self.server_of(b"")]

    def look_again(self) -> None:
        """Look up again where keys are, before the next key is used."""
        self._is_stale = True

    def server_at(self, address: Address) -> Server:
        """The server at an address, where keys are."""
        server = self._servers.get(address)
        if server is None:
            made = Server(
                address,
                self._place.connection,
                timeout=self._timeout,
                pool=self._pool,
                unfit=self.unfit,
                verify=lambda: self._verify(address),
            )
            server = self._servers.setdefault(address, made)
        return server

    def close(self) -> None:
        """Close every connection."""
        for server in list(self._servers.values()):
            server.close()

    def _verify(self, address: Address) -> None:
        """Check, before a connection is opened, that this is still the right address."""

    def _look(self) -> None:
        """Find out where keys are; raises as ``server_of``."""

    def _find(self, key: bytes) -> Server | None:
        """The server that held a key when that was found out last."""
        return self.server_at(self._place.addresses[0])

    def _refresh(self) -> None:
        # One thread looks, and the others wait for its result, unless the last one found nothing.
        if not self._looking.acquire(timeout=0 if self._is_lost else self._timeout):
            raise Unavailable(
                "another thread is looking for the server that holds the data", is_known=self._is_lost
            )
        try:
            if not self._is_stale or time.monotonic() < self._looked_at + FRESH:
                return
            self._looks.admit()
            try:
                self._look()
            except Unavailable as error:
                self._looks.failed(str(error))
                was_lost, self._is_lost = self._is_lost, True
                raise Unavailable(str(error), is_known=was_lost) from error
            except ValkeyError:
                self._looks.worked()
                raise
            self._looks.worked()
            self._is_stale = self._is_lost = False
            self._looked_at = time.monotonic()
        finally:
            self._looking.release()


class Sentinels(Topology):
    """The server that the sentinels name now."""

    def __init__(self, place: Place, timeout: float, pool: int) -> None:
        super().__init__(place, timeout, pool)
        self._sentinels = [
            Server(address, place.sentinel, timeout=timeout, pool=2, unfit=_NO_SENTINEL)
            for address in place.addresses
        ]
        self._master: Address | None = None

    def _find(self, key: bytes) -> Server | None:
        return self._master and self.server_at(self._master)

    def close(self) -> None:
        super().close()
        for sentinel in self._sentinels:
            sentinel.close()

    def _verify(self, address: Address) -> None:
        # A server that was killed may come back at its address, and accept writes before it learns that
        # another one replaced it. So each new connection asks the sentinels first.
        if self._ask() != address:
            self.look_again()
            raise ValkeyConnectionError("another server has replaced it")

    def _look(self) -> None:
        self._master = self._ask()

    def _ask(self) -> Address:
        sentinel, (host, port) = _ask_any(
            self._sentinels,
            ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._place.service),
            f"does not watch {self._place.service!r}, the name in OPENHEART_URI",
        )
        # The one that answers is asked first from now on.
        self._sentinels = sorted(self._sentinels, key=lambda other: other is not sentinel)
        return host.decode(), int(port)


class Cluster(Topology):
    """The node that serves the key's slot."""

    unfit = _NO_NODE

    def __init__(self, place: Place, timeout: float, pool: int) -> None:
        super().__init__(place, timeout, pool)
        self._slots: list[Server | None] = []

    def _find(self, key: bytes) -> Server | None:
        return self._slots[key_slot(key)] if self._slots else None

    def servers(self) -> list[Server]:
        self.server_of(b"")
        found = {server.address: server for server in self._slots if server is not None}
        return [found[address] for address in sorted(found)]

    def _look(self) -> None:
        known = list(self._servers.values())
        random.shuffle(known)
        given = [self.server_at(address) for address in self._place.addresses]
        node, parts = _ask_any(
            dict.fromkeys((*known, *given)), ("CLUSTER", "SLOTS"), "knows no slots", 2 * self._timeout
        )
        slots: list[Server | None] = [None] * VALKEY_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_ in parts:
            # An empty host is a node that does not know its own address: the one it was reached at.
            address = ((host or b"").decode() or node.address[0], int(port))
            slots[first : last + 1] = [self.server_at(address)] * (last + 1 - first)
        self._slots = slots


def _ask_any(
    servers: Iterable[Server], command: Command, otherwise: str, patience: float = math.inf
) -> tuple[Server, list[Any]]:
    deadline = time.monotonic() + patience
    said: list[str] = []
    refusal: Exception | None = None
    for server in servers:
        call = Call(b"", *command, server=server)
        Exchange(server, [call]).finish()
        if call.error is None and call.reply:
            return server, call.reply
        # A refusal does not end the search: the others may accept the password.
        if call.error is not None and judge(call.error) is Verdict.UNUSABLE:
            refusal = refusal or call.error
        said.append(str(call.error or f"{server.name} {otherwise}"))
        if time.monotonic() > deadline:
            break
    raise refusal or Unavailable(f"nobody says where the data is: {'; '.join(said)}")


TOPOLOGIES: Mapping[str, type[Topology]] = MappingProxyType(
    {"server": Topology, "sentinel": Sentinels, "cluster": Cluster}
)
"""The topology for each kind of place that a URI names."""
