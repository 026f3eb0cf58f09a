"""Counts in Valkey or Redis: one server, a server that Sentinel watches, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ...errors import ConfigError
from ...system.finding import Finding
from ...system.forks import PerProcess
from ..backend import Change, Counts, Listing
from ..combine import added_up, caps_of, counts_after_each
from ..engine import IN_URI, Engine
from . import moves
from .calls import Write, read
from .dispatcher import Dispatcher
from .listing import Scanner
from .row import (
    OPENHEART_NONCE_TTL,
    OPENHEART_VALKEY_POOL,
    OPENHEART_VALKEY_RETRIES,
    OPENHEART_VALKEY_TIMEOUT,
    OPENHEART_VALKEY_WAIT,
    ROW,
)
from .script import Keys, arguments_of, read_counts
from .server import connection_class, read_info
from .topology import TOPOLOGIES
from .uri import SCHEMES, read_uri

__all__ = ["ValkeyBackend"]

HEART = "\N{HEAVY BLACK HEART}"


class ValkeyBackend(Engine):
    """``valkey://host:6379/0`` and its relatives: counts on a server that many machines share.

    Every write is one script: it adds, and leaves a nonce with the counts it answered. A write whose answer
    was lost is sent again with the same nonce, so it counts once. Connections are opened at first use.

    Args:
        uri: ``valkey://``, ``valkeys://`` (TLS), ``redis://``, ``rediss://``, ``valkey+unix://``,
            ``valkey+sentinel://h:p,h:p/service`` or ``valkey+cluster://h:p,h:p``.
        instance: separates two instances in one database.
        folder: has no effect.
        timeout: seconds to wait for a connection, and for an answer; ``socket_timeout`` is the same.
        pool: the most connections that this process opens to each server; ``max_connections`` is the same.
        retries: how many more times ``timeout`` an unanswered call may take.
        wait: how many replicas must have a reaction before it is acknowledged.
        nonce_ttl: seconds that a nonce is kept; at least twice ``timeout * (retries + 1)``.
        kwargs: options of valkey-py's connections, such as ``client_name``; the URI takes precedence.

    Raises:
        ConfigError: the URI does not name a server, or the nonces expire too early.
    """

    schemes = SCHEMES
    settings = ROW.keywords
    driver = "valkey.connection.Connection"
    synonyms = MappingProxyType({"socket_timeout": "timeout", "max_connections": "pool"})
    fixed = MappingProxyType(
        {
            **dict.fromkeys(("host", "port", "path", "unix_socket_path", "db", "ssl"), IN_URI),
            "encoding": "utf-8",
            "encoding_errors": "strict",
            "decode_responses": False,
            "protocol": 2,
            "retry": None,
            "retry_on_error": None,
            "retry_on_timeout": False,
            "cache_enabled": False,
            "client_cache": None,
        }
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._keys = Keys(self.instance)
        self._is_connected = False
        self._dispatchers = PerProcess(self._open)

    def _use(
        self,
        uri: str,
        driver: dict[str, Any],
        *,
        timeout: float = OPENHEART_VALKEY_TIMEOUT.default,
        pool: int = OPENHEART_VALKEY_POOL.default,
        retries: int = OPENHEART_VALKEY_RETRIES.default,
        wait: int = OPENHEART_VALKEY_WAIT.default,
        nonce_ttl: float = OPENHEART_NONCE_TTL.default,
    ) -> None:
        place = read_uri(uri, "the URI given")
        self._place = replace(place, connection={**driver, **place.connection})
        self._timeout = timeout
        self._pool = pool
        self._wait = wait
        self._nonce_ttl = nonce_ttl
        self._budget = timeout * (retries + 1)
        if nonce_ttl < 2 * self._budget:
            raise ConfigError(
                OPENHEART_NONCE_TTL.name,
                OPENHEART_NONCE_TTL.show(nonce_ttl),
                "the settings",
                f"at least {2 * self._budget:g}s, which is twice OPENHEART_VALKEY_TIMEOUT x "
                "(OPENHEART_VALKEY_RETRIES + 1): a retry must find the nonce of the first try",
            )

    def _try(self, uri: str, driver: dict[str, Any]) -> None:
        place = read_uri(uri, "the URI given")
        connection_class(place.addresses[0], place.connection)(**driver)

    def _connect(self) -> None:
        self._is_connected = True

    def disconnect(self) -> None:
        if not self._is_connected:
            return
        self._is_connected = False
        dispatchers, self._dispatchers = self._dispatchers, PerProcess(self._open)
        dispatchers.here.close()

    def is_connected(self) -> bool:
        return self._is_connected

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        dispatcher = self._current()
        nonce = dispatcher.nonce()
        calls = {}
        caps = caps_of(changes)
        for target, sums in added_up(changes).items():
            key = self._keys.of(target)
            arguments = arguments_of(target, sums)
            own = self._keys.nonce(key, nonce)
            calls[target] = Write(key, own, self._nonce_ttl, arguments, cap=caps[target])
        dispatcher.run([*calls.values()])
        counts = {target: read_counts(call.reply) for target, call in calls.items()}
        return counts_after_each(changes, counts)

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        dispatcher = self._current()
        calls = {target: read(self._keys.of(target)) for target in targets}
        dispatcher.run([*calls.values()])
        return [read_counts(calls[target].reply) for target in targets]

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        return Scanner(self._current(), self._keys).page(prefix, cursor, limit)

    def iter_targets(self, prefix: str = "") -> Iterator[tuple[str, Counts]]:
        return Scanner(self._current(), self._keys).rows(prefix)

    def check(self) -> None:
        dispatcher = self._current()
        nonce = dispatcher.nonce()
        probes = dispatcher.one_key_on_each(self._keys.probe)
        writes = [
            Write(key, self._keys.nonce(key, nonce), self._nonce_ttl, (b"", HEART, 1)) for key in probes
        ]
        dispatcher.run(writes)
        dispatcher.run([read(key) for key in probes])
        for key, server in probes.items():
            dispatcher.ask(server, b"DEL", key, self._keys.nonce(key, nonce))

    def examine(self) -> Iterator[Finding]:
        if not self.is_connected():
            return
        dispatcher = self._current()
        for server in dispatcher.servers():
            info = read_info(dispatcher.ask(server, b"INFO")[1])
            policy = info.get("maxmemory_policy", "noeviction")
            if policy != "noeviction" and info.get("maxmemory", "0") != "0":
                yield Finding(
                    "warning",
                    f"The server {server.name} drops counts when its memory is full "
                    f"(maxmemory-policy {policy})",
                    "set maxmemory-policy noeviction on it",
                )
            if info.get("aof_enabled") == "0" and info.get("connected_slaves") == "0":
                yield Finding(
                    "warning",
                    f"The server {server.name} keeps no log and has no replica: if it stops, everything "
                    "since its last snapshot is lost",
                    "set appendonly yes on it, or give it a replica",
                )

    def at_least(self, rows: Sequence[tuple[str, Counts]]) -> None:
        moves.raise_counts(self._current(), self._keys, rows)

    def delete(self, targets: Sequence[str]) -> None:
        moves.delete(self._current(), self._keys, targets)

    def rename(self, old: str, new: str) -> Counts:
        return moves.rename(self._current(), self._keys, old, new, self._nonce_ttl)

    def _current(self) -> Dispatcher:
        # Read before the check: a dispatcher that disconnect() has replaced since then refuses the call.
        dispatchers = self._dispatchers
        self.require_connected()
        return dispatchers.here

    def _open(self) -> Dispatcher:
        topology = TOPOLOGIES[self._place.kind](self._place, self._timeout, self._pool)
        return Dispatcher(topology, timeout=self._timeout, budget=self._budget, wait=self._wait)
