"""The cursor of a listing in the order of targets: opaque text that says where the next page starts."""

from __future__ import annotations

import base64
import binascii

from ..errors import InvalidRequest
from ..protocol.scope import RESERVED

__all__ = ["after_prefix", "past_scopes", "read_cursor", "write_cursor"]

_MARK = b"1"  # the version of this form


def write_cursor(target: str) -> str:
    """Make the cursor for the page that starts after a target."""
    return base64.urlsafe_b64encode(_MARK + target.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Read the target back from a cursor.

    Raises:
        InvalidRequest: the text was not made by ``write_cursor``.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        target = raw[1:].decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest(_REFUSAL) from None
    if raw[:1] != _MARK or write_cursor(target) != cursor:
        raise InvalidRequest(_REFUSAL)
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


_REFUSAL = (
    "this cursor is not valid for this list: pass the cursor of the previous page, or none to start again"
)
