"""Counts in MongoDB: one document for each target, on one server, a replica set or a sharded cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

import pymongo
from bson import Int64
from pymongo.errors import PyMongoError

from ...errors import BackendError, BackendUnusable, OutcomeUnknown
from ...system.finding import Finding
from ...system.forks import PerProcess
from ..backend import Change, Counts, Listing
from ..combine import added_up, caps_of, counts_after_each
from ..cursor import after_prefix, read_cursor, write_cursor
from ..engine import IN_URI, Engine
from . import moves
from .adding import add
from .client import Collection, CollectionClient, database_named, database_of
from .document import counts_of, key_of
from .errors import reason_of
from .row import ROW

__all__ = ["COLLECTION", "MongoBackend"]

T = TypeVar("T")

COLLECTION = "openheart_reactions"
"""The collection, in the database that the URI names."""

_BATCH = 1000  # documents that are fetched at once when all are listed
_ROW = MappingProxyType({"target": 1, "c": 1})


class MongoBackend(Engine):
    """``mongodb://`` and ``mongodb+srv://``, with every option of MongoDB's connection strings.

    A document is ``{_id, i, target, c}``: the digest of instance and target, both of these, and the counts by
    emoji. Writes wait for the majority of a replica set, whatever the URI says.

    On a replica set and on a sharded cluster the driver repeats a write whose answer was lost, and the
    server counts it once. A standalone server cannot do that: there the write is OutcomeUnknown and is
    not repeated. ``exactly_once`` says which it is, once connected.

    Args:
        uri: a MongoDB connection string. Its database takes precedence over ``database``.
        instance: separates two instances in one collection.
        folder: has no effect.
        timeout: seconds that one call may take in all; ``timeoutMS`` in the URI takes precedence.
        pool: the most connections to each server; ``maxPoolSize`` in the URI takes precedence.
        database: used if the URI does not name one; ``openheart`` by default.
        kwargs: options of ``pymongo.MongoClient``, such as ``serverSelectionTimeoutMS=500``; they take
            precedence over the URI.

    Raises:
        ConfigError: the URI is not a connection string.
    """

    schemes = ("mongodb", "mongodb+srv")
    exactly_once = False
    settings = ROW.keywords
    driver = "pymongo.MongoClient"
    fixed = MappingProxyType(
        {
            "host": IN_URI,
            "port": IN_URI,
            "connect": False,
            "document_class": dict,
            "tz_aware": False,
            "type_registry": None,
            "event_listeners": None,
            "w": "majority",
            "j": None,
            "journal": None,
            "wTimeoutMS": None,
        }
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connected = False
        self._own = PerProcess(_OwnClient)

    def _use(
        self,
        uri: str,
        driver: dict[str, Any],
        *,
        timeout: float = 5.0,
        pool: int = 32,
        database: str | None = None,
    ) -> None:
        self.database = database_of(uri) or database_named(database) or "openheart"
        self._timeout = timeout
        self._pool = pool
        self._driver = driver

    def _try(self, uri: str, driver: dict[str, Any]) -> None:
        try:
            pymongo.MongoClient(connect=False, **driver).close()
        except PyMongoError as error:
            raise ValueError(reason_of(error)) from error

    def examine(self) -> Iterator[Finding]:
        command = f'sh.shardCollection("{self.database}.{COLLECTION}", {{ _id: "hashed" }})'
        yield Finding(
            "note",
            "A sharded cluster keeps all counts on one shard until the collection is sharded",
            f"if this is a sharded cluster, run once in mongosh: {command}",
        )
        if self.is_connected() and not self.exactly_once:
            yield Finding(
                "note",
                "A reaction whose answer from MongoDB is lost is counted once or not at all, because the "
                "server is standalone or the URI says retryWrites=false",
                "make it a replica set, even of one server; then such a reaction is counted once",
            )

    def _connect(self) -> None:
        own = self._own.here
        with own.opening:
            if own.client is None:
                own.client = self._open()
            self._connected = True

    def disconnect(self) -> None:
        own = self._own.here
        with own.opening:
            self._connected = False
            client, own.client = own.client, None
        if client is not None:
            client.close()

    def is_connected(self) -> bool:
        return self._connected

    def apply(self, changes: Sequence[Change]) -> list[Counts]:
        sums, caps = added_up(changes), caps_of(changes)
        counts: dict[str, Counts] = {}
        for target, added in sums.items():
            try:
                counts[target] = self._write(
                    partial(add, instance=self.instance, target=target, added=added, cap=caps[target])
                )
            except BackendError as error:
                if counts and not isinstance(error, OutcomeUnknown):
                    raise OutcomeUnknown(
                        f"{len(counts)} of {len(sums)} targets were stored, and then: {error.detail}"
                    ) from error
                raise
        return counts_after_each(changes, counts)

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        keys = {target: key_of(self.instance, target) for target in targets}
        wanted = list(keys.values())
        found = self._read(
            lambda reactions: {
                row["_id"]: row
                for row in reactions.find({"_id": {"$in": wanted}}, {"c": 1}, batch_size=len(wanted))
            }
        )
        return [counts_of(found.get(keys[target])) for target in targets]

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        wanted = self._wanted(prefix, "" if cursor is None else read_cursor(cursor))
        found = self._read(
            lambda reactions: [
                *reactions.find(wanted, _ROW, sort=[("target", 1)], limit=limit + 1, batch_size=limit + 1)
            ]
        )
        rows = [(row["target"], counts_of(row)) for row in found[:limit]]
        return Listing(rows, write_cursor(rows[-1][0]) if len(found) > limit else None)

    def iter_targets(self, prefix: str = "") -> Iterator[tuple[str, Counts]]:
        # One pass over the collection in its own order, which needs no sorting and no merging of shards.
        wanted = self._wanted(prefix)
        cursor = self._read(lambda reactions: reactions.find(wanted, _ROW, batch_size=_BATCH))
        try:
            while batch := self._read(lambda _: [*islice(cursor, _BATCH)]):
                for row in batch:
                    yield row["target"], counts_of(row)
        finally:
            cursor.close()

    def number_of_targets(self, prefix: str = "") -> int:
        # Without the documents that have no counts it could not be counted in the index alone.
        wanted = {name: value for name, value in self._wanted(prefix).items() if name != "c"}
        return self._read(lambda reactions: reactions.count_documents(wanted))

    def at_least(self, rows: Sequence[tuple[str, Counts]]) -> None:
        self._write(lambda reactions: moves.raise_counts(reactions, self.instance, rows))

    def delete(self, targets: Sequence[str]) -> None:
        self._write(lambda reactions: moves.delete(reactions, self.instance, targets))

    def rename(self, old: str, new: str) -> Counts:
        return self._write(lambda reactions: moves.rename(reactions, self.instance, old, new))

    def check(self) -> None:
        # No INSTANCE has this name, so no listing shows it, even if the process ends here.
        counts = {"\N{HEAVY BLACK HEART}": Int64(1)}
        row = {"_id": os.urandom(20), "i": "\0check", "target": "check", "c": counts}

        def probe(reactions: Collection) -> Mapping[str, Any] | None:
            reactions.insert_one(row)
            try:
                return reactions.find_one({"_id": row["_id"]})
            finally:
                reactions.delete_one({"_id": row["_id"]})

        if self._write(probe) != row:
            raise BackendUnusable(
                f"MongoDB does not return what was written to {self.database}.{COLLECTION}: "
                "read from the primary, without readPreference in OPENHEART_URI"
            )

    def _wanted(self, prefix: str, after: str = "") -> dict[str, Any]:
        between = {"$gte": prefix, "$gt": after}
        end = after_prefix(prefix)
        if end is not None:
            between["$lt"] = end
        return {"i": self.instance or "", "c": {"$exists": True}, "target": between}

    def _read(self, work: Callable[[Collection], T]) -> T:
        return (self._own.here.client or self._opened()).run(work, writes=False)

    def _write(self, work: Callable[[Collection], T]) -> T:
        return (self._own.here.client or self._opened()).run(work, writes=True)

    def _opened(self) -> CollectionClient:
        own = self._own.here
        with own.opening:
            self.require_connected()
            if own.client is None:
                # In a child, whose parent has made the index. It does not wait for a server here, because
                # the others would wait for this lock, and then for the server, one after the other.
                own.client = self._client()
            return own.client

    def _open(self) -> CollectionClient:
        client = self._client()
        try:
            self.exactly_once = client.open([("i", 1), ("target", 1)])
        except BaseException:
            client.close()
            raise
        return client

    def _client(self) -> CollectionClient:
        return CollectionClient(
            self.uri,
            self.database,
            COLLECTION,
            timeout=self._timeout,
            pool=self._pool,
            driver=self._driver,
        )


class _OwnClient:
    """What one process has of a backend: the threads and sockets of a client do not survive a fork."""

    def __init__(self) -> None:
        self.opening = threading.Lock()
        self.client: CollectionClient | None = None
