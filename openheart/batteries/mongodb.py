"""The MongoDB of the application: ``openheart.mongodb.get_connection()`` and ``get_db()``."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from flask import Flask

from ..config import MONGO_DATABASE, MONGOHQ_URL, OPENHEART_URI, Config, mask_uri
from ..errors import ConfigError, MissingDependency
from ..state import app_of, state_of

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.database import Database

    Client: TypeAlias = MongoClient[dict[str, Any]]

__all__ = ["close", "get_connection", "get_db"]

EXTENSION = "openheart.mongodb"
"""Where the client is kept, in ``app.extensions``."""


def get_connection(app: Flask | None = None) -> Client:
    """The application's own MongoDB client, made at first use and shared by its threads.

    It connects to MONGOHQ_URL, or to OPENHEART_URI where that is a MongoDB and MONGOHQ_URL is unset. Its
    options are those of the URI and the driver's own; the counts have another client. After a fork the
    child gets one of its own.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.

    Raises:
        ConfigError: no MongoDB is configured, its URI cannot be used, or the driver is not installed.
        OpenHeartError: there is no application.
    """
    app = app_of(app)
    holder: _Holder = app.extensions.setdefault(EXTENSION, _Holder())
    return holder.client(state_of(app).config)


def get_db(name: str | None = None, app: Flask | None = None) -> Database[dict[str, Any]]:
    """A database of the application's own client.

    Args:
        name: its name; by default the one in the URI, else ``load(mongo_database=)`` (MONGO_DATABASE), else
            ``openheart``.
        app: as in ``get_connection``.

    Raises:
        ConfigError, OpenHeartError: as in ``get_connection``.
    """
    client = get_connection(app)
    if name is not None:
        return client[name]
    return client.get_default_database(state_of(app).config[MONGO_DATABASE] or "openheart")


def close(app: Flask) -> None:
    """Close the application's client, if it was used; the next use makes a new one."""
    holder = app.extensions.get(EXTENSION)
    if holder is not None:
        holder.close()


class _Holder:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._client: Client | None = None

    def client(self, config: Config) -> Client:
        if self._pid != os.getpid():
            # The parent's client has its threads there, and its lock may have been held during the fork.
            self._lock, self._pid, self._client = threading.Lock(), os.getpid(), None
        with self._lock:
            if self._client is None:
                self._client = _make(config)
            return self._client

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None and self._pid == os.getpid():
            client.close()


def _make(config: Config) -> Client:
    uri, key, source = _uri(config)
    try:
        from ..storage.mongodb_client import make_client
    except ModuleNotFoundError as error:
        expected = f"{error.name} to be installed: pip install 'openheart[mongodb]'"
        raise MissingDependency(key, mask_uri(uri), source, expected) from None
    return make_client(uri, key=key, source=source)


def _uri(config: Config) -> tuple[str, str, str]:
    for option in (MONGOHQ_URL, OPENHEART_URI):
        uri = config[option]
        if uri is not None and uri.lower().startswith(("mongodb:", "mongodb+srv:")):
            return uri, option.name, config.source(option)
    value = config[MONGOHQ_URL]
    expected = "a MongoDB connection string such as mongodb://localhost:27017/name, for openheart.mongodb"
    shown = None if value is None else mask_uri(value)
    raise ConfigError(MONGOHQ_URL.name, shown, config.source(MONGOHQ_URL), expected)
