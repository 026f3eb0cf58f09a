"""The document of a target in MongoDB: its key, its fields, the counts in it, and how they are written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bson import Int64
from pymongo.errors import OperationFailure

from ..backend import Counts

__all__ = ["counts_of", "field_of", "key_of", "update_of", "upsert"]

T = TypeVar("T")

_TRIES = 5
_DUPLICATE_KEY = 11000


def key_of(instance: str | None, target: str) -> bytes:
    """The ``_id``: 20 bytes of digest, because visitors choose targets and must not find a collision."""
    return hashlib.blake2b(f"{instance or ''}\0{target}".encode(), digest_size=20).digest()


def update_of(instance: str | None, target: str, operator: str, counts: Counts) -> dict[str, Any]:
    """An update of a target's document, which may create it.

    Args:
        instance, target: whose document it is.
        operator: what is done with the counts, such as ``$inc``.
        counts: the counts.

    Raises:
        ValueError: an emoji cannot be the name of a field, so it is not one.
    """
    return {
        operator: {field_of(emoji): Int64(count) for emoji, count in counts.items()},
        "$setOnInsert": {"i": instance or "", "target": target},
    }


def upsert(work: Callable[[], T]) -> T:
    """Do something that may create documents, again where another process creates one at the same moment.

    Raises:
        PyMongoError: any other failure.
    """
    for turn in range(_TRIES):
        try:
            return work()
        except OperationFailure as error:
            # Of a bulk write each failure has its own code.
            failures = (error.details or {}).get("writeErrors") or [{"code": error.code}]
            if turn + 1 == _TRIES or any(each["code"] != _DUPLICATE_KEY for each in failures):
                raise
    raise AssertionError


def field_of(emoji: str) -> str:
    """The field that counts an emoji; a ValueError if it cannot be the name of one."""
    if not emoji or "." in emoji or "\0" in emoji or emoji.startswith("$"):
        raise ValueError(f"{emoji!r} cannot be the name of a field in MongoDB: expected a canonical emoji")
    return f"c.{emoji}"


def counts_of(row: Mapping[str, Any] | None) -> Counts:
    """The counts in a document; ``{}`` if there is none."""
    found: Mapping[str, int] = (row or {}).get("c") or {}
    return {emoji: int(count) for emoji, count in found.items()}
