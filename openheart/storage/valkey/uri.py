"""What a URI of Valkey names: one server, the sentinels that know it, or the nodes of a cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl, unquote

from ...errors import ConfigError
from ...system.masks import mask_uri

__all__ = ["SCHEMES", "Address", "Place", "read_uri"]

SCHEMES = (
    "valkey",
    "valkeys",
    "redis",
    "rediss",
    "valkey+unix",
    "valkey+sentinel",
    "valkeys+sentinel",
    "valkey+cluster",
    "valkeys+cluster",
)
"""The schemes of the URIs that are read here."""

Address = tuple[str, int]
"""A host and a port; the path of a Unix socket and -1."""

_PORTS = {"server": 6379, "cluster": 6379, "sentinel": 26379}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]/@?#]+)?(?::(\d{1,5}))?")
_TLS_OPTIONS = {
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_cert_reqs": {"required": "required", "none": "none"}.__getitem__,
    "ssl_check_hostname": {"true": True, "false": False}.__getitem__,
}
_FORMS = {
    "server": "valkey://user:password@host:6379/0, with valkeys:// for TLS",
    "unix": "valkey+unix://user:password@/path/to/valkey.sock?db=0",
    "sentinel": "valkey+sentinel://user:password@host:26379,host:26379/service",
    "cluster": "valkey+cluster://user:password@host:6379,host:6379",
}


@dataclass(frozen=True, slots=True)
class Place:
    """What a URI names.

    Attributes:
        kind: how the server of a key is found.
        addresses: the server, the sentinels, or nodes of the cluster; at least one.
        service: what the sentinels call the server; ``""`` without sentinels.
        connection: keywords of valkey-py's connections to the servers.
        sentinel: keywords of valkey-py's connections to the sentinels.
    """

    kind: Literal["server", "sentinel", "cluster"]
    addresses: tuple[Address, ...]
    service: str = ""
    connection: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sentinel: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_uri(uri: str, source: str, key: str = "OPENHEART_URI") -> Place:
    """Read a URI.

    Args:
        uri: with one of SCHEMES.
        source: where it came from; part of the error.
        key: the setting that holds it.

    Raises:
        ConfigError: it does not name a server; the text shows the right form, without the password.
    """
    scheme, _, rest = uri.partition("://")
    base, _, kind = scheme.lower().partition("+")
    kind = kind or "server"

    def refuse(expected: str) -> NoReturn:
        raise ConfigError(key, mask_uri(uri), source, expected)

    before, _, query = rest.partition("?")
    if "#" in rest:
        refuse(f"{_FORMS[kind]}, with any # in it written %23")
    user, at, hosts = before.rpartition("@")
    hosts, _, path = hosts.partition("/")
    has_tls = base in ("valkeys", "rediss")
    options = _query(query, kind, has_tls, refuse)
    connection: dict[str, Any] = {"db": options.pop("db", 0)}
    of_sentinels = [name for name in options if name.startswith("sentinel_")]
    sentinel = {name.removeprefix("sentinel_"): options.pop(name) for name in of_sentinels}
    if at:
        name, colon, password = user.partition(":")
        connection |= {"username": unquote(name) or None, "password": unquote(password) if colon else None}
    if kind == "unix":
        if hosts or not path:
            refuse(_FORMS[kind])
        return Place("server", ((unquote(f"/{path}"), -1),), connection=connection)
    if kind == "server":
        if path and not path.isdecimal():
            refuse(f"{_FORMS[kind]}: what follows the host is the number of the database")
        connection["db"] = int(path or connection["db"])
    elif kind == "cluster" and (path or connection["db"]):
        refuse(f"{_FORMS[kind]}, and nothing after the hosts: a cluster has one database")
    elif kind == "sentinel" and (not path or "/" in path):
        refuse(f"{_FORMS[kind]}: the sentinels' name for the server follows the hosts")
    addresses = tuple(_address(host, _PORTS[kind]) or refuse(_FORMS[kind]) for host in hosts.split(","))
    if kind == "server" and len(addresses) > 1:
        refuse(f"{_FORMS[kind]}; for several hosts {_FORMS['cluster']} or {_FORMS['sentinel']}")
    if has_tls:
        tls = {"ssl": True, "ssl_check_hostname": options.get("ssl_cert_reqs") != "none", **options}
        connection |= tls
        sentinel |= tls
    service = unquote(path) if kind == "sentinel" else ""
    return Place(kind, addresses, service, connection, sentinel)  # type: ignore[arg-type]


def _query(query: str, kind: str, tls: bool, refuse: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"db": int} | (_TLS_OPTIONS if tls else {})
    if kind == "sentinel":
        known |= {"sentinel_username": str, "sentinel_password": str}
    found = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            refuse(f"only these options after the ?: {', '.join(sorted(known))}")
        try:
            found[name] = known[name](value)
        except (KeyError, ValueError):
            refuse(f"a valid value for {name}")
    return found


def _address(text: str, port: int) -> Address | None:
    match = _HOST.fullmatch(text)
    if match is None or int(match[2] or port) > 65535:
        return None
    return unquote(match[1] or "localhost").strip("[]"), int(match[2] or port)
