"""Cross-origin requests: who may read, who may react, and the answer to a preflight (Fetch standard)."""

from __future__ import annotations

from flask import Flask, Request, Response, current_app, request
from werkzeug.sansio.utils import host_is_trusted

from ..core.state import State, state_of
from ..errors import OriginNotAllowed
from ..settings.config import OPENHEART_HOSTS
from ..system.hosts import origin_of
from .answers import Answer, Headers, empty_answer

__all__ = [
    "check_origin",
    "is_own_or_named",
    "own_hosts",
    "preflight",
    "read_headers",
    "share_refusal",
]

EXPOSED = ("Access-Control-Expose-Headers", "ETag, Retry-After")
EVERYONE = ("Access-Control-Allow-Origin", "*")
VARY = ("Vary", "Origin")
DAY = 86_400


def read_headers(request: Request, state: State) -> Headers:
    """The headers that let a page of an allowed origin read the answer; never with credentials."""
    if "*" in state.origins:
        return [EVERYONE, EXPOSED]
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is not None and is_own_or_named(request, origin, state):
        return [("Access-Control-Allow-Origin", origin), EXPOSED, VARY]
    return [VARY]


def check_origin(request: Request, state: State, verb: str) -> None:
    """Refuse a request from a page of another origin; one without Origin is not from a page.

    Args:
        request: the request.
        state: the state of its application.
        verb: what pages may not do, for the visitor.

    Raises:
        OriginNotAllowed: the page is not of one of the origins.
    """
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None or "*" in state.origins or is_own_or_named(request, origin, state):
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


def share_refusal(response: Response) -> Response:
    """Let pages read what hooks and other extensions of the app answer for our routes, such as a 429.

    A preflight is answered all the same: it changes nothing, a page cannot read why it was refused, and the
    request itself is refused where the page can.
    """
    if isinstance(response, Answer):  # most are our own, and complete
        return response
    state: State = current_app.extensions["openheart"]
    shared = state.shared.get(request.endpoint or "")
    if shared is None or response.headers.get(EXPOSED[0]) == EXPOSED[1]:
        return response
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    headers = read_headers(current, state)
    is_preflight = current.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in current.environ
    if is_preflight and response.status_code >= 300:
        return preflight(current, headers, *shared)
    # An extension may have allowed its own for an error.
    response.headers.pop("Access-Control-Allow-Credentials", None)
    for name, value in headers:
        if name == "Vary":
            response.vary.add(value)
        else:
            response.headers[name] = value
    return response


def is_own_or_named(request: Request, url: str, state: State) -> bool:
    """Whether the origin of a URL is this server's own, or named in OPENHEART_ORIGINS (``*`` names none)."""
    try:
        origin = origin_of(url)
    except ValueError:
        return False
    if origin in state.origins:
        return True
    # The visitor writes Host, too. Where the operator names the hosts, it is one of them.
    host = request.host.lower()
    return origin == f"{request.scheme}://{host}" and host_is_trusted(host, own_hosts(current_app) or [host])


def own_hosts(app: Flask) -> list[str]:
    """The hosts that the operator calls an application's own, without ports; empty if none is named.

    They are those of OPENHEART_HOSTS, and of Flask's TRUSTED_HOSTS and SERVER_NAME. One that starts with a
    dot stands for its subdomains too.
    """
    found = [*state_of(app).config[OPENHEART_HOSTS], *(app.config.get("TRUSTED_HOSTS") or ())]
    if name := app.config.get("SERVER_NAME"):
        found.append(f".{name}" if app.subdomain_matching else name)
    return found
