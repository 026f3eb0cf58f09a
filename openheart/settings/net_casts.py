"""Casts of what names machines: origins, hosts, networks."""

from __future__ import annotations

import re

from ..system.addresses import NETWORKS, networks_of
from ..system.hosts import ascii_host, origin_of
from .casts import ADDRESS, Cast, join, match_all, split

__all__ = ["host_list", "network_list", "origin_list"]

WRITTEN_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+")
ORIGIN = re.compile(r"[a-z0-9+.-]+://(?!.*\.\.)([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d+)?")
# Browsers send "null" for these, or load no page from them.
WITHOUT_ORIGIN = frozenset(
    {"about", "blob", "content", "data", "file", "ftp", "javascript", "mailto", "ws", "wss"}
)


def origin_list() -> Cast[list[str]]:
    """Web origins (RFC 6454), as browsers send them but in lower case; or ``*`` alone."""

    def parse(value: object) -> list[str]:
        origins = list(dict.fromkeys(_origin(entry) for entry in split(value)))
        if "*" in origins and len(origins) > 1:
            raise ValueError
        return origins

    expected = (
        "* alone, or a list of origins such as https://example.org "
        "(a scheme and a host that pages have, no path, not null)"
    )
    return Cast(expected, parse, show=join, takes_empty=True)


def host_list() -> Cast[list[str]]:
    """Names or addresses of hosts, without ports, as browsers send them; a leading dot adds subdomains."""

    def parse(value: object) -> list[str]:
        return list(dict.fromkeys(_host(entry) for entry in split(value)))

    expected = (
        "a list of hosts such as example.org, without ports; .example.org stands for its subdomains too"
    )
    return Cast(expected, parse, show=join, takes_empty=True)


def network_list() -> Cast[list[str]]:
    """Addresses and networks, or names that stand for some; see ``system.addresses.networks_of``."""

    def parse(value: object) -> list[str]:
        entries = list(dict.fromkeys(entry.lower() for entry in split(value)))
        for entry in entries:
            networks_of(entry)
        return entries

    names = " and ".join(NETWORKS)
    expected = f"a list of addresses and networks such as 10.0.0.0/8; {names} name some"
    return Cast(expected, parse, show=join, takes_empty=True)


def _origin(entry: str) -> str:
    if entry == "*":
        return entry
    origin = origin_of(match_all(WRITTEN_ORIGIN, entry)[0])
    if origin.partition(":")[0] in WITHOUT_ORIGIN:
        raise ValueError
    return match_all(ORIGIN, origin)[0]


def _host(entry: str) -> str:
    host = ascii_host(entry)
    match_all(ADDRESS, host.removeprefix("."))
    if host.endswith(".") or ":" in host.rpartition("]")[2]:
        raise ValueError
    return host
