"""Moving data in MongoDB without transactions: each step changes one document and can be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Int64, ObjectId
from pymongo import DeleteOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..backend import Counts
from .client import Collection
from .document import counts_of, field_of, key_of

__all__ = ["delete", "raise_counts", "rename"]

_TRIES = 5
_MERGES_KEPT = 100  # how many of the latest merges a document remembers, 12 bytes each
_DUPLICATE_KEY = 11000


def raise_counts(reactions: Collection, instance: str | None, rows: Sequence[tuple[str, Counts]]) -> None:
    """See ``Backend.at_least``: repeating ``$max`` changes nothing."""
    changes = [
        UpdateOne(
            {"_id": key_of(instance, target)},
            {
                "$max": {field_of(emoji): Int64(count) for emoji, count in counts.items()},
                "$setOnInsert": {"i": instance or "", "target": target},
            },
            upsert=True,
        )
        for target, counts in rows
        if counts
    ]
    for turn in range(_TRIES if changes else 0):
        try:
            reactions.bulk_write(changes, ordered=False)
        except BulkWriteError as error:
            # Another process created a document at the same moment, so now it exists.
            failures = error.details.get("writeErrors") or [{}]
            if turn + 1 == _TRIES or any(each.get("code") != _DUPLICATE_KEY for each in failures):
                raise
        else:
            return


def delete(reactions: Collection, instance: str | None, targets: Sequence[str]) -> None:
    """See ``Backend.delete``."""
    if targets:
        reactions.bulk_write(
            [DeleteOne({"_id": key_of(instance, target)}) for target in targets], ordered=False
        )


def rename(reactions: Collection, instance: str | None, old: str, new: str) -> Counts:
    """See ``Backend.rename``.

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
        "$inc": {field_of(emoji): Int64(count) for emoji, count in counts_of(moving).items()},
        "$push": {"merged": {"$each": [identity], "$slice": -_MERGES_KEPT}},
        "$setOnInsert": {"i": instance or "", "target": target},
    }
    for turn in range(_TRIES):
        try:
            reactions.update_one({"_id": key, "merged": {"$ne": identity}}, update, upsert=True)
        except DuplicateKeyError:
            # The document exists: it remembers this merge, or another process created it at the same moment.
            if reactions.find_one({"_id": key, "merged": identity}, {"_id": 1}) is not None:
                return
            if turn + 1 == _TRIES:
                raise
        else:
            return
