"""What a target, and what else is kept, takes in each storage."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bson
import pymongo
import valkey

from openheart.storage import Movable, get_backend
from openheart.storage.backend import Change
from openheart.storage.capabilities import movable
from openheart.storage.mongodb.backend import COLLECTION

from .engine_ways import INSTANCE, page_name
from .load import EMOJI

__all__ = ["KINDS", "Size", "mongodb_sizes", "sqlite_sizes", "valkey_sizes"]

KINDS = (1, 3, 8)
"""How many different emoji the measured targets have."""

CHUNK = 500  # targets of one write
ALL_EMOJI = (*EMOJI, "🚀", "🐈")
COUNT = 1234  # of each emoji


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of one thing.

    Attributes:
        what: what it is.
        bytes: for each number of KINDS the bytes; None where it was not measured.
    """

    what: str
    bytes: tuple[float | None, ...]


def valkey_sizes(uri: str, targets: int) -> list[Size]:
    """Measure on an empty Valkey server, which is empty again afterwards.

    Args:
        uri: the server.
        targets: over how many targets the means go.
    """
    address = urlsplit(uri)
    hashes, nonces, both, bare = [], [], [], []
    with valkey.Valkey(address.hostname or "", address.port or 0) as client:
        for kinds in KINDS:
            client.execute_command("FLUSHALL SYNC")
            before = _used(client)
            with movable(get_backend(uri, instance=INSTANCE)) as backend:
                _write(backend, targets, kinds)
            both.append((_used(client) - before) / targets)
            keys = [*client.scan_iter("openheart:*", count=1000)]
            targets_of = [key for key in keys if key.endswith(b"}")]
            hashes.append(_mean_usage(client, targets_of))
            nonces.append(_mean_usage(client, [key for key in keys if not key.endswith(b"}")]))
            for key in targets_of:
                client.delete(key)
            bare.append((_used(client) - before) / targets)
        client.execute_command("FLUSHALL SYNC")
    return [
        Size("Valkey: a target's hash (MEMORY USAGE)", tuple(hashes)),
        Size("Valkey: a nonce (MEMORY USAGE)", tuple(nonces)),
        Size("Valkey: used_memory for a target and a nonce", tuple(both)),
        Size("Valkey: used_memory for a nonce", tuple(bare)),
    ]


def sqlite_sizes(folder: Path, targets: int) -> list[Size]:
    """Measure a SQLite file, in bytes of the file for each target.

    Args:
        folder: where the files are made.
        targets: over how many targets the means go.
    """
    sizes = []
    for kinds in KINDS:
        path = folder / f"sizes-{kinds}.db"
        with movable(get_backend(f"sqlite:///{path}")) as backend:
            _write(backend, targets, kinds)
        sizes.append(path.stat().st_size / targets)
    return [Size("SQLite: the file, for each target", tuple(sizes))]


def mongodb_sizes(uri: str, targets: int) -> list[Size]:
    """Measure the documents of openheart on an empty MongoDB server, which is empty again afterwards.

    Args:
        uri: the server.
        targets: has no effect: one document is as long as the next.
    """
    sizes = []
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        for kinds in KINDS:
            with movable(get_backend(uri, instance=INSTANCE)) as backend:
                _write(backend, 10, kinds)
            rows = client["openheart"][COLLECTION].find()
            sizes.append(statistics.fmean(len(bson.encode(row)) for row in rows))
            client["openheart"][COLLECTION].delete_many({})
    return [Size("MongoDB: a document (BSON), without its entries in two indexes", tuple(sizes))]


def _write(backend: Movable, targets: int, kinds: int) -> None:
    for start in range(0, targets, CHUNK):
        numbers = range(start, min(start + CHUNK, targets))
        backend.apply(
            [Change(page_name(number), emoji, COUNT) for number in numbers for emoji in ALL_EMOJI[:kinds]]
        )


def _used(client: valkey.Valkey) -> int:
    memory: Any = client.info("memory")
    return int(memory["used_memory"])


def _mean_usage(client: valkey.Valkey, keys: Sequence[bytes]) -> float:
    pipeline: Any = client.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key)
    return statistics.fmean(pipeline.execute())
