"""Hosts and ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from .addresses import unmapped

__all__ = ["DEFAULT_PORTS", "ascii_host", "is_loopback", "origin_of"]

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})
"""The default port of a scheme (RFC 9110)."""


# Some of these are what a full-width form stands for.
_FORBIDDEN = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")


def ascii_host(host: str) -> str:
    """The name of a host as browsers send it, such as ``xn--mnchen-3ya.example`` for ``München.example``.

    Source: https://url.spec.whatwg.org/#concept-domain-to-ascii, without its limits on lengths and hyphens.

    Args:
        host: a name or an address, without a port.

    Raises:
        ValueError: it has a character that no host may have.
    """
    if host.isascii():
        return host.lower()
    # It brings large tables.
    import idna

    mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
    if _FORBIDDEN.search(mapped):
        raise ValueError(f"no host has the name {host!r}")
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
        for label in mapped.split(".")
    )


def origin_of(url: str) -> str:
    """The origin of a URL as browsers send it (RFC 6454), but always in lower case.

    Args:
        url: a URL with a scheme and a host, such as ``https://Example.org:443/post``.

    Returns:
        Such as ``https://example.org``; without the scheme's default port.

    Raises:
        ValueError: it has no origin: no scheme, no host, a user name, or a host or port that cannot exist.
    """
    parts = urlsplit(url)
    host, port = ascii_host(parts.hostname or ""), parts.port
    if not parts.scheme or not host or "@" in parts.netloc or port == 0:
        raise ValueError(f"{url!r} has no origin")
    if ":" in host:
        host = f"[{IPv6Address(host)}]"
    elif parts.scheme in DEFAULT_PORTS and host.rpartition(".")[2].isdigit():
        # Browsers read it as an address, and write all four numbers of it.
        host = str(IPv4Address(host))
    is_default = port is None or port == DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's loopback, which no other machine can reach.

    Args:
        host: a name, or an address as ``127.0.0.1``, ``::1`` or ``[::1]``; without a port.
    """
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return unmapped(address).is_loopback
