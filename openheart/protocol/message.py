"""The body of a reaction: finds the text that holds the emoji, in every form that clients send."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from werkzeug.http import parse_options_header

from ..errors import InvalidBody, UnsupportedBody

__all__ = ["read_message"]

_FIELD = "emoji"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_MAX_PARTS = 100
_KEYCAPS = tuple("0123456789*#")
# What fetch() and most clients send; not parsed, for speed.
_USUAL_TEXT = frozenset({None, "", "text/plain", "text/plain;charset=UTF-8", "text/plain; charset=utf-8"})


def read_message(body: bytes, content_type: str | None) -> str:
    """Find the text that holds the emoji.

    No type, ``application/octet-stream`` and ``text/*`` are the text itself, percent-encoded or not;
    forms and JSON have it in the field ``emoji``, and a form without that field in its first key.

    Args:
        body: the request's body.
        content_type: its Content-Type as sent; None where there is none.

    Returns:
        The text, not checked to be an emoji.

    Raises:
        InvalidBody: not UTF-8, not the form or JSON that it claims to be, or JSON without the field.
        UnsupportedBody: the type cannot hold an emoji.
    """
    if content_type in _USUAL_TEXT:
        return _from_text(body)
    kind, options = parse_options_header(content_type or "")
    kind = kind.lower()
    charset = options.get("charset", "utf-8")
    if charset.lower() not in _UTF8:
        raise InvalidBody(f"The body's charset is {charset[:40]!r}: send UTF-8")
    if kind == _FORM:
        return _from_fields(_pairs(body))
    if kind == _MULTIPART:
        return _from_fields(_parts(body, options.get("boundary", "")))
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return _from_json(body)
    if not kind or kind == "application/octet-stream" or kind.startswith("text/"):
        return _from_text(body)
    raise UnsupportedBody(
        f"A body of type {kind[:80]!r} cannot hold an emoji: send text/plain, a form, or application/json"
    )


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidBody(f"The body is not UTF-8 (byte {error.start}): send the emoji in UTF-8") from None


def _from_text(body: bytes) -> str:
    # A form with enctype=text/plain sends "key=value"; the key may be the emoji itself.
    text = _decoded(body).removeprefix("\ufeff").removeprefix(f"{_FIELD}=")
    # Encoding leaves the digit of a keycap as it is: encodeURIComponent("5️⃣") is "5%EF%B8%8F%E2%83%A3".
    start = text[1:2] if text[:1] in _KEYCAPS else text[:1]
    return _decoded(unquote_to_bytes(text)) if start == "%" else text


def _from_fields(fields: Iterable[tuple[str, bytes]]) -> str:
    first = ""
    for name, value in fields:
        if name == _FIELD:
            return _decoded(value)
        first = first or name
    return first


def _pairs(body: bytes) -> Iterator[tuple[str, bytes]]:
    for pair in body.replace(b"+", b" ").split(b"&"):
        key, _, value = pair.partition(b"=")
        yield _decoded(unquote_to_bytes(key)), unquote_to_bytes(value)


def _from_json(body: bytes) -> str:
    try:
        message = json.loads(_decoded(body).removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise InvalidBody('The body is not JSON: send {"emoji": "🥨"}') from None
    emoji = message.get(_FIELD) if isinstance(message, dict) else None
    if not isinstance(emoji, str):
        raise InvalidBody('The JSON has no text under "emoji": send {"emoji": "🥨"}')
    return emoji


def _parts(body: bytes, boundary: str) -> Iterator[tuple[str, bytes]]:
    from werkzeug.exceptions import RequestEntityTooLarge
    from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

    if not boundary or len(boundary) > 70 or not boundary.isascii():
        raise InvalidBody("The multipart type has no boundary of 1 to 70 characters: let the client make it")
    decoder = MultipartDecoder(boundary.encode(), max_parts=_MAX_PARTS)
    name, value = "", bytearray()
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, Field | File):
                name, value = event.name or "", bytearray()
            elif isinstance(event, Data):
                value += event.data
                if not event.more_data:
                    yield name, bytes(value)
    except RequestEntityTooLarge:
        raise InvalidBody(f"The form has more than {_MAX_PARTS} fields: send one, named emoji") from None
    except ValueError:
        raise InvalidBody("The multipart body cannot be read: send one field, named emoji") from None
