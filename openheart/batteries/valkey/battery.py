"""The Valkey of the application: ``openheart.valkey.get_connection()``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from flask import Flask

from ...errors import BatteryUnavailable
from ...settings.config import INSTANCE, OPENHEART_URI, Config
from ...storage.valkey.row import OPENHEART_VALKEY_TIMEOUT
from ...storage.valkey.uri import SCHEMES, Place, read_uri
from ...system.masks import mask_uri
from ..battery import Battery, battery_of
from .row import REDISTOGO_URL, ROW

if TYPE_CHECKING:
    from valkey import Valkey as Client

__all__ = ["CLOSED", "Valkey", "failures", "get_connection", "key"]

IDLE = 30
"""Seconds after which an unused connection is checked with PING before it is used again."""

CLOSED = (ValueError, AttributeError)
"""What the client raises, besides failures(), when another thread closes the connection that it waits for."""


def get_connection(app: Flask | None = None) -> Client:
    """The application's own Valkey client, made at first use and shared by its threads.

    It connects to REDISTOGO_URL, or to OPENHEART_URI if that is a Valkey and REDISTOGO_URL is unset; the
    counts use other connections. It waits for OPENHEART_VALKEY_TIMEOUT at most, and a command that was
    sent is never sent a second time. After a fork the child gets its own client.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.

    Returns:
        A ``valkey.Valkey``; for a cluster a ``valkey.ValkeyCluster``, which has the same methods.

    Raises:
        ConfigError: no Valkey is configured, its URI cannot be used, or the driver is not installed.
        BatteryUnavailable: a cluster cannot be reached; its client connects at once to find the nodes.
        OpenHeartError: there is no application.
    """
    return battery_of(Valkey, app).resource


def key(name: str, app: Flask | None = None) -> str:
    """The name of one of the application's own keys, ``<INSTANCE>:<name>``, so that instances share none.

    The client of ``get_connection()`` is the driver's own and changes no names: ``get("visits")`` is the
    same key in every instance, and ``get(key("visits"))`` is another in each.

    Args:
        name: the name within this instance, such as ``"visits"``.
        app: as in ``get_connection``.

    Returns:
        The name in the server; ``name`` itself if INSTANCE is not set.

    Raises:
        OpenHeartError: there is no application.
    """
    instance = battery_of(Valkey, app).config[INSTANCE]
    return name if instance is None else f"{instance}:{name}"


class Valkey(Battery["Client"]):
    """The client of an application."""

    row = ROW

    def install(self) -> None:
        self.require()

    def open(self) -> Client:
        place, uri = _place(self.config)
        try:
            return _make(place, self.config[OPENHEART_VALKEY_TIMEOUT])
        except failures() as error:
            raise BatteryUnavailable(self.name, f"{mask_uri(uri)} cannot be reached: {error}") from error

    def shut(self, resource: Client) -> None:
        resource.close()
        manager = getattr(getattr(resource, "connection_pool", None), "sentinel_manager", None)
        for sentinel in [] if manager is None else manager.sentinels:
            sentinel.close()

    def require(self) -> None:
        _place(self.config)
        if self.config[REDISTOGO_URL] is not None:
            self.row.check(self.config)

    def check(self) -> None:
        try:
            self.resource.ping()
        except failures() as error:
            where = mask_uri(_place(self.config)[1])
            raise BatteryUnavailable(self.name, f"{where} does not answer: {error}") from error


def failures() -> tuple[type[Exception], ...]:
    """What the client raises when a server fails or is unavailable."""
    from valkey.exceptions import ValkeyClusterException, ValkeyError

    # The error of clusters is not a ValkeyError.
    return ValkeyError, ValkeyClusterException, OSError


class _StartNodes(dict[str, Any]):
    """The start nodes of a cluster's client, none of which is ever removed.

    The client removes each node that failed. Without any, it would never find the cluster again.
    """

    def pop(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)


def _connect(connection: Any) -> None:
    # A PING on a connection that is just being made would make it again, and so on: with a server that
    # accepts connections but does not answer, up to Python's recursion limit.
    connection.next_health_check = math.inf
    connection.on_connect()


def _make(place: Place, timeout: float) -> Client:
    import valkey
    from valkey.backoff import NoBackoff
    from valkey.retry import Retry

    common: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "health_check_interval": IDLE,
        "valkey_connect_func": _connect,
        # For connecting and for the PING of an idle connection; a command that was sent is not sent again.
        "retry": Retry(NoBackoff(), 1),
    }
    connection = {**place.connection, **common}
    host, port = place.addresses[0]
    if place.kind == "sentinel":
        from valkey.sentinel import Sentinel

        sentinels = Sentinel(place.addresses, sentinel_kwargs={**place.sentinel, **common}, **connection)
        return cast("Client", sentinels.master_for(place.service))
    if place.kind == "cluster":
        from valkey.cluster import ClusterNode, ValkeyCluster

        # For a cluster's connections the driver does what _connect does for the others.
        del connection["db"], connection["health_check_interval"], connection["valkey_connect_func"]
        nodes = [ClusterNode(*address) for address in place.addresses]
        cluster = ValkeyCluster(startup_nodes=nodes, cluster_error_retry_attempts=0, **connection)
        cluster.nodes_manager.startup_nodes = _StartNodes(cluster.nodes_manager.startup_nodes)
        return cast("Client", cluster)
    where = {"unix_socket_path": host} if port < 0 else {"host": host, "port": port, "socket_keepalive": True}
    return valkey.Valkey(**where, **connection)


def _place(config: Config) -> tuple[Place, str]:
    option = OPENHEART_URI if config[REDISTOGO_URL] is None else REDISTOGO_URL
    uri = config[option] or ""
    if uri.partition(":")[0].lower() not in SCHEMES:
        expected = "a URI of Valkey such as valkey://localhost:6379/0, for openheart.valkey"
        raise config.refusal(REDISTOGO_URL, expected)
    return read_uri(uri, config.source(option), option.name), uri
