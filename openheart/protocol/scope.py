"""Targets of tenants: ``-/t/<tenant>/<target>``, which cannot be written as an address or as another target.

A first segment ``-`` is refused in every target from outside (``canonical_target``), so these can only be
reached through their tenant.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal
from urllib.parse import quote, unquote

from ..errors import InvalidTarget
from .target import MAX_TARGET_BYTES, canonical_target, target_from_url

__all__ = ["MAX_TENANT_BYTES", "RESERVED", "is_scoped", "scope_of", "scoped_target", "stored_target"]

MAX_TENANT_BYTES = 256
"""The longest tenant as it is written in a target, in bytes."""

RESERVED = "-/"
"""What the targets of all tenants start with."""

_SCOPED = re.compile(r"(-/[tu]/([^/]+)/)(.*)", re.DOTALL)


def scope_of(kind: Literal["tenant", "user"], name: str) -> str:
    """What the targets of a tenant start with; different names never give the same.

    Args:
        kind: whether it is the name of a tenant, or of a user who is a tenant alone.
        name: any text; it is not normalized, neither its case nor look-alike characters.

    Raises:
        ValueError: it is empty or blank, holds an unpaired surrogate, or is longer than MAX_TENANT_BYTES.
    """
    if not name.strip():
        raise ValueError("it is empty")
    try:
        written = quote(name, safe="")
    except UnicodeEncodeError:
        raise ValueError("it holds an unpaired surrogate") from None
    if len(written) > MAX_TENANT_BYTES:
        raise ValueError(f"it is longer than {MAX_TENANT_BYTES} bytes, percent-encoded")
    if not written.strip("."):
        # Not a dot segment, which a client might resolve.
        written = written.replace(".", "%2E")
    return f"{RESERVED}{kind[0]}/{written}/"


def scoped_target(scope: str, target: str, query: Collection[str] = ()) -> str:
    """The target of a tenant, as it is stored.

    Args:
        scope: from ``scope_of``.
        target: the target in its decoded form, as the tenant knows it.
        query: as in ``canonical_target``.

    Raises:
        InvalidTarget: it is not valid, or too long together with its tenant.
    """
    stored = scope + canonical_target(target, query).removeprefix("/")
    if len(stored.encode()) > MAX_TARGET_BYTES:
        raise InvalidTarget(
            f"The target is longer than {MAX_TARGET_BYTES} bytes with its tenant: choose a shorter one"
        )
    return stored


def is_scoped(target: str) -> bool:
    """Whether a stored target is one of a tenant."""
    return target.startswith(RESERVED)


def stored_target(text: str, query: Collection[str] = ()) -> str:
    """Read a target from an operator: as in a URL, or one of a tenant as it is stored.

    Args:
        text: what the operator wrote.
        query: the names of the parameters that tell pages apart (OPENHEART_QUERY).

    Raises:
        InvalidTarget: it is neither, or a URL with other parameters, which would be cut.
    """
    if not is_scoped(text):
        return target_from_url(text, query, strict=True)
    found = _SCOPED.fullmatch(text)
    if found is not None:
        kind: Literal["tenant", "user"] = "tenant" if text[2] == "t" else "user"
        try:
            scope = scope_of(kind, unquote(found[2], errors="strict"))
        except ValueError:
            scope = ""
        if scope == found[1] and scoped_target(scope, found[3]) == text:
            return text
    raise InvalidTarget("A target of a tenant is written as it is stored: -/t/<tenant>/<target>")
