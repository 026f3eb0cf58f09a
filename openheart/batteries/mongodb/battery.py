"""The MongoDB of the application: ``openheart.mongodb.get_connection()`` and ``get_db()``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from flask import Flask

from ...errors import BatteryUnavailable
from ...settings.config import INSTANCE, OPENHEART_URI, Config
from ...storage.mongodb.row import MONGO_DATABASE
from ...system.masks import mask_uri
from ..battery import Battery, battery_of
from .row import MONGOHQ_URL, ROW

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.database import Database

    Client: TypeAlias = MongoClient[dict[str, Any]]

__all__ = ["Mongodb", "database_name", "get_connection", "get_db"]

CHECK_TIME = 5.0  # seconds
LOOK_TIME = 1.0  # seconds

LONGEST_NAME = 63
"""Bytes that the name of a database may have."""


def get_connection(app: Flask | None = None) -> Client:
    """The application's own MongoDB client, made at first use and shared by its threads.

    It connects to MONGOHQ_URL, or to OPENHEART_URI if that is a MongoDB and MONGOHQ_URL is unset. Its
    options are those of the URI and the driver's defaults; the counts use another client. After a fork the
    child gets its own.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.

    Raises:
        ConfigError: no MongoDB is configured, its URI cannot be used, or the driver is not installed.
        OpenHeartError: there is no application.
    """
    return battery_of(Mongodb, app).resource


def get_db(name: str | None = None, app: Flask | None = None) -> Database[dict[str, Any]]:
    """A database of the application's own client.

    Args:
        name: its name, which is used as it is; by default the one in the URI, else ``load(mongo_database=)``
            (MONGO_DATABASE), else ``openheart``. If INSTANCE is set, ``-<INSTANCE>`` follows that.
        app: as in ``get_connection``.

    Raises:
        ConfigError, OpenHeartError: as in ``get_connection``.
    """
    battery = battery_of(Mongodb, app)
    return battery.resource[database_name(battery.config) if name is None else name]


def database_name(config: Config) -> str:
    """The name of the database that ``get_db()`` returns by default; connects to nothing.

    Raises:
        ConfigError: no MongoDB is configured, its URI cannot be used, or INSTANCE makes the name too long.
    """
    plain, instance = _name_without_instance(config), config[INSTANCE]
    if instance is None:
        return plain
    # MongoDB allows no dot in it, and INSTANCE no plus.
    name = f"{plain}-{instance.replace('.', '+')}"
    if len(name.encode()) > LONGEST_NAME:
        expected = f"a shorter one: MongoDB's longest name is {LONGEST_NAME} bytes, and {name} is longer"
        raise config.refusal(INSTANCE, expected)
    return name


def _name_without_instance(config: Config) -> str:
    from ...storage.mongodb.client import database_of

    uri, key, source = _uri(config)
    return database_of(uri, key=key, source=source) or config[MONGO_DATABASE] or "openheart"


class Mongodb(Battery["Client"]):
    """The client of an application.

    Attributes:
        before_shut: called before the client is closed, for code that has to drop its reference then.
    """

    row = ROW
    before_shut: Callable[[], None] | None = None

    @property
    def uri(self) -> str:
        """The URI that it connects to."""
        return _uri(self.config)[0]

    def open(self) -> Client:
        from ...storage.mongodb.client import make_client

        uri, key, source = _uri(self.config)
        # The driver's own default refuses UUIDs.
        client = make_client(uri, key=key, source=source, uuidRepresentation="standard")
        if self.config[INSTANCE] is not None:
            self._warn_of_data_without_instance(client)
        return client

    def shut(self, resource: Client) -> None:
        if self.before_shut is not None:
            self.before_shut()
        resource.close()

    def require(self) -> None:
        _uri(self.config)
        # With OPENHEART_URI, the storage of the counts has checked for the driver.
        if self.config[MONGOHQ_URL] is not None:
            self.row.check(self.config)

    def check(self) -> None:
        client = self.resource
        import pymongo

        try:
            # The driver's own timeout is half a minute.
            with pymongo.timeout(CHECK_TIME):
                client.admin.command("ping")
        except pymongo.errors.PyMongoError as error:
            raise BatteryUnavailable(
                self.name,
                f"{mask_uri(self.uri)} does not answer ({type(error).__name__}); start it, or correct "
                "the URI",
            ) from error

    def _warn_of_data_without_instance(self, client: Client) -> None:
        """Report data that the app had before INSTANCE was set, which it does not see now."""
        import pymongo

        from ...storage.mongodb.backend import COLLECTION

        plain, own = _name_without_instance(self.config), database_name(self.config)
        try:
            with pymongo.timeout(LOOK_TIME):
                # The counts are kept apart inside their collection.
                left = {*client[plain].list_collection_names()} - {COLLECTION}
                is_left = bool(left) and not client[own].list_collection_names()
        except pymongo.errors.PyMongoError:
            # The use of the client reports what is wrong.
            return
        if is_left:
            self.logger.warning(
                "INSTANCE=%s: the app's MongoDB database is %s, which is empty, and %s has data: move it, or "
                "unset INSTANCE",
                self.config[INSTANCE],
                own,
                plain,
            )


def _uri(config: Config) -> tuple[str, str, str]:
    option = OPENHEART_URI if config[MONGOHQ_URL] is None else MONGOHQ_URL
    uri = config[option] or ""
    if not uri.lower().startswith(("mongodb:", "mongodb+srv:")):
        expected = "a MongoDB connection string such as mongodb://localhost:27017/name, for openheart.mongodb"
        raise config.refusal(MONGOHQ_URL, expected)
    return uri, option.name, config.source(option)
