"""Sends the requests of ``openheart conform``: over HTTP, in time, and as often as the server allows."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from ...errors import ConfigError
from ...protocol.vectors import Request

__all__ = ["MAX_ANSWER", "RateLimited", "Response", "Send", "http_sender", "patient"]

MAX_ANSWER = 1024 * 1024
"""The longest answer that is read, in bytes."""

_CHUNK = 64 * 1024
_TRIES = 6
_LONGEST_WAIT = 120.0


class RateLimited(Exception):
    """The server accepts no more requests for longer than this run waits."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes:
        status: the HTTP status.
        headers: name and value, in order.
        body: the bytes.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, several joined with commas; None where it is missing."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


Send = Callable[[Request], Response]
"""Sends a request and never follows a redirect; an OSError or HTTPException fails the case."""


def http_sender(url: str, timeout: float = 10.0, ca: Path | None = None) -> Send:
    """Make a function that sends requests to a server, each on its own connection.

    Args:
        url: the server's prefix, such as ``http://127.0.0.1:5000/openheart``. A request whose path is a whole
            URL goes there instead.
        timeout: how long an answer may take, from the request to its last byte, in seconds.
        ca: a PEM file with the certificates to trust; by default those of the system.

    Raises:
        ConfigError: the URL or the file is not valid; the returned function raises it when nothing has
            listened there yet.
    """
    prefix = _checked(url).path.rstrip("/")
    tls = _tls(ca)
    reached = False

    def send(request: Request) -> Response:
        nonlocal reached
        is_whole = not request.path.startswith("/")
        where = urlsplit(request.path if is_whole else url)
        query = f"?{where.query}" if where.query else ""
        path = f"{where.path or '/'}{query}" if is_whole else prefix + request.path
        with contextlib.closing(_connection(where, timeout, tls)) as connection:
            try:
                connection.connect()
            except OSError as error:
                reason = _reason(error)
                if reached:
                    raise ConnectionError(f"connecting failed: {reason}") from None
                raise _unusable(
                    url,
                    f"the URL of a running server; connecting failed ({reason}): start it or correct the URL",
                ) from None
            reached = True
            return _exchange(connection, replace(request, path=path), timeout)

    return send


def patient(
    send: Send,
    delay: float = 0.0,
    tell: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Send:
    """Make a sender that keeps to the limits of a server: it waits, and sends again, where that is asked.

    Args:
        send: sends one request.
        delay: how long to wait before each request, in seconds.
        tell: is given a line for people before the first wait that the server asked for.
        sleep: waits for some seconds.

    Returns:
        A sender that raises RateLimited where the server asks to wait longer than two minutes, or asks again
        and again.
    """

    told = threading.Lock()

    def send_patiently(request: Request) -> Response:
        for attempt in range(_TRIES):
            if delay:
                sleep(delay)
            response = send(request)
            seconds = _seconds_to_wait(response, attempt)
            if seconds is None:
                return response
            if seconds > _LONGEST_WAIT:
                raise RateLimited(
                    f"it answered {response.status} and asked to wait for {seconds:.0f} seconds"
                )
            # It is never released: one line for all waits.
            if told.acquire(blocking=False):
                tell(f"the server answered {response.status}: waiting as it asks, now {seconds:.0f} s")
            sleep(seconds)
        raise RateLimited(f"it answered {response.status} {_TRIES} times in a row: --delay sends more slowly")

    return send_patiently


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise _unusable(url, "a server's prefix, such as http://127.0.0.1:5000/openheart")
    if not url.isascii():
        raise _unusable(url, "a prefix in ASCII; percent-encode the rest")
    return parts


def _unusable(url: str, expected: str) -> ConfigError:
    return ConfigError("URL", url, "the command line", expected)


def _tls(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigError(
            "--ca", str(ca), "the command line", f"a PEM file with certificates ({_reason(error)})"
        ) from None


def _connection(where: SplitResult, timeout: float, tls: ssl.SSLContext) -> http.client.HTTPConnection:
    host = where.hostname or ""
    if where.scheme == "https":
        return http.client.HTTPSConnection(host, where.port, timeout=timeout, context=tls)
    return http.client.HTTPConnection(host, where.port, timeout=timeout)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted, {error.verify_message}; --ca names the file of its CA"
    return error.strerror or str(error) or type(error).__name__


def _exchange(connection: http.client.HTTPConnection, request: Request, timeout: float) -> Response:
    # The socket's timeout is for one read; a server that sends byte by byte would never exceed it.
    late = threading.Event()
    timer = threading.Timer(timeout, _cut, (connection.sock, late))
    timer.start()
    try:
        # A server may refuse a long body before it has read all of it, and still send an answer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(request.method, request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        body = _read(answer)
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise _too_late(timeout) from None
        raise
    finally:
        timer.cancel()
        timer.join()
    if late.is_set():
        raise _too_late(timeout)
    return Response(answer.status, answer.getheaders(), body)


def _too_late(timeout: float) -> TimeoutError:
    return TimeoutError(f"it was not complete after {timeout:g} s, the --timeout")


def _cut(opened: socket.socket, late: threading.Event) -> None:
    late.set()
    # Not the method of a TLS socket, which the reading thread still uses.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _read(answer: http.client.HTTPResponse) -> bytes:
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise http.client.HTTPException(f"the answer is longer than {MAX_ANSWER} bytes")
    return bytes(body)


def _seconds_to_wait(response: Response, attempt: int) -> float | None:
    """What a server asks to wait before the next request; None where it does not."""
    asked = response.header("Retry-After")
    if response.status != 429 and (response.status != 503 or asked is None):
        return None
    if asked is None:
        return float(2**attempt)
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return float(2**attempt)
