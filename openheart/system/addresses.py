"""IP addresses and networks, as people and proxies write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType

__all__ = ["NETWORKS", "Address", "Network", "address_in", "networks_of", "unmapped"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NETWORKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "loopback": ("127.0.0.0/8", "::1/128"),
        "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    }
)
"""Names of networks: this machine, and those that are not on the internet (RFC 1918, RFC 4193)."""

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\w+)?|(?P<v4>[\d.]+):\w+")


def networks_of(entry: str) -> tuple[Network, ...]:
    """The networks that an entry of a list names.

    Args:
        entry: an address, a network such as ``10.0.0.0/8``, or a name in NETWORKS.

    Raises:
        ValueError: it names none.
    """
    return tuple(ip_network(each) for each in NETWORKS.get(entry, (entry,)))


def address_in(text: str) -> Address | None:
    """The address that a header or a server names, with or without a port (RFC 7239); None if it names none.

    An IPv4 address that is mapped into IPv6 is that IPv4 address.
    """
    written = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(text if written is None else written["v6"] or written["v4"])
    except ValueError:
        return None
    return unmapped(address)


def unmapped(address: Address) -> Address:
    """The IPv4 address that is mapped into an IPv6 address, or the address itself."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
