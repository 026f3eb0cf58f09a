"""Cross-origin requests: who may read, who may react, and the answer to a preflight (Fetch standard)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Request, Response

from ..errors import OriginNotAllowed
from ..system.hosts import DEFAULT_PORTS
from .answers import Headers, empty_answer

__all__ = ["METHODS", "check_write", "is_own_or_named", "preflight", "read_headers"]

METHODS = "GET, HEAD, OPTIONS, POST"
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


def check_write(request: Request, origins: Sequence[str]) -> None:
    """Refuse a write from a page of another origin; a request without Origin is not from a page."""
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None or "*" in origins or is_own_or_named(request, origin, origins):
        return
    raise OriginNotAllowed(
        "Pages of this origin may not react here: OPENHEART_ORIGINS of this server does not name it"
    )


def preflight(request: Request, origins: Sequence[str]) -> Response:
    """The answer to OPTIONS, and to a preflight: what is allowed, for a day."""
    headers = read_headers(request, origins)
    headers.append(("Allow", METHODS))
    if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ:
        headers.append(("Access-Control-Allow-Methods", METHODS))
        headers.append(("Access-Control-Allow-Headers", "Content-Type, If-None-Match"))
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
