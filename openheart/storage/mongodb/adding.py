"""Adds to the counts of one document in MongoDB, and keeps the limit of its different emoji."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import Int64
from pymongo import ReturnDocument

from ..backend import Cap, Counts
from .client import Collection
from .document import counts_of, field_of, key_of, update_of, upsert

__all__ = ["add"]


def add(
    reactions: Collection, *, instance: str | None, target: str, added: Counts, cap: Cap | None
) -> Counts:
    """Add to the counts of a target in one atomic step.

    Args:
        reactions: the collection.
        instance, target: whose document it is.
        added: emoji -> number.
        cap: how many different emoji the target may have; None is any number.

    Returns:
        The counts after it. An emoji that would have been one too many was not added, and is not in them.
    """
    key = key_of(instance, target)
    update = update_of(instance, target, "$inc", added)
    counted = [field_of(emoji) for emoji in added if cap is not None and emoji not in cap.free]

    def attempt() -> Mapping[str, Any] | None:
        # Mostly they are all there, and then the limit does not matter.
        there = {field: {"$exists": True} for field in counted}
        return _update(reactions, {"_id": key, **there}, update, upsert=not counted)

    row = upsert(attempt)
    while row is None and cap is not None:
        row = upsert(lambda: _admit(reactions, instance, target, added, cap))
    return counts_of(row)


def _admit(
    reactions: Collection, instance: str | None, target: str, added: Counts, cap: Cap
) -> Mapping[str, Any] | None:
    """Add the emoji that have room; None if another process admitted one meanwhile."""
    key = key_of(instance, target)
    found = reactions.find_one({"_id": key}, {"c": 1, "admitted": 1}) or {}
    counts = counts_of(found)
    taken: Counts = {}
    for emoji, number in added.items():
        if not cap.refuses(emoji, {**counts, **taken}):
            taken[emoji] = number
    if not taken:
        return found
    update = update_of(instance, target, "$inc", taken)
    update["$inc"]["admitted"] = Int64(1)
    # Each admission changes this number, so that none is decided on counts which another one has changed.
    seen = found.get("admitted", {"$exists": False})
    return _update(reactions, {"_id": key, "admitted": seen}, update, upsert="_id" not in found)


def _update(
    reactions: Collection, wanted: Mapping[str, Any], update: Mapping[str, Any], *, upsert: bool
) -> Mapping[str, Any] | None:
    return reactions.find_one_and_update(
        wanted, update, projection={"c": 1}, upsert=upsert, return_document=ReturnDocument.AFTER
    )
