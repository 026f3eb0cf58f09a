"""The ways to count one reaction on a server: through openheart's storage, and by the driver alone."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pymongo
import valkey
from valkey.cluster import ClusterNode, ValkeyCluster

from openheart.storage import get_backend
from openheart.storage.backend import Change
from openheart.storage.capabilities import movable
from openheart.storage.combine import HotPages

from .load import EMOJI

__all__ = [
    "ADDING_UP",
    "INSTANCE",
    "MONGODB_WAYS",
    "ONE_PIPELINE",
    "OURS",
    "VALKEY_WAYS",
    "Driver",
    "Way",
    "page_name",
]

OURS = "openheart"
ADDING_UP = "openheart, adding up"
ONE_PIPELINE = "valkey-py, one pipeline"
INSTANCE = "benchmarks"
"""The INSTANCE under which openheart keeps its counts here."""

CHUNK = 1000  # pages that are read and filled in one go
FILLERS = 8  # threads that fill pages where the server takes them one by one


class Driver(abc.ABC):
    """One way to count, open on one server, used from many threads.

    Args:
        uri: the server, as in OPENHEART_URI.
    """

    @abc.abstractmethod
    def __init__(self, uri: str) -> None: ...

    @abc.abstractmethod
    def react(self, page: int, emoji: str) -> object:
        """Add one reaction to the page with this number, and get its counts."""

    @abc.abstractmethod
    def fill(self, pages: int) -> None:
        """Give each of so many pages one reaction."""

    @abc.abstractmethod
    def stored(self, pages: int) -> int:
        """The sum of all counts of so many pages."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Way:
    """A contender.

    Attributes:
        name: what tables call it.
        store: ways with the same one count in the same place.
        open: makes the driver, given the server's URI.
    """

    name: str
    store: str
    open: Callable[[str], Driver]


def page_name(number: int) -> str:
    """The target of the page with this number; about as long as addresses of posts are."""
    return f"www.example.org/2026/a-post-of-usual-length-{number:06d}"


class Openheart(Driver):
    """``Backend.incr``, as the storage is without the layer above it."""

    def __init__(self, uri: str) -> None:
        self._backend = movable(get_backend(uri, instance=INSTANCE)).__enter__()

    def react(self, page: int, emoji: str) -> object:
        return self._backend.incr(page_name(page), emoji)

    def fill(self, pages: int) -> None:
        with ThreadPoolExecutor(FILLERS) as threads:
            list(threads.map(self._fill, _chunks(pages, CHUNK // FILLERS)))

    def stored(self, pages: int) -> int:
        chunks = (self._backend.counts([page_name(page) for page in chunk]) for chunk in _chunks(pages))
        return sum(sum(counts.values()) for chunk in chunks for counts in chunk)

    def close(self) -> None:
        self._backend.disconnect()

    def _fill(self, chunk: range) -> None:
        self._backend.apply([Change(page_name(page), EMOJI[0]) for page in chunk])


class AddingUp(Openheart):
    """The same with reactions to a hot page added up, as ``Service`` does it."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._pages = HotPages(self._backend.apply)

    def react(self, page: int, emoji: str) -> object:
        return self._pages.incr(page_name(page), emoji)


class TwoCalls(Driver):
    """valkey-py: HINCRBY, and when it is answered HGETALL. Nothing is repeated, and no nonce is kept."""

    def __init__(self, uri: str) -> None:
        address = urlsplit(uri)
        hosts = [place.rsplit(":", 1) for place in address.netloc.split(",")]
        self._client: Any
        if address.scheme.endswith("+cluster"):
            made: Any = ClusterNode  # without types
            self._client = ValkeyCluster(startup_nodes=[made(host, int(port)) for host, port in hosts])
        else:
            self._client = valkey.Valkey(hosts[0][0], int(hosts[0][1]))

    def react(self, page: int, emoji: str) -> object:
        key = f"bare:{page_name(page)}"
        self._client.hincrby(key, emoji, 1)
        return self._client.hgetall(key)

    def fill(self, pages: int) -> None:
        for chunk in _chunks(pages):
            pipeline = self._client.pipeline(transaction=False)
            for page in chunk:
                pipeline.hincrby(f"bare:{page_name(page)}", EMOJI[0], 1)
            pipeline.execute()

    def stored(self, pages: int) -> int:
        total = 0
        for chunk in _chunks(pages):
            pipeline = self._client.pipeline(transaction=False)
            for page in chunk:
                pipeline.hvals(f"bare:{page_name(page)}")
            total += sum(int(count) for counts in pipeline.execute() for count in counts)
        return total

    def close(self) -> None:
        self._client.close()


class OnePipeline(TwoCalls):
    """valkey-py: both commands in one pipeline without a transaction, so in one round trip."""

    def react(self, page: int, emoji: str) -> object:
        key = f"bare:{page_name(page)}"
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hincrby(key, emoji, 1)
        pipeline.hgetall(key)
        return pipeline.execute()


class FindOneAndUpdate(Driver):
    """PyMongo: one ``find_one_and_update``, with the same write concern as openheart."""

    def __init__(self, uri: str) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri, w="majority")
        self._pages = self._client["bare"]["pages"]

    def react(self, page: int, emoji: str) -> object:
        return self._pages.find_one_and_update(
            {"_id": page_name(page)},
            {"$inc": {f"c.{emoji}": 1}},
            projection={"c": 1},
            upsert=True,
            return_document=pymongo.ReturnDocument.AFTER,
        )

    def fill(self, pages: int) -> None:
        for chunk in _chunks(pages):
            self._pages.insert_many([{"_id": page_name(page), "c": {EMOJI[0]: 1}} for page in chunk])

    def stored(self, pages: int) -> int:
        return sum(sum(row["c"].values()) for row in self._pages.find({}, {"c": 1}))

    def close(self) -> None:
        self._client.close()


# The yardstick is first.
VALKEY_WAYS = (
    Way("valkey-py, two calls", "bare", TwoCalls),
    Way(ONE_PIPELINE, "bare", OnePipeline),
    Way(OURS, "openheart", Openheart),
    Way(ADDING_UP, "openheart", AddingUp),
)
MONGODB_WAYS = (
    Way("PyMongo, find_one_and_update", "bare", FindOneAndUpdate),
    Way(OURS, "openheart", Openheart),
    Way(ADDING_UP, "openheart", AddingUp),
)


def _chunks(pages: int, size: int = CHUNK) -> Iterator[range]:
    return (range(start, min(start + size, pages)) for start in range(0, pages, size))
