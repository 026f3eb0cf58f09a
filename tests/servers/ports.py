"""Ports for servers that cannot choose one and tell it."""

from __future__ import annotations

import contextlib
import random
import socket

__all__ = ["free_port"]

RANGE = (10_000, 20_000)
"""Below those that systems give to connections and to who asks for any, so that a server that is down, or
about to start, keeps its port. The nodes of a cluster speak to each other 10,000 above."""

TRIES = 1000


def free_port() -> int:
    """A port that nobody listens on."""
    choose = random.SystemRandom()
    for _ in range(TRIES):
        port = choose.randrange(*RANGE)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
