"""The document of a target in MongoDB: its key, its fields, and the counts in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ..backend import Counts

__all__ = ["counts_of", "field_of", "key_of"]


def key_of(instance: str | None, target: str) -> bytes:
    """The ``_id``: 20 bytes of digest, because visitors choose targets and must not find a collision."""
    return hashlib.blake2b(f"{instance or ''}\0{target}".encode(), digest_size=20).digest()


def field_of(emoji: str) -> str:
    """The field of an emoji's count, such as ``c.🥨``.

    Raises:
        ValueError: it cannot be the name of a field, so it is not an emoji.
    """
    if not emoji or "." in emoji or "\0" in emoji or emoji.startswith("$"):
        raise ValueError(f"{emoji!r} cannot be the name of a field in MongoDB: expected a canonical emoji")
    return f"c.{emoji}"


def counts_of(row: Mapping[str, Any] | None) -> Counts:
    """The counts in a document; ``{}`` if there is none."""
    found: Mapping[str, int] = (row or {}).get("c") or {}
    return {emoji: int(count) for emoji, count in found.items()}
