"""URIs for people to read, without the secrets in them."""

from __future__ import annotations

import re

__all__ = ["REFERENCE", "SCHEME", "mask_path", "mask_uri", "mask_uris"]

REFERENCE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
"""``$NAME``, which stands for the value of the variable NAME."""

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""The scheme of a URI."""

SECRET_QUERY = re.compile(
    r"([?&;][^=&;#]*(?:pass|pwd|secret|token|key|auth|cred|sign)[^=&;#]*=)[^&;#]*", re.IGNORECASE
)


def mask_uri(value: str) -> str:
    """A URI for people to read: ``***`` stands for the password and for secrets in its query.

    Text that is not a URI is masked completely, because it may hold anything; ``$NAME`` is kept.
    """
    if REFERENCE.fullmatch(value.strip()):
        return value
    scheme = SCHEME.match(value)
    if scheme is None:
        return "***"
    rest = SECRET_QUERY.sub(r"\1***", value[scheme.end() :])
    slashes = "//" if rest.startswith("//") else ""
    # The last @ and not the first: a password that was not percent-encoded may hold "@", "/" or "#".
    user, at, host = rest[len(slashes) :].rpartition("@")
    if at and ":" in user:
        user = user.partition(":")[0] + ":***"
    elif at and "/" not in user:
        user = "***"
    return f"{scheme[0]}{slashes}{user}{at}{host}"


def mask_path(value: str) -> str:
    """A URL whose path is a secret, for people to read: only its scheme and its host."""
    return re.sub(r"(://[^/?#]*)[/?#].+", r"\1/***", mask_uri(value))


def mask_uris(value: object) -> object:
    """Any value for people to read: each URI in it is masked, in texts and lists of texts."""
    if isinstance(value, str):
        return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", lambda match: mask_uri(match[0]), value)
    if isinstance(value, (list, tuple)):
        return [mask_uris(part) for part in value]
    return value if isinstance(value, (bool, int, float)) else f"a {type(value).__name__}"
