"""The answer that gives a browser one of our scripts."""

from __future__ import annotations

from flask import Response, request

from ..core.state import State
from .cors import read_headers

__all__ = ["script_answer"]

HOUR = 3600


def script_answer(state: State, script: bytes) -> Response:
    """A script, with an ETag and kept for an hour; a page of an allowed origin may load it."""
    headers = read_headers(request, state)
    headers += [
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Cache-Control", f"public, max-age={HOUR}, must-revalidate"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    response = Response(script, headers=headers)
    response.add_etag()
    response.make_conditional(request)
    return response
