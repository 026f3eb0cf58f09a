"""Calls a WSGI app as a server would: the path's bytes are decoded once, and nothing else is done for it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from openheart.cli.conform import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["call", "wsgi_sender"]

PREFIX = "/openheart"


def call(
    app: WSGIApplication,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Response:
    """Send one request to an app.

    Args:
        app: the WSGI app.
        method: the method.
        url: path and query, percent-encoded.
        headers: name -> value.
        body: the body; None sends none.
    """
    path, _, query = url.partition("?")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body or b"")),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    status, answered = "", []

    def start_response(
        line: str, fields: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        nonlocal status, answered
        status, answered = line, fields
        return lambda data: None

    start: StartResponse = start_response
    chunks = app(environ, start)
    try:
        content = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return Response(int(status[:3]), answered, content)


def wsgi_sender(app: WSGIApplication) -> Callable[[Request], Response]:
    """A sender for ``openheart.cli.conform.run_vectors`` that needs no server."""
    return lambda request: call(app, request.method, PREFIX + request.path, request.headers, request.body)
