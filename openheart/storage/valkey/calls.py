"""Commands on keys: what is sent for each, its result, and the exchange of several with one server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from valkey.exceptions import AuthenticationError, BusyLoadingError, ResponseError, ValkeyError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from ...system.breaker import Unavailable
from ..backend import Cap
from .errors import Lost
from .script import ADD, Script
from .server import Command, OpenConnection, Server

__all__ = ["Call", "Exchange", "Scripted", "Write", "read"]


class Call:
    """One command, until it is answered.

    Args:
        key: the key, which says where it goes.
        words: the command.
        writes: whether it changes something.
        server: the server it goes to, whatever its key.

    Attributes:
        key, writes, server: the arguments.
        error: why there is no reply; None once there is one.
        reply: the reply.
        is_open: whether it may have been executed without an answer.
        asked: the server that the key is moving to, for one try.
        process: the identity of the server's process that it was last sent to.
    """

    def __init__(
        self, key: bytes, *words: bytes | str | int, writes: bool = False, server: Server | None = None
    ) -> None:
        self.key = key
        self.writes = writes
        self.server = server
        self._words = words
        self.error: Exception | None = None
        self.reply: Any = None
        self.is_open = False
        self.asked: Server | None = None
        self.process = b""

    def command(self, opened: OpenConnection) -> Command:
        """The command, to be sent on ``opened``."""
        return self._words


def read(key: bytes) -> Call:
    """A call that reads the hash at a key."""
    return Call(key, b"HGETALL", key)


class Scripted(Call):
    """Runs a script that writes, on keys of one target.

    Args:
        script: the script.
        keys: its keys; the first says where it goes.
        arguments: its arguments.

    Attributes:
        is_known: whether the server may know the script.
    """

    def __init__(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes | str | int]) -> None:
        super().__init__(keys[0], *arguments, writes=True)
        self.is_known = True
        self._script = script
        self._keys: Command = (len(keys), *keys)

    def command(self, opened: OpenConnection) -> Command:
        head = (b"EVALSHA", self._script.sha) if self.is_known else (b"EVAL", self._script.text)
        return (*head, *self._keys, *self._arguments_for(opened))

    def _arguments_for(self, opened: OpenConnection) -> Command:
        return self._words


class Write(Scripted):
    """Adds to the counts at a key, once.

    Args:
        key: the key of the counts.
        nonce: the key of the nonce.
        life: twice the seconds in which this call may be sent again.
        arguments: the target, then emoji and number in turn.
        cap: how many different emoji there may be; None is any number.
        kept: seconds that the nonce is kept, where that is longer.
        begun: when its life starts, in monotonic time; by default when it is first sent.
    """

    def __init__(
        self,
        key: bytes,
        nonce: bytes,
        life: float,
        arguments: Sequence[bytes | str | int],
        *,
        cap: Cap | None = None,
        kept: float = 0.0,
        begun: float | None = None,
    ) -> None:
        super().__init__(ADD, (key, nonce), arguments)
        self._begun = begun
        self._patience = life / 2
        self._kept = int(max(life, kept) * 1000)
        self._cap: Command = (0, "") if cap is None else (cap.most, "\n".join(("", *cap.free, "")))

    def _arguments_for(self, opened: OpenConnection) -> Command:
        if self._begun is None:
            self._begun = time.monotonic()
        deadline = int((self._begun + self._patience + opened.offset) * 1000)
        return (self._kept, deadline, *self._cap, *self._words)


class Exchange:
    """Calls on their way to one server: sent when this is made, answered by ``finish``.

    Args:
        server: the server.
        calls: the calls, all reads or all writes.
        replicas: how many replicas must confirm writes.
    """

    def __init__(self, server: Server, calls: Sequence[Call], replicas: int = 0) -> None:
        self._server = server
        self._calls = calls
        self._writes = calls[0].writes
        self._replicas = replicas if self._writes else 0
        self._opened: OpenConnection | None = None
        try:
            opened = server.borrow(writes=self._writes)
        except (Unavailable, ValkeyError) as error:
            for call in calls:
                call.error, call.asked = error, None
            return
        try:
            commands: list[Command] = []
            for call in calls:
                if call.asked is not None:
                    commands.append(("ASKING",))
                commands.append(call.command(opened))
                call.process = opened.process
            if self._replicas:
                commands.append(("WAIT", self._replicas, int(server.timeout * 500)))
            self._number = len(commands)
            opened.connection.send_packed_command(opened.connection.pack_commands(commands))
            self._opened = opened
        except (ValkeyError, OSError) as error:
            # Some of it may have been sent.
            self._take([Lost(f"the connection to {server.name} broke: {error}")] * self._number)
        finally:
            if self._opened is None:
                server.give_back(opened, is_usable=False)

    def abandon(self) -> None:
        """Close the connection if the answers were not awaited."""
        opened, self._opened = self._opened, None
        if opened is not None:
            self._server.give_back(opened, is_usable=False)

    def finish(self, deadline: float | None = None) -> None:
        """Wait for the answers, which are then in the calls, and give the connection back.

        Args:
            deadline: until when to wait for the first, in monotonic time; by default the timeout long.
        """
        opened, self._opened = self._opened, None
        if opened is None:
            return
        connection = opened.connection
        found: list[Any] = []
        errors: list[Exception] = []
        is_usable = False
        try:
            if deadline is not None and not connection.can_read(max(0.001, deadline - time.monotonic())):
                raise ValkeyTimeoutError("no answer in time")
            while len(found) < self._number:
                try:
                    found.append(connection.read_response())
                except (ResponseError, BusyLoadingError, AuthenticationError) as error:
                    errors.append(error)
                    found.append(error)
                    if not isinstance(error, ResponseError):
                        raise
            is_usable = True
            self._server.note(errors, writes=self._writes)
        except (ValkeyError, OSError) as error:
            lost = Lost(f"{self._server.name} received the command and did not answer: {error}")
            if isinstance(error, ValkeyTimeoutError):
                # A broken connection says little; the next one shows whether the server is there.
                self._server.failed(str(lost))
            elif found:
                self._server.note(errors)
            found += [lost] * (self._number - len(found))
        finally:
            self._server.give_back(opened, is_usable=is_usable)
        self._take(found)

    def _take(self, replies: Sequence[Any]) -> None:
        found = iter(replies)
        for call in self._calls:
            if call.asked is not None:
                next(found)
                call.asked = None
            call.reply = next(found)
            call.error = call.reply if isinstance(call.reply, Exception) else None
        confirmed = replies[-1] if self._replicas else 0
        if isinstance(confirmed, Exception):
            lost = Lost(f"the replicas did not confirm it: {confirmed}")
        elif confirmed < self._replicas:
            lost = Lost(f"{confirmed} of {self._replicas} replicas confirmed it (OPENHEART_VALKEY_WAIT)")
        else:
            return
        for call in self._calls:
            call.error = call.error or lost
