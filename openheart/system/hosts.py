"""Hosts and ports."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType

__all__ = ["DEFAULT_PORTS", "is_loopback"]

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})
"""The default port of a scheme (RFC 9110)."""


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
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
