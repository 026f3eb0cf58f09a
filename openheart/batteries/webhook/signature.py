"""Signatures of the Standard Webhooks specification: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import Headers

from ...errors import ConfigError, InvalidSignature

__all__ = ["TOLERANCE", "keys_of", "sign", "verify_webhook"]

TOLERANCE = 300.0
"""Seconds that a webhook may be old, or that its sender's clock may be ahead."""

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a key, from the specification
EXPECTED = (
    f"{PREFIX} and the Base64 of {SHORTEST} to {LONGEST} random bytes, or two of these with a space between; "
    "make one: python -c 'import base64, secrets; "
    f'print("{PREFIX}" + base64.b64encode(secrets.token_bytes(32)).decode())\''
)


def keys_of(secret: str | bytes | None, name: str, source: str) -> list[bytes]:
    """The keys in a secret. There may be two while a key is being replaced.

    Args:
        secret: ``whsec_`` and Base64, or several with spaces between them; or the bytes of one key.
        name, source: the key and the source of the ConfigError.

    Raises:
        ConfigError: it is not valid; the text says how to make one.
    """
    try:
        if isinstance(secret, bytes) and not secret.startswith(PREFIX.encode()):
            keys = [secret]
        else:
            text = secret.decode() if isinstance(secret, bytes) else secret or ""
            keys = [_decode(word) for word in text.split()]
    except ValueError:
        keys = []
    if not keys or not all(SHORTEST <= len(key) <= LONGEST for key in keys):
        raise ConfigError(name, "***" if secret else None, source, EXPECTED)
    return keys


def sign(keys: Sequence[bytes], delivery: str, seconds: int, body: bytes) -> str:
    """The header ``webhook-signature``: one signature for each key.

    Args:
        keys: the keys.
        delivery: the header ``webhook-id``.
        seconds: the header ``webhook-timestamp``.
        body: the body of the request.
    """
    signed = f"{delivery}.{seconds}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def verify_webhook(
    headers: Mapping[str, str] | Headers, body: bytes, secret: str | bytes, tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Check the signature and the age of a webhook, and return its content. Call this in the receiver.

    The same webhook may come again if the answer to it was lost; its ``webhook-id`` stays the same.

    Args:
        headers: the headers of the request, such as Flask's ``request.headers``; case does not matter.
        body: the unchanged body, such as ``request.get_data()``.
        secret: the sender's OPENHEART_WEBHOOK_SECRET.
        tolerance: how many seconds old it may be, or the sender's clock ahead.

    Returns:
        The document, with ``type``, ``timestamp`` and ``data``.

    Raises:
        InvalidSignature: a header is missing, the signature does not match, or the webhook is too old.
        ConfigError: the secret is not valid.
    """
    keys = keys_of(secret, "secret", "an argument of verify_webhook()")
    found = {name.lower(): value for name, value in headers.items()}
    try:
        delivery, seconds = found["webhook-id"], found["webhook-timestamp"]
        signatures = found["webhook-signature"]
    except KeyError as error:
        raise InvalidSignature(f"The header {error.args[0]} is missing") from None
    # Before the signature is computed, because int() accepts much that is not a timestamp.
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        raise InvalidSignature("The header webhook-timestamp is not a number of seconds")
    right = sign(keys, delivery, int(seconds), body).split(" ")
    given = [each.encode() for each in signatures.split(" ")]
    # Every pair is compared, so that the time this takes reveals nothing.
    matches = [hmac.compare_digest(each.encode(), other) for each in right for other in given]
    if not any(matches):
        raise InvalidSignature("The header webhook-signature does not match this secret and this body")
    age = time.time() - int(seconds)
    if not abs(age) <= tolerance:
        direction = "ago" if age > 0 else "ahead of this clock"
        raise InvalidSignature(f"It was signed {abs(age):.0f} s {direction}, and {tolerance:g} s are allowed")
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InvalidSignature("The body is signed, but is not a JSON object")
    return document


def _decode(word: str) -> bytes:
    if not word.startswith(PREFIX):
        raise ValueError(word)
    encoded = word.removeprefix(PREFIX)
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
