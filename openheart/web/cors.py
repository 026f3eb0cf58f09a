"""Cross-origin requests: who may read, who may react, and the answer to a preflight (Fetch standard)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Request, Response

from ..errors import OriginNotAllowed
from ..system.hosts import DEFAULT_PORTS
from .answers import Headers, empty_answer

__all__ = ["check_origin", "is_own_or_named", "preflight", "read_headers"]

EXPOSED = ("Access-Control-Expose-Headers", "ETag, Retry-After")
EVERYONE = ("Access-Control-Allow-Origin", "*")
VARY = ("Vary", "Origin")
DAY = 86_400


def read_headers(request: Request, origins: Sequence[str]) -> Headers:
    """The headers that let a page of an allowed origin read the answer; never with credentials."""
    if "*" in origins:
        return [EVERYONE, EXPOSED]
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is not None and is_own_or_named(request, origin, origins):
        return [("Access-Control-Allow-Origin", origin), EXPOSED, VARY]
    return [VARY]


def check_origin(request: Request, origins: Sequence[str], verb: str) -> None:
    """Refuse a request from a page of another origin; one without Origin is not from a page.

    Args:
        request: the request.
        origins: OPENHEART_ORIGINS.
        verb: what pages may not do, for the visitor.

    Raises:
        OriginNotAllowed: the page is not of one of the origins.
    """
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None or "*" in origins or is_own_or_named(request, origin, origins):
        return
    raise OriginNotAllowed(
        f"Pages of this origin may not {verb} here: OPENHEART_ORIGINS of this server does not name it"
    )


def preflight(request: Request, headers: Headers, methods: str, allowed: str) -> Response:
    """The answer to OPTIONS, and to a preflight: what is allowed, for a day.

    Args:
        request: the request.
        headers: those of ``read_headers``.
        methods: the methods of the address.
        allowed: the headers that a page may send.
    """
    headers = [*headers, ("Allow", methods)]
    if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ:
        headers.append(("Access-Control-Allow-Methods", methods))
        headers.append(("Access-Control-Allow-Headers", allowed))
        headers.append(("Access-Control-Max-Age", str(DAY)))
    return empty_answer(204, headers)


def is_own_or_named(request: Request, url: str, origins: Sequence[str]) -> bool:
    """Whether the origin of a URL is this server's own, or named in OPENHEART_ORIGINS (``*`` names none)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return False
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    origin = f"{parts.scheme}://{host}"
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        origin += f":{port}"
    return origin in origins or origin == f"{request.scheme}://{request.host.lower()}"
