"""Ports for servers that cannot choose one and tell it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import socket
from collections.abc import Iterator

__all__ = ["free_port"]

RANGE = (10_000, 30_000)
"""Below those that systems give to connections and to who asks for any, so that a server that is down, or
about to start, keeps its port."""

BLOCK = 500
"""How many belong to one process: no two that test beside each other are given the same, and within one a
port comes again only when all the others were given."""


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given soon."""
    for port in itertools.islice(_ports(), BLOCK):
        with contextlib.suppress(OSError), _bound(port):
            return port
    raise AssertionError("none of the ports that belong to this process is free")


@functools.cache
def _ports() -> Iterator[int]:
    """The ports of this process, round and round. The first of a block is held as long as it lives."""
    firsts = range(*RANGE, BLOCK)
    for first in random.SystemRandom().sample(firsts, len(firsts)):
        with contextlib.suppress(OSError):
            holder = _bound(first)
            return _round(holder, first)
    raise AssertionError("too many processes test beside each other: every block of ports is taken")


def _round(holder: socket.socket, first: int) -> Iterator[int]:
    with holder:
        yield from itertools.cycle(range(first + 1, first + BLOCK))


def _bound(port: int) -> socket.socket:
    found = socket.socket()
    try:
        found.bind(("127.0.0.1", port))
    except OSError:
        found.close()
        raise
    return found
