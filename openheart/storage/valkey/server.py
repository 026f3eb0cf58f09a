"""One Valkey server: a bounded pool of connections to it, and whether it is known to be unavailable."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from valkey.exceptions import AuthenticationError, BusyLoadingError, ResponseError, ValkeyError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from ...system.breaker import Breaker, Unavailable
from .connection import Clocked, ClockedTcp, ClockedTls, ClockedUnix, Command
from .errors import Lost, Verdict, judge
from .pool import ConnectionPool
from .uri import Address

__all__ = ["Exchange", "Server"]


class Server:
    """One server.

    Args:
        address: where it is.
        options: keywords of the connections; ``ssl`` says whether it speaks TLS.
        timeout: seconds to wait for a connection, and for an answer.
        pool: the most connections there are.
        unfit: see ``Clocked``.
        verify: see ``Clocked``.
    """

    def __init__(
        self,
        address: Address,
        options: dict[str, Any],
        *,
        timeout: float,
        pool: int,
        unfit: Mapping[str, str],
        verify: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._any = Breaker(timeout)
        self._writes = Breaker(timeout)
        tls = options.get("ssl", False)
        self._how = ", with TLS" if tls else ""
        host, port = address
        place = {"path": host} if port < 0 else {"host": host, "port": port, "socket_keepalive": True}
        given = {name: value for name, value in options.items() if name != "ssl"}
        kind = ClockedUnix if port < 0 else ClockedTls if tls else ClockedTcp
        times = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        self._pool = ConnectionPool(
            lambda: kind(verify=verify, unfit=unfit, **times, **place, **given), pool, timeout
        )

    @property
    def name(self) -> str:
        """The address as people write it."""
        host, port = self.address
        return host if port < 0 else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands and return their replies; see ``Exchange``."""
        return Exchange(self, lambda _: commands).replies()

    def borrow(self, *, writes: bool = False) -> Clocked:
        """A connection, made if needed; return it with ``give_back``.

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
            return self._pool.get()
        except (AuthenticationError, BusyLoadingError, ResponseError) as error:
            self.note([error])
            raise
        except (ValkeyError, OSError) as error:
            why = f"{self.name} does not answer{self._how}: {error}"
            self.failed(why)
            raise Unavailable(why) from error

    def give_back(self, connection: Clocked) -> None:
        """Give a connection back."""
        self._pool.put(connection)

    def note(self, replies: Sequence[object], *, writes: bool = False) -> None:
        """Note what the server answered, if it says that the server is not ready."""
        verdicts = {judge(reply): str(reply) for reply in replies if isinstance(reply, Exception)}
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
        """Close every connection."""
        self._pool.close()


class Exchange:
    """Commands on their way to one server: sent when this is made, answered by ``replies``.

    Args:
        server: the server.
        commands: makes the commands, given the connection that they go over.
        writes: whether one of them is a write.

    Attributes:
        run_id: the identity of the server's process; empty where nothing was sent.
    """

    def __init__(
        self, server: Server, commands: Callable[[Clocked], Sequence[Command]], *, writes: bool = False
    ) -> None:
        self._server = server
        self._writes = writes
        self._connection: Clocked | None = None
        self._error: Exception | None = None
        self._number = 1
        self.run_id = b""
        try:
            connection = server.borrow(writes=writes)
        except (Unavailable, ValkeyError) as error:
            self._error = error
            return
        self.run_id = hashlib.blake2b(connection.run_id, digest_size=8).digest()
        try:
            made = commands(connection)
            self._number = len(made)
            connection.send(made)
        except (ValkeyError, OSError) as error:
            # Some of it may have been sent.
            self._error = Lost(f"the connection to {server.name} broke: {error}")
            server.give_back(connection)
        except BaseException:
            connection.drop()
            server.give_back(connection)
            raise
        else:
            self._connection = connection

    def abandon(self) -> None:
        """Give the connection back without waiting for its replies."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()
            self._server.give_back(connection)

    def replies(self, deadline: float | None = None) -> list[Any]:
        """Wait for the replies, and give the connection back.

        Args:
            deadline: until when to wait for the first, in monotonic time; by default the timeout long.

        Returns:
            One for each command; an exception (Unavailable, Lost or valkey-py's) where it failed. If nothing
            was sent, one exception for all.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            return [self._error] * self._number
        found: list[Any] = []
        is_refused = False
        try:
            if deadline is not None and not connection.is_answered(max(0.001, deadline - time.monotonic())):
                connection.drop()
                raise ValkeyTimeoutError("no answer in time")
            while len(found) < self._number:
                try:
                    found.append(connection.receive())
                except (BusyLoadingError, AuthenticationError) as error:
                    found.append(error)
                    raise
                except ResponseError as error:
                    found.append(error)
                    is_refused = True
            self._server.note(found if is_refused else (), writes=self._writes)
        except (ValkeyError, OSError) as error:
            connection.drop()
            lost = Lost(f"{self._server.name} received the command and did not answer: {error}")
            if isinstance(error, ValkeyTimeoutError):
                # A broken connection says little; the next one shows whether the server is there.
                self._server.failed(str(lost))
            elif found:
                self._server.note(found)
            found += [lost] * (self._number - len(found))
        except BaseException:
            connection.drop()
            raise
        finally:
            self._server.give_back(connection)
        return found
