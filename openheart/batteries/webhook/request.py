"""One request of a webhook: to a checked address, without redirects, and with a deadline."""

from __future__ import annotations

import contextlib
import io
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...system.hosts import DEFAULT_PORTS
from ...version import __version__
from .address import NotPublic, resolve

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

__all__ = ["Attempt", "Endpoint"]

SHORTEST = 0.001  # seconds to connect, even when no time is left: a socket accepts no timeout below 0
LATE = "no answer in time (OPENHEART_WEBHOOK_TIMEOUT)"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one request.

    Attributes:
        status: the status of the answer; None without one.
        failure: what went wrong, in one line for the log; ``""`` if nothing did.
        retry_after: the receiver's Retry-After in seconds, or None.
    """

    status: int | None
    failure: str
    retry_after: float | None = None


class Endpoint:
    """The receiver of webhooks.

    Args:
        url: its address, ``http`` or ``https``.
        private: whether it may be inside the network.
    """

    def __init__(self, url: str, *, private: bool) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme.lower()
        self._host = parts.hostname or ""
        self._port = parts.port or DEFAULT_PORTS[self._scheme]
        self._authority = parts.netloc
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._private = private
        self._tls = ssl.create_default_context() if self._scheme == "https" else None

    def post(self, body: bytes, headers: dict[str, str], timeout: float) -> Attempt:
        """Send a body once.

        Args:
            body: JSON text.
            headers: more headers.
            timeout: seconds to wait, to connect and for the whole answer together.
        """
        return self._reach(timeout, lambda address, deadline: self._post(address, body, headers, deadline))

    def connect(self, timeout: float) -> Attempt:
        """Check that it can be reached, and send nothing; ``failure`` is empty if it can.

        Args:
            timeout: as in ``post``.
        """
        return self._reach(timeout, self._connect)

    def _reach(self, timeout: float, ask: Callable[[str, float], Attempt]) -> Attempt:
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        deadline = time.monotonic() + timeout
        try:
            addresses = resolve(self._host, self._port, private=self._private)
        except NotPublic as error:
            return Attempt(None, f"{error} (see OPENHEART_WEBHOOK_PRIVATE)")
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            return Attempt(None, f"{self._host} cannot be resolved: {reason}")
        last = Attempt(None, LATE)
        for address in addresses:
            if time.monotonic() >= deadline:
                break
            try:
                return ask(address, deadline)
            except (NewConnectionError, ConnectTimeoutError) as error:
                # Nothing was sent, so the next address can be tried.
                last = Attempt(None, _reason(error))
            except (HTTPError, HTTPException, OSError) as error:
                return Attempt(None, _reason(error))
        return last

    def _post(self, address: str, body: bytes, headers: dict[str, str], deadline: float) -> Attempt:
        with contextlib.closing(self._connection(address, deadline)) as connection:
            connection.connect()
            reader = _Reader(connection.sock, deadline)
            connection.request(
                "POST",
                self._path,
                body=body,
                headers={
                    "Host": self._authority,
                    "Content-Type": "application/json",
                    "User-Agent": f"openheart/{__version__}",
                    **headers,
                },
            )
            # Only the status and the headers are read; the body is not needed.
            response = HTTPResponse(reader, method="POST")  # type: ignore[arg-type]
            with response:
                response.begin()
                failure = "" if 200 <= response.status < 300 else f"the answer was {response.status}"
                return Attempt(response.status, failure, _seconds(response.getheader("Retry-After")))

    def _connect(self, address: str, deadline: float) -> Attempt:
        with contextlib.closing(self._connection(address, deadline)) as connection:
            connection.connect()
        return Attempt(None, "")

    def _connection(self, address: str, deadline: float) -> HTTPConnection:
        from urllib3.connection import HTTPConnection, HTTPSConnection

        timeout = max(SHORTEST, deadline - time.monotonic())
        # To the checked address: the name could resolve to another one the next time.
        if self._tls is None:
            return HTTPConnection(address, self._port, timeout=timeout)
        return HTTPSConnection(
            address, self._port, timeout=timeout, ssl_context=self._tls, server_hostname=self._host
        )


class _Reader(io.RawIOBase):
    """Reads from a socket until a deadline, also from one that sends a byte now and then."""

    def __init__(self, sock: Any, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        read: int = self._sock.recv_into(buffer)
        return read


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10:
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _reason(error: BaseException) -> str:
    """The text of the innermost error, which comes from the system or from TLS."""
    seen: BaseException | None = error
    while seen is not None:
        error, seen = seen, seen.__cause__ or seen.__context__
    if isinstance(error, TimeoutError):
        return LATE
    text = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
