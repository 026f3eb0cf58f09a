"""One request of a webhook: to an address that was checked, without redirects, and not for ever."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..version import __version__
from .webhook_address import NotPublic, resolve

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool

__all__ = ["Answer", "Endpoint"]

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request went.

    Attributes:
        status: the status of the answer; None where there is none.
        said: what went wrong, in one line for the log; ``""`` where nothing did.
        retry_after: after how many seconds the receiver wants to be asked again, or None.
    """

    status: int | None
    said: str
    retry_after: float | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


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
        self._port = parts.port or PORTS[self._scheme]
        self._authority = parts.netloc
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._private = private
        self._tls = ssl.create_default_context() if self._scheme == "https" else None

    def post(self, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
        """Send a body once.

        Args:
            body: JSON text.
            headers: more headers.
            timeout: seconds to wait, to connect and for the answer together.
        """
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        deadline = time.monotonic() + timeout
        try:
            addresses = resolve(self._host, self._port, private=self._private)
        except NotPublic as error:
            return Answer(None, f"{error} (see OPENHEART_WEBHOOK_PRIVATE)")
        except OSError as error:
            return Answer(None, f"{self._host} cannot be resolved: {error.strerror or error}")
        answer = Answer(None, f"no answer within {timeout:g} s (OPENHEART_WEBHOOK_TIMEOUT)")
        for address in addresses:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return self._post(address, body, headers, left)
            except (NewConnectionError, ConnectTimeoutError) as error:
                # Nothing was sent there, so the next address is as good.
                answer = Answer(None, _reason(error))
            except (HTTPError, OSError) as error:
                return Answer(None, _reason(error))
        return answer

    def _post(self, address: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
        with self._pool(address, timeout) as pool:
            response = pool.urlopen(
                "POST",
                self._path,
                body=body,
                headers={
                    "Host": self._authority,
                    "Content-Type": "application/json",
                    "User-Agent": f"openheart/{__version__}",
                    **headers,
                },
                redirect=False,
                retries=False,
                # What an answer says is of no use here, so nothing of its body is read.
                preload_content=False,
            )
            status = response.status
            wait = _seconds(response.headers.get("Retry-After"))
            response.close()
        said = "" if 200 <= status < 300 else f"the answer was {status}"
        return Answer(status, said, wait)

    def _pool(self, address: str, timeout: float) -> HTTPConnectionPool:
        from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout

        # To the address itself: the name could lead elsewhere when it is resolved once more.
        host = f"[{address}]" if ":" in address else address
        limit = Timeout(total=timeout)
        if self._tls is None:
            return HTTPConnectionPool(host, self._port, timeout=limit)
        return HTTPSConnectionPool(
            host, self._port, timeout=limit, ssl_context=self._tls, server_hostname=self._host
        )


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
    """The innermost words of an error, which are those of the system or of TLS."""
    seen: BaseException | None = error
    while seen is not None:
        error, seen = seen, seen.__cause__ or seen.__context__
    if isinstance(error, TimeoutError):
        return "no answer in time (OPENHEART_WEBHOOK_TIMEOUT)"
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
