"""Which server holds a key: always the same one, the one that the sentinels name, or a node of a cluster."""

from __future__ import annotations

import abc
import random
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from valkey.crc import VALKEY_CLUSTER_HASH_SLOTS, key_slot
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import ValkeyError

from ...system.breaker import Breaker, Unavailable
from .calls import Direct, Exchange
from .errors import Verdict, judge
from .server import Server
from .uri import Address, Place

__all__ = ["Topology", "topology_of"]

_NO_NODE = MappingProxyType({"sentinel": "it is a sentinel"})
_NO_SERVER = MappingProxyType({**_NO_NODE, "cluster": "it is a node of a cluster"})
_NO_SENTINEL = MappingProxyType(dict.fromkeys(("standalone", "cluster"), "it is not a sentinel"))

FRESH = 0.1
"""Seconds for which the last result is used without asking again."""


class Topology(abc.ABC):
    """Finds the server of a key, and looks again when that has changed.

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

    @abc.abstractmethod
    def server_of(self, key: bytes) -> Server:
        """The server that holds a key.

        Raises:
            Unavailable: it cannot be found now.
            ResponseError, AuthenticationError: the server to ask refuses us.
        """

    @abc.abstractmethod
    def servers(self) -> list[Server]:
        """Every server that holds keys, in an order that does not change; raises as ``server_of``."""

    def look_again(self) -> None:
        """Look up again where keys are, before the next key is used."""
        self._is_stale = True

    def server_at(self, address: Address) -> Server:
        """The server at an address, where keys are."""
        server = self._servers.get(address)
        if server is None:
            server = self._servers.setdefault(address, self._make(address))
        return server

    def close(self) -> None:
        """Close every connection."""
        for server in list(self._servers.values()):
            server.close()

    def _make(self, address: Address, verify: Callable[[], None] | None = None) -> Server:
        return Server(
            address,
            self._place.connection,
            timeout=self._timeout,
            pool=self._pool,
            unfit=self.unfit,
            verify=verify,
        )

    def _refresh(self, look: Callable[[], None]) -> None:
        # One thread looks, and the others wait for its result, unless the last one found nothing.
        if not self._looking.acquire(timeout=0 if self._is_lost else self._timeout):
            raise Unavailable(
                "another thread is looking for the server that holds the data", is_known=self._is_lost
            )
        try:
            if self._is_stale and time.monotonic() >= self._looked_at + FRESH:
                self._looks.admit()
                self._look_once(look)
        finally:
            self._looking.release()

    def _look_once(self, look: Callable[[], None]) -> None:
        try:
            look()
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


class Single(Topology):
    """One server, whatever the key."""

    def server_of(self, key: bytes) -> Server:
        return self.server_at(self._place.addresses[0])

    def servers(self) -> list[Server]:
        return [self.server_of(b"")]


class Sentinels(Topology):
    """The server that the sentinels name now."""

    def __init__(self, place: Place, timeout: float, pool: int) -> None:
        super().__init__(place, timeout, pool)
        self._sentinels = [
            Server(address, place.sentinel, timeout=timeout, pool=2, unfit=_NO_SENTINEL)
            for address in place.addresses
        ]
        self._master: Address | None = None

    def server_of(self, key: bytes) -> Server:
        if self._is_stale:
            self._refresh(self._look)
        if self._master is None:
            raise Unavailable(f"it is not known yet where the server {self._place.service!r} is")
        return self.server_at(self._master)

    def servers(self) -> list[Server]:
        return [self.server_of(b"")]

    def close(self) -> None:
        super().close()
        for sentinel in self._sentinels:
            sentinel.close()

    def _make(self, address: Address, verify: Callable[[], None] | None = None) -> Server:
        # A server that was killed may come back at its address, and accept writes before it learns that
        # another one replaced it. So each new connection asks the sentinels first.
        return super()._make(address, lambda: self._verify(address))

    def _verify(self, address: Address) -> None:
        if self._ask() != address:
            self.look_again()
            raise ValkeyConnectionError("another server has replaced it")

    def _look(self) -> None:
        self._master = self._ask()

    def _ask(self) -> Address:
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._place.service)
        said = []
        refusal: ValkeyError | None = None
        for sentinel in list(self._sentinels):
            reply = _ask(sentinel, *command)
            if isinstance(reply, list):
                # The one that answers is asked first from now on.
                self._sentinels = sorted(self._sentinels, key=lambda other: other is not sentinel)
                return reply[0].decode(), int(reply[1])
            refusal = refusal or _refusal(reply)
            said.append(
                str(
                    reply
                    or f"{sentinel.name} does not watch {self._place.service!r}, the name in OPENHEART_URI"
                )
            )
        if refusal is not None:
            raise refusal
        raise Unavailable(f"no sentinel names the server: {'; '.join(said)}")


class Cluster(Topology):
    """The node that serves the key's slot."""

    unfit = _NO_NODE

    def __init__(self, place: Place, timeout: float, pool: int) -> None:
        super().__init__(place, timeout, pool)
        self._slots: list[Server | None] = []

    def server_of(self, key: bytes) -> Server:
        if self._is_stale:
            self._refresh(self._look)
        server = self._slots[key_slot(key)] if self._slots else None
        if server is None:
            raise Unavailable("no node of the cluster serves this key's slot")
        return server

    def servers(self) -> list[Server]:
        self.server_of(b"")
        found = {server.address: server for server in self._slots if server is not None}
        return [found[address] for address in sorted(found)]

    def _look(self) -> None:
        known = list(self._servers.values())
        random.shuffle(known)
        given = [self.server_at(address) for address in self._place.addresses]
        deadline = time.monotonic() + 2 * self._timeout
        said: list[str] = []
        refusal: ValkeyError | None = None
        for node in dict.fromkeys((*known, *given)):
            reply = _ask(node, "CLUSTER", "SLOTS")
            if isinstance(reply, list) and reply:
                self._take(reply, node)
                return
            refusal = refusal or _refusal(reply)
            said.append(str(reply))
            if time.monotonic() > deadline:
                break
        if refusal is not None:
            raise refusal
        raise Unavailable(f"no node of the cluster says where the data is: {'; '.join(said)}")

    def _take(self, reply: list[Any], node: Server) -> None:
        slots: list[Server | None] = [None] * VALKEY_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_ in reply:
            # An empty host is a node that does not know its own address: the one it was reached at.
            address = ((host or b"").decode() or node.address[0], int(port))
            slots[first : last + 1] = [self.server_at(address)] * (last + 1 - first)
        self._slots = slots


def _ask(server: Server, *command: str) -> Any:
    call = Direct(server, *command)
    Exchange(server, [call]).finish()
    return call.error or call.reply


def _refusal(reply: Any) -> ValkeyError | None:
    # A refusal does not end the search: the others may accept the password.
    return reply if isinstance(reply, ValkeyError) and judge(reply) is Verdict.UNUSABLE else None


def topology_of(place: Place, timeout: float, pool: int) -> Topology:
    """The topology that a URI names; nothing is opened."""
    kinds: dict[str, type[Topology]] = {"server": Single, "sentinel": Sentinels, "cluster": Cluster}
    return kinds[place.kind](place, timeout, pool)
