"""Where a webhook may go: to addresses of the public internet, and to nothing inside the network."""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

__all__ = ["NotPublic", "is_public", "literal", "resolve"]

NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
IPV6_INTERNET = ipaddress.ip_network("2000::/3")  # what IANA gives out


class NotPublic(Exception):
    """A host is, or leads to, an address inside a network."""


def resolve(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a host, each of which may be connected to.

    Args:
        host: a name, or an address without brackets.
        port: the port.
        private: whether they may be inside the network.

    Raises:
        NotPublic: one of them may not; then none is used, because a name has one owner.
        OSError: the name cannot be resolved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    if not private:
        for address in addresses:
            if not is_public(ipaddress.ip_address(address)):
                raise NotPublic(f"{host} is {address}, which is not an address of the public internet")
    return addresses


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is written as, or None where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the public internet, also where another one is wrapped in it."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped or address.sixtofour
    if address in NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    # Teredo wraps the address of a relay of somebody's choice; its time is over.
    return address.is_global and address in IPV6_INTERNET and address.teredo is None
