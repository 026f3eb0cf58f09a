"""One Valkey server: a bounded number of connections to it, and whether it is known to be unavailable.

The connections are valkey-py's. Its blocking pool is not used: its queue, and the three system calls by which
it sees whether a connection is still open, make each call about a fifth slower.
"""

from __future__ import annotations

# Python imports it at the first look-up of a host. A child that is forked at that moment could not.
import encodings.idna  # noqa: F401
import hashlib
import queue
import select
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from valkey.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from valkey.exceptions import AuthenticationError, BusyLoadingError, ResponseError, ValkeyError
from valkey.utils import str_if_bytes

from ...system.breaker import Breaker, Unavailable
from .errors import Verdict, judge
from .uri import Address

__all__ = ["Command", "OpenConnection", "Server", "connection_class", "read_info"]

Command: TypeAlias = tuple[bytes | str | int, ...]


class OpenConnection(NamedTuple):
    """An open connection, and what it reached.

    Attributes:
        connection: the connection.
        process: the identity of the server's process.
        offset: the server's time minus this machine's monotonic one, in seconds.
        watch: tells whether there is something to read; None where the system has no poll.
    """

    connection: AbstractConnection
    process: bytes
    offset: float
    watch: select.poll | None

    def has_ended(self) -> bool:
        """Whether the server closed it; no command may be pending."""
        # Usually there is nothing to read, which one system call shows; valkey-py needs three, and at each of
        # them another thread may run first.
        if self.watch is not None and not self.watch.poll(0):
            return False
        # There is only the end of the connection to read, or a TLS message.
        try:
            return bool(self.connection.can_read())
        except (ValkeyError, OSError):
            return True


class Server:
    """One server.

    Args:
        address: where it is.
        options: keywords of valkey-py's connections; ``ssl`` says whether the server speaks TLS.
        timeout: seconds to wait for a connection, and for an answer.
        pool: the most connections there are.
        unfit: the modes of a server, as in INFO, that cannot be used here -> what the server is then.
        verify: called before each new connection; raises where the server is no longer the right one.

    Attributes:
        address, timeout: as given.
    """

    def __init__(
        self,
        address: Address,
        options: Mapping[str, Any],
        *,
        timeout: float,
        pool: int,
        unfit: Mapping[str, str],
        verify: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self._unfit = unfit
        self._verify = verify
        self._any = Breaker(timeout)
        self._writes = Breaker(timeout)
        self._how = ", with TLS" if options.get("ssl") else ""
        host, port = address
        place = {"path": host} if port < 0 else {"host": host, "port": port, "socket_keepalive": True}
        times = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        given = {name: value for name, value in options.items() if name != "ssl"}
        self._options: dict[str, Any] = {**times, **place, **given}
        self._kind = connection_class(address, options)
        self._is_closed = False
        self._idle: list[OpenConnection] = []
        # One for each connection that may be lent. Its methods are atomic, and so are those of the list.
        # The class is looked up here, because gevent may have replaced it since the import.
        self._turns: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(pool):
            self._turns.put(None)

    @property
    def name(self) -> str:
        """The address as people write it."""
        host, port = self.address
        return host if port < 0 else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def borrow(self, *, writes: bool = False) -> OpenConnection:
        """The connection that was used last, or a new one; return it with ``give_back``.

        Args:
            writes: whether it is for a write, which a server may refuse while it answers reads.

        Raises:
            Unavailable: there is no connection.
            ResponseError, AuthenticationError: the server refuses us.
        """
        self._any.admit()
        if writes:
            self._writes.admit()
        try:
            self._turns.get(timeout=self.timeout)
        except queue.Empty:
            raise Unavailable("every connection is in use; raise OPENHEART_VALKEY_POOL") from None
        try:
            while True:
                try:
                    opened = self._idle.pop()
                except IndexError:
                    return self._open()
                if not opened.has_ended():
                    return opened
                opened.connection.disconnect()
        except BaseException as error:
            self._turns.put(None)
            if isinstance(error, AuthenticationError | BusyLoadingError | ResponseError):
                self.note([error])
            elif isinstance(error, ValkeyError | OSError):
                why = f"{self.name} does not answer{self._how}: {error}"
                self.failed(why)
                raise Unavailable(why) from error
            raise

    def give_back(self, opened: OpenConnection, *, is_usable: bool) -> None:
        """Give a connection back; one with commands that are not answered is not usable."""
        if is_usable:
            self._idle.append(opened)
        else:
            opened.connection.disconnect()
        self._turns.put(None)
        if self._is_closed:
            self.close()

    def note(self, errors: Sequence[Exception], *, writes: bool = False) -> None:
        """Note that the server answered, and with which errors."""
        verdicts = {judge(error): str(error) for error in errors}
        if Verdict.NOT_READY in verdicts:
            self.failed(f"{self.name} is not ready: {verdicts[Verdict.NOT_READY]}")
            return
        self._any.worked()
        if Verdict.READ_ONLY in verdicts:
            self._writes.failed(f"{self.name} accepts no writes: {verdicts[Verdict.READ_ONLY]}")
        elif writes:
            self._writes.worked()

    def failed(self, why: str) -> None:
        """Note that the server did not answer."""
        self._any.failed(why)

    def close(self) -> None:
        """Close the connections that are not lent, and the others when they are given back."""
        self._is_closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().connection.disconnect()

    def _open(self) -> OpenConnection:
        if self._verify is not None:
            self._verify()
        connection = self._kind(**self._options)
        try:
            connection.connect()
            assert connection._sock is not None
            connection.send_command("INFO", "server")
            info = read_info(connection.read_response())
            # Valkey has the first, and Redis the second.
            mode = info.get("server_mode") or info.get("redis_mode", "")
            if mode in self._unfit:
                raise ResponseError(self._unfit[mode])
        except BaseException:
            connection.disconnect()
            raise
        watch = None
        if hasattr(select, "poll"):
            watch = select.poll()
            watch.register(connection._sock, select.POLLIN)
        return OpenConnection(
            connection,
            hashlib.blake2b(info.get("run_id", "").encode(), digest_size=8).digest(),
            int(info.get("server_time_usec", 0)) / 1e6 - time.monotonic(),
            watch,
        )


def connection_class(address: Address, options: Mapping[str, Any]) -> type[AbstractConnection]:
    """The class of valkey-py's connections to an address; the arguments are those of ``Server``."""
    if address[1] < 0:
        return UnixDomainSocketConnection
    return SSLConnection if options.get("ssl") else Connection


def read_info(reply: Any) -> dict[str, str]:
    """The fields in a reply of INFO."""
    lines = str_if_bytes(reply).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
