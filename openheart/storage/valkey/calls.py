"""One command on one key: what is sent for it, and its result."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from .connection import Clocked, Command
from .script import ADD, Script
from .server import Server

__all__ = ["Call", "Read", "Scripted", "Write"]


class Call:
    """One command on one key, until it is answered.

    Args:
        key: the key, which says where it goes.

    Attributes:
        error: why there is no reply; None once there is one.
        reply: the reply.
        is_open: whether it may have been executed without an answer.
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


class Scripted(Call):
    """Runs a script that writes, on keys of one target.

    Args:
        script: the script.
        keys: its keys; the first says where it goes.
        arguments: its arguments.
    """

    writes = True

    def __init__(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes | str | int]) -> None:
        super().__init__(keys[0])
        self.script = script
        self.needs_script = False
        self._keys: Command = (len(keys), *keys)
        self._arguments = tuple(arguments)

    def command(self, connection: Clocked, *, first: bool) -> Command:
        # The first one that sends the script makes it known to those after it on this connection.
        head = (b"EVAL", self.script.text) if self.needs_script and first else (b"EVALSHA", self.script.sha)
        return (*head, *self._keys, *self._arguments_for(connection))

    def _arguments_for(self, connection: Clocked) -> Command:
        return self._arguments


class Write(Scripted):
    """Adds to the counts at a key, once.

    Args:
        key: the key of the counts.
        nonce: the key of the nonce.
        life: twice the seconds in which this call may be sent again.
        arguments: the target, then emoji and number in turn.
        kept: seconds that the nonce is kept, where that is longer.
        begun: when its life starts, in monotonic time; now by default.
    """

    def __init__(
        self,
        key: bytes,
        nonce: bytes,
        life: float,
        arguments: Sequence[bytes | str | int],
        *,
        kept: float = 0.0,
        begun: float | None = None,
    ) -> None:
        super().__init__(ADD, (key, nonce), arguments)
        self._until = (time.monotonic() if begun is None else begun) + life / 2
        self._kept = int(max(life, kept) * 1000)

    def _arguments_for(self, connection: Clocked) -> Command:
        return (self._kept, int((self._until + connection.offset) * 1000), *self._arguments)
