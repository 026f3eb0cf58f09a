"""Checks where a webhook may go: to public addresses, and not to addresses inside the network."""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

from ...system.hosts import is_loopback

__all__ = ["NotPublic", "is_inside", "is_public", "resolve"]

NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
IPV6_INTERNET = ipaddress.ip_network("2000::/3")  # global unicast, assigned by IANA


class NotPublic(Exception):
    """A host is, or resolves to, an address that is not public."""


def resolve(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a host, all of them allowed.

    Args:
        host: a name, or an address without brackets.
        port: the port.
        private: whether they may be inside the network.

    Raises:
        NotPublic: one of them is not allowed; then none is used, because a name has one owner.
        OSError, UnicodeError: the name cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    if not private:
        for address in addresses:
            if not is_public(ipaddress.ip_address(address)):
                raise NotPublic(f"{host} is {address}, which is not a public address")
    return addresses


def is_inside(host: str) -> bool:
    """Whether a host is inside the network; a name other than this machine's is not resolved for that."""
    try:
        return not is_public(ipaddress.ip_address(host))
    except ValueError:
        return is_loopback(host)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is public, including the address that it may embed."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped or address.sixtofour
    if address in NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    # Teredo embeds the address of any relay, and is obsolete.
    return address.is_global and address in IPV6_INTERNET and address.teredo is None
