"""One command on one key: what is sent for it, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from .valkey_connection import Clocked, Command
from .valkey_script import SCRIPT, SCRIPT_SHA
from .valkey_server import Server

__all__ = ["Call", "Read", "Write"]


class Call:
    """One command on one key, until it is answered.

    Args:
        key: the key, which says where it goes.

    Attributes:
        error: why there is no reply; None once there is one.
        reply: the reply.
        is_open: whether it may have been carried out without an answer.
    """

    writes = False

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.error: Exception | None = None
        self.reply: Any = None
        self.is_open = False
        self.asked: Server | None = None

    def command(self, connection: Clocked, *, first: bool) -> Command:
        """The command; ``first`` says whether it is the first of its kind in this try."""
        raise NotImplementedError


class Read(Call):
    """Reads the hash at a key."""

    def command(self, connection: Clocked, *, first: bool) -> Command:
        return (b"HGETALL", self.key)


class Write(Call):
    """Adds to the counts at a key, once.

    Args:
        key: the key of the counts.
        nonce: the key of the nonce.
        life: seconds that the nonce lives.
        arguments: the target, then emoji and number in turn.
    """

    writes = True

    def __init__(self, key: bytes, nonce: bytes, life: float, arguments: Sequence[bytes | str | int]) -> None:
        super().__init__(key)
        self.needs_script = False
        self._until = time.monotonic() + life / 2
        self._given = (2, key, nonce, int(life * 1000))
        self._arguments = tuple(arguments)

    def command(self, connection: Clocked, *, first: bool) -> Command:
        until = int((self._until + connection.offset) * 1000)
        # The first one that brings the script makes it known to those after it on this connection.
        head = (b"EVAL", SCRIPT) if self.needs_script and first else (b"EVALSHA", SCRIPT_SHA)
        return (*head, *self._given, until, *self._arguments)
