"""The client of one process for the counts in MongoDB: bounded in time and connections, with our errors."""

from __future__ import annotations

# Python imports it at the first look-up of a host. A child that is forked at that moment could not.
import encodings.idna  # noqa: F401
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

import pymongo
from pymongo import ReadPreference, monitoring
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri, split_options
from pymongo.write_concern import WriteConcern

from ...errors import BackendNotConnected, BackendUnavailable, ConfigError, OutcomeUnknown
from ...system.breaker import Breaker, Unavailable
from ...system.lifecycle import Lifecycle
from ...system.masks import mask_uri
from .errors import named_error, reason_of

__all__ = ["Collection", "CollectionClient", "database_named", "database_of", "hosts_of", "make_client"]

T = TypeVar("T")
Collection: TypeAlias = "pymongo.collection.Collection[dict[str, Any]]"
Client: TypeAlias = "pymongo.MongoClient[dict[str, Any]]"

_EXPECTED = "a MongoDB connection string such as mongodb://user:password@host:27017/database"
_NOT_IN_A_NAME = re.compile(r"""[/\\."$*<>:|?\s\0]""")
_WRITES = frozenset({"findAndModify", "insert", "update", "delete"})

LOOK = 0.5
"""Seconds for which one call waits for a server that is known to be unavailable; the driver may make it one
second."""


class CollectionClient:
    """One MongoClient, one collection, and what is known of the server.

    While no server accepts requests, one call at a time looks for one, briefly, and the others fail at once,
    so that the threads of a web server do not all wait. The driver keeps looking in the background.

    Args:
        uri: the connection string.
        database: the name of the database.
        collection: the name of the collection.
        timeout: seconds that one call may take.
        pool: the most connections to each server.
        driver: options of pymongo.MongoClient that take precedence over all others.

    Raises:
        ConfigError: the driver cannot use the URI.
    """

    def __init__(
        self,
        uri: str,
        database: str,
        collection: str,
        *,
        timeout: float,
        pool: int,
        driver: Mapping[str, Any],
    ) -> None:
        self._where = f"MongoDB at {hosts_of(uri)}"
        self._sent = _UnansweredWrites()
        self._client = make_client(
            uri,
            timeoutMS=timeout * 1000,
            serverSelectionTimeoutMS=timeout * 1000,
            connectTimeoutMS=timeout * 1000,
            maxPoolSize=pool,
            event_listeners=[self._sent],
            driver=driver,
        )
        self._collection: Collection = self._client[database].get_collection(
            collection, write_concern=WriteConcern("majority")
        )
        # For reads and for writes, which may need different servers.
        self._breakers = {writes: Breaker(2 * LOOK, failures=1) for writes in (False, True)}
        self._timeout = timeout
        self._life = Lifecycle(BackendNotConnected)

    def open(self, index: Sequence[tuple[str, int]]) -> bool:
        """Wait for a server that accepts writes, and create the index if there is none.

        Returns:
            Whether a write whose answer was lost is repeated and counted once.

        Raises:
            BackendError: there is no such server, or it refuses.
        """
        self.run(lambda collection: collection.create_index(index), writes=True)
        servers = self._client.topology_description.server_descriptions().values()
        return self._client.options.retry_writes and any(
            server.is_writable and server.retryable_writes_supported for server in servers
        )

    def run(self, work: Callable[[Collection], T], *, writes: bool) -> T:
        """Do something with the collection.

        Args:
            work: what to do; whatever it writes may be counted once or not at all when it fails.
            writes: whether it needs a server that accepts writes.

        Raises:
            OutcomeUnknown: a write was sent and its answer was lost.
            BackendError: any other failure; nothing was written.
        """
        breaker = self._breakers[writes]
        with self._life:
            if breaker.is_open and not self._is_there(writes):
                self._look(breaker, writes)
            self._sent.unanswered = 0
            try:
                result = work(self._collection)
            except PyMongoError as error:
                named = named_error(error, self._where, writes=writes, unanswered=self._sent.unanswered > 0)
                if not self._life.is_open and not isinstance(named, OutcomeUnknown):
                    raise BackendNotConnected from error
                if isinstance(error, ServerSelectionTimeoutError):
                    breaker.failed(named.detail)
                raise named from error
            breaker.worked()
            return result

    def close(self) -> None:
        """Wait for running calls, as long as one may take, then close the connections."""
        self._life.close(self._timeout)
        self._client.close()

    def _look(self, breaker: Breaker, writes: bool) -> None:
        try:
            breaker.admit()
        except Unavailable as error:
            raise BackendUnavailable(str(error)) from None
        if not self._answers(writes):
            breaker.failed(breaker.why)
            raise BackendUnavailable(breaker.why)

    def _answers(self, writes: bool) -> bool:
        preference = ReadPreference.PRIMARY if writes else self._collection.read_preference
        try:
            with pymongo.timeout(LOOK):
                self._client.admin.command("ping", read_preference=preference)
        except ServerSelectionTimeoutError:
            return self._is_there(writes)
        except PyMongoError:
            # A server that refuses or is slow is available, and the call itself gets its error.
            return True
        return True

    def _is_there(self, writes: bool) -> bool:
        servers = self._client.topology_description
        if writes:
            return servers.has_writable_server()
        return servers.has_readable_server(self._collection.read_preference)


class _UnansweredWrites(threading.local, monitoring.CommandListener):
    """Counts, for each thread, the writes that were sent and not answered: the driver's errors do not say."""

    unanswered = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in _WRITES:
            self.unanswered += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        if event.command_name in _WRITES:
            self.unanswered -= 1

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        # A failure reported by the server has no errtype; the driver adds it for a lost connection.
        if event.command_name in _WRITES and "errtype" not in event.failure:
            self.unanswered -= 1


def make_client(
    uri: str,
    *,
    key: str = "OPENHEART_URI",
    source: str = "the URI given",
    driver: Mapping[str, Any] = MappingProxyType({}),
    **options: Any,
) -> Client:
    """Make a client that connects at first use.

    Args:
        uri: the connection string.
        key: the setting that holds the URI.
        source: where that setting came from.
        driver: options of pymongo.MongoClient that take precedence over the URI.
        options: further ones, over which the URI takes precedence.

    Raises:
        ConfigError: the driver cannot use the URI.
    """
    database_of(uri, key=key, source=source)
    given = {pair.partition("=")[0].lower() for pair in uri.partition("?")[2].split("&")}
    given |= {name.lower() for name in driver}
    wanted = {"appname": "openheart", **options}
    chosen = {name: value for name, value in wanted.items() if name.lower() not in given}
    try:
        return pymongo.MongoClient(uri, connect=False, **chosen, **driver)
    except (PyMongoError, ValueError, TypeError) as error:
        refusal = _refusal(error, uri, key, source)
    # Raised outside the except block, because the driver's error may quote the password.
    raise refusal


def database_of(uri: str, *, key: str = "OPENHEART_URI", source: str = "the URI given") -> str | None:
    """The database that a connection string names, or None.

    Args:
        uri: the connection string.
        key: the setting that holds it.
        source: where that setting came from.

    Raises:
        ConfigError: it is not a connection string, or has an option that the driver does not know, and
            would ignore with a warning.
    """
    name = unquote(_authority(uri).rpartition("@")[2].partition("/")[2])
    if not hosts_of(uri) or _NOT_IN_A_NAME.search(name):
        raise ConfigError(key, mask_uri(uri), source, _EXPECTED)
    try:
        if options := uri.partition("?")[2]:
            split_options(options, warn=False)
        if uri.lower().startswith("mongodb:"):
            parse_uri(uri, warn=False)
    except (PyMongoError, ValueError, TypeError) as error:
        refusal = _refusal(error, uri, key, source)
    else:
        return name or None
    raise refusal


def database_named(name: str | None) -> str | None:
    """The name of a database, as given.

    Raises:
        ConfigError: it is not valid as the name of a MongoDB database.
    """
    if name is not None and (not name or _NOT_IN_A_NAME.search(name)):
        raise ConfigError("MONGO_DATABASE", name, "the name given", "a name without dots, slashes and spaces")
    return name


def hosts_of(uri: str) -> str:
    """The servers that a connection string names, without user and password."""
    return _authority(uri).rpartition("@")[2].partition("/")[0]


def _authority(uri: str) -> str:
    return uri.partition("://")[2].partition("?")[0]


def _refusal(error: Exception, uri: str, key: str, source: str) -> ConfigError:
    text = reason_of(error)
    password = _authority(uri).rpartition("@")[0].partition(":")[2]
    for secret in filter(None, {password, unquote(password), *re.split("[@:/]", password)}):
        text = text.replace(secret, "***")
    return ConfigError(key, mask_uri(uri), source, f"{_EXPECTED}; the driver says: {text}")
