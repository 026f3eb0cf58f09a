"""Reading the body of a POST, never more than the limit, whether or not it states its length."""

from __future__ import annotations

from flask import Request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from ..errors import BodyTooLarge, InvalidBody
from ..protocol import read_message

__all__ = ["read_text"]


def read_text(request: Request, limit: int) -> str:
    """The text of the body that starts with the emoji.

    Args:
        request: the request; a hook of the host may have read its body already.
        limit: the longest body, in bytes.

    Raises:
        BodyTooLarge: it is longer; no more than the limit was read.
        InvalidBody: it did not arrive completely; or see ``openheart.protocol.read_message``.
        UnsupportedBody: see there.
    """
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(limit)
    try:
        body = _read(request, length, limit)
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    except Exception as error:
        # Each server's stream has its own errors for invalid or incomplete chunks.
        name = error.name if isinstance(error, HTTPException) else type(error).__name__
        raise InvalidBody(f"The body is incomplete ({name}); send it again") from None
    if len(body) > limit:
        raise _too_large(limit)
    if not body and "form" in request.__dict__:
        # A hook of the host parsed the form, which consumes the stream.
        return request.form.get("emoji") or next(iter(request.form), "")
    return read_message(body, request.environ.get("CONTENT_TYPE"))


def _read(request: Request, length: int | None, limit: int) -> bytes:
    if "form" in request.__dict__ or hasattr(request, "_cached_data"):
        return request.get_data()
    stream = request.stream
    wanted = limit + 1 if length is None else length
    body = b""
    # A read may return only a part; the end, or a client that disconnected, shows at the next read.
    while len(body) < wanted and (more := stream.read(wanted - len(body))):
        body += more
    return body


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"A body may have at most {limit} bytes; an emoji needs fewer than 50")
