"""Connections to Valkey that know which server they reached, over TCP, TLS and Unix sockets."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from valkey.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from valkey.exceptions import ResponseError, ValkeyError
from valkey.utils import str_if_bytes

__all__ = ["Clocked", "ClockedTcp", "ClockedTls", "ClockedUnix", "Command", "read_info"]

Command: TypeAlias = tuple[bytes | str | int, ...]


class Clocked(AbstractConnection):
    """A connection that learns, when it is made, which process answers, and the server's time.

    Args:
        verify: called before it is made; raises where the server is no longer the right one.
        unfit: the modes of a server, as in INFO, that cannot be used here -> what the server is then.
        options: as valkey-py's connection.

    Attributes:
        run_id: the identity of the server's process.
        offset: the server's time minus this machine's monotonic one, in seconds.
    """

    def __init__(
        self, *, verify: Callable[[], None] | None = None, unfit: Mapping[str, str], **options: Any
    ) -> None:
        super().__init__(**options)
        self.run_id = b""
        self.offset = 0.0
        self._verify = verify
        self._unfit = unfit
        self._watch: select.poll | None = None

    def connect(self) -> None:
        if self._sock is None and self._verify is not None:
            self._verify()
        super().connect()

    def on_connect(self) -> None:
        super().on_connect()
        if self._sock is not None and hasattr(select, "poll"):
            self._watch = select.poll()
            self._watch.register(self._sock, select.POLLIN)
        self.send([("INFO", "server")])
        info = read_info(self.receive())
        # Valkey has the first, and Redis the second.
        mode = info.get("server_mode") or info.get("redis_mode", "")
        if mode in self._unfit:
            raise ResponseError(self._unfit[mode])
        self.run_id = info.get("run_id", "").encode()
        self.offset = int(info.get("server_time_usec", 0)) / 1e6 - time.monotonic()

    def open(self) -> None:
        """Open it, or reopen it if the server closed it meanwhile; raises valkey-py's errors."""
        if self._sock is None or self._has_ended():
            self.drop()
            self.connect()

    def _has_ended(self) -> bool:
        # Usually there is nothing to read, which one system call shows; valkey-py needs three, and at each of
        # them another thread may run first.
        if self._watch is not None and not self._watch.poll(0):
            return False
        # No command is pending, so there is only the end of the connection to read, or a TLS message.
        try:
            return bool(super().can_read())
        except (ValkeyError, OSError):
            return True

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands in one go."""
        if len(commands) == 1:
            super().send_packed_command(super().pack_command(*commands[0]))
        else:
            super().send_packed_command(super().pack_commands(commands))

    def is_answered(self, timeout: float) -> bool:
        """Whether the first bytes of an answer arrive within this many seconds."""
        return bool(super().can_read(timeout))

    def receive(self) -> Any:
        """The next reply; raises valkey-py's errors."""
        return super().read_response()

    def drop(self) -> None:
        """Close it; it is reopened at its next use."""
        super().disconnect()


class ClockedTcp(Clocked, Connection):
    """The same over TCP."""


class ClockedTls(Clocked, SSLConnection):
    """The same over TLS."""


class ClockedUnix(Clocked, UnixDomainSocketConnection):
    """The same on a Unix socket."""


def read_info(reply: Any) -> dict[str, str]:
    """The fields in a reply of INFO."""
    lines = str_if_bytes(reply).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
