"""JSON answers, written here and never by the host's JSON provider: order is kept, emoji are not escaped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.datastructures import Headers as WerkzeugHeaders

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["NO_STORE", "Answer", "Headers", "conditional", "empty_answer", "json_answer", "json_bytes"]

Headers = list[tuple[str, str]]
"""Response headers; each response has its own list."""

_encode = json.JSONEncoder(ensure_ascii=False).encode

NO_STORE = ("Cache-Control", "no-store")


class Answer(Response):
    """A response that is complete when it is created.

    Werkzeug copies the headers of each response again, to add what may be missing. That takes longer
    than the rest of a read.
    """

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> WerkzeugHeaders:
        """The headers as they are."""
        return self.headers


def json_bytes(document: object) -> bytes:
    """The JSON text of a document, in UTF-8, with a newline at the end."""
    return (_encode(document) + "\n").encode()


def json_answer(
    body: bytes,
    headers: Iterable[tuple[str, str]],
    *,
    status: int = 200,
    content_type: str = "application/json",
) -> Response:
    """A response whose body is JSON text, from ``json_bytes``."""
    length = ("Content-Length", str(len(body)))
    return Answer([body], status, [("Content-Type", content_type), length, *headers])


def empty_answer(status: int, headers: Headers) -> Response:
    """A response without a body, and so without a content type."""
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def conditional(request: Request, body: bytes, cache_control: str, headers: Headers) -> Response:
    """The answer to a GET: with a weak ETag, or 304 if the client already has this body (RFC 9110)."""
    etag = hashlib.blake2b(body, digest_size=8).hexdigest()
    headers.append(("ETag", f'W/"{etag}"'))
    headers.append(("Cache-Control", cache_control))
    if "HTTP_IF_NONE_MATCH" in request.environ and request.if_none_match.contains_weak(etag):
        return empty_answer(304, headers)
    return json_answer(body, headers)
