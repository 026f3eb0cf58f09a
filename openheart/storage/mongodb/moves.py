"""Moving data in MongoDB without transactions: each step changes one document and can be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import DeleteOne, UpdateOne

from ..backend import Counts
from .client import Collection
from .document import counts_of, key_of, update_of, upsert

__all__ = ["delete", "raise_counts", "rename"]

_MERGES_KEPT = 100  # how many of the latest merges a document remembers, 12 bytes each


def raise_counts(reactions: Collection, instance: str | None, rows: Sequence[tuple[str, Counts]]) -> None:
    """See ``Movable.at_least``: repeating ``$max`` changes nothing."""
    changes = [
        UpdateOne(
            {"_id": key_of(instance, target)},
            update_of(instance, target, "$max", counts),
            upsert=True,
        )
        for target, counts in rows
        if counts
    ]
    if changes:
        upsert(lambda: reactions.bulk_write(changes, ordered=False))


def delete(reactions: Collection, instance: str | None, targets: Sequence[str]) -> None:
    """See ``Movable.delete``."""
    if targets:
        reactions.bulk_write(
            [DeleteOne({"_id": key_of(instance, target)}) for target in targets], ordered=False
        )


def rename(reactions: Collection, instance: str | None, old: str, new: str) -> Counts:
    """See ``Movable.rename``.

    The counts of the old document move, atomically, into its field ``moving``, with an id of this move. They
    are added to the new document unless that remembers the id. Then ``moving`` is removed. A move that a
    failed call left behind is finished first.
    """
    _finish(reactions, instance, old)
    reactions.update_one(
        {"_id": key_of(instance, old), "moving": {"$exists": False}, "c": {"$exists": True}},
        {"$rename": {"c": "moving.c"}, "$set": {"moving.id": ObjectId(), "moving.to": new}},
    )
    _finish(reactions, instance, old)
    return counts_of(reactions.find_one({"_id": key_of(instance, new)}, {"c": 1}))


def _finish(reactions: Collection, instance: str | None, old: str) -> None:
    key = key_of(instance, old)
    row = reactions.find_one({"_id": key}, {"moving": 1})
    moving = (row or {}).get("moving")
    if moving is None:
        return
    _merge(reactions, instance, moving)
    this_move = {"_id": key, "moving.id": moving["id"]}
    # A document that remembers merges stays, without counts, so that none of them is repeated.
    gone = reactions.delete_one({**this_move, "c": {"$exists": False}, "merged": {"$exists": False}})
    if not gone.deleted_count:
        reactions.update_one(this_move, {"$unset": {"moving": ""}})


def _merge(reactions: Collection, instance: str | None, moving: Mapping[str, Any]) -> None:
    target = moving["to"]
    key, identity = key_of(instance, target), moving["id"]
    update = {
        **update_of(instance, target, "$inc", counts_of(moving)),
        "$push": {"merged": {"$each": [identity], "$slice": -_MERGES_KEPT}},
    }

    def merge() -> None:
        if reactions.find_one({"_id": key, "merged": identity}, {"_id": 1}) is None:
            # Still not twice: if another process merges it first, this is a duplicate key.
            reactions.update_one({"_id": key, "merged": {"$ne": identity}}, update, upsert=True)

    upsert(merge)
