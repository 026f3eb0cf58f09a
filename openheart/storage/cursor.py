"""The cursor of a listing in the order of targets: opaque text that says where the next page starts."""

from __future__ import annotations

import base64

from ..errors import InvalidRequest
from ..protocol.scope import RESERVED

__all__ = ["REFUSAL", "after_prefix", "decode", "encode", "past_scopes", "read_cursor", "write_cursor"]

REFUSAL = (
    "this cursor is not valid for this list: pass the cursor of the previous page, or none to start again"
)

_MARK = b"1"  # the version of this form


def encode(raw: bytes) -> str:
    """Make a cursor of bytes."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(cursor: str) -> bytes:
    """Read the bytes back from a cursor.

    Raises:
        InvalidRequest: the text was not made by ``encode``.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidRequest(REFUSAL) from None
    # The last letter may hold unused bits; a cursor where they differ is not one of ours.
    if encode(raw) != cursor:
        raise InvalidRequest(REFUSAL)
    return raw


def write_cursor(target: str) -> str:
    """Make the cursor for the page that starts after a target."""
    return encode(_MARK + target.encode())


def read_cursor(cursor: str) -> str:
    """Read the target back from a cursor.

    Raises:
        InvalidRequest: the text was not made by ``write_cursor``.
    """
    target = decode(cursor)[len(_MARK) :].decode(errors="replace")
    if write_cursor(target) != cursor:
        raise InvalidRequest(REFUSAL)
    return target


def after_prefix(prefix: str) -> str | None:
    """The first text, in code point order, after every text that starts with the prefix; None for no end."""
    while prefix:
        code = ord(prefix[-1])
        prefix = prefix[:-1]
        if code < 0x10FFFF:
            # Surrogates are not characters, and UTF-8 cannot encode them.
            return prefix + chr(0xE000 if code == 0xD7FF else code + 1)
    return None


def past_scopes(cursor: str) -> str:
    """Replace a cursor that names a target of a tenant by one that starts after all of these targets.

    Args:
        cursor: of any backend; one that names no target is returned as it is.
    """
    try:
        target = read_cursor(cursor)
    except InvalidRequest:
        return cursor
    return write_cursor(f"{RESERVED}{chr(0x10FFFF)}") if target.startswith(RESERVED) else cursor
