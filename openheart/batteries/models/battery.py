"""``load(models=module)``: that module's document classes (mongoengine) on the application's own MongoDB."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flask import Flask

from ...errors import ConfigError, OpenHeartError
from ...system.forks import at_fork
from ..battery import Battery, battery_of
from ..mongodb.battery import Mongodb, database_name
from .row import ROW

if TYPE_CHECKING:
    from ..mongodb.battery import Client

__all__ = ["Models", "register_models"]


def register_models(models: ModuleType, app: Flask) -> None:
    """Put the document classes of a module on the MongoDB client of an application; opens nothing.

    They are the classes in the module or defined in its submodules, and their subclasses. A class that names
    another connection (``meta = {"db_alias": ...}``) keeps it.

    Args:
        models: the module.
        app: the application.

    Raises:
        ConfigError: no MongoDB is configured, mongoengine is not installed, the module has no document
            classes, or another application uses them with another database.
    """
    battery = battery_of(Models, app)
    battery.require()
    battery.take(models)


class Models(Battery["Client"]):
    """The document classes of an application.

    Attributes:
        alias: mongoengine's name for the connection.
    """

    row = ROW
    alias = ""
    # True from close() until the next use; another application may take the classes then.
    _is_released = False

    def require(self) -> None:
        super().require()
        self._mongodb.require()

    def open(self) -> Client:
        self._is_released = False
        mongodb = self._mongodb
        # After close() a document may open this again with a client that is about to be closed.
        mongodb.before_shut = self._close_if_open
        return mongodb.resource

    def shut(self, resource: Client) -> None:
        # The battery mongodb closes the client.
        self._forget()

    def close(self) -> None:
        super().close()
        self._is_released = True

    def check(self) -> None:
        self._mongodb.check()

    def take(self, models: ModuleType) -> None:
        """Put the document classes of a module on this application's connection; see ``register_models``."""
        documents = _documents(models)
        if not documents:
            self._refuse(models, "a module that defines or imports document classes of mongoengine")
        before = {alias for document in documents if (alias := _ours(document._meta.get("db_alias")))}
        for alias in before - {self.alias}:
            owner = _owner(alias)
            if owner is not None and not owner._yields_to(self):
                taken = f"{owner.app.name!r} has them on another database"
                self._refuse(models, f"a module whose classes no other app uses: {taken}")
        self._register()
        for document in documents:
            document._meta["db_alias"] = self.alias
            document._disconnect()
        for kind in (*documents, *_embedded(models)):
            _move_fields(kind, self.alias)
        for alias in before - {self.alias}:
            _drop(alias)

    @property
    def _mongodb(self) -> Mongodb:
        return battery_of(Mongodb, self.app)

    @property
    def _place(self) -> tuple[str, str]:
        return self._mongodb.uri, database_name(self.config)

    def _yields_to(self, other: Models) -> bool:
        return self._is_released or self._place == other._place

    def _register(self) -> None:
        from mongoengine import connection

        self._is_released = False
        if self.alias:
            return
        for known in list(connection._connection_settings):
            if _ours(known) and _owner(known) is None:
                _drop(known)
        alias, number = f"openheart:{self.app.name}", 1
        while alias in connection._connection_settings:
            number += 1
            alias = f"openheart:{self.app.name}:{number}"
        self.alias = alias
        connection.register_connection(
            alias,
            db=database_name(self.config),
            mongo_client_class=_ClientOf(self),
            # For a client that mongoengine does not make; without it mongoengine warns.
            uuidRepresentation="standard",
        )
        at_fork(in_child=self._forget)

    def _close_if_open(self) -> None:
        if self.is_open:
            self.close()

    def _forget(self) -> None:
        if self.alias:
            _forget(self.alias)

    def _refuse(self, models: ModuleType, expected: str) -> None:
        raise ConfigError("models", models.__name__, "an argument of load()", expected)


class _ClientOf:
    """Stands in for a client class in mongoengine, and returns the application's own client."""

    def __init__(self, battery: Models) -> None:
        # A weak reference, because mongoengine keeps this object for ever.
        self.battery = weakref.ref(battery)

    def __call__(self, **options: Any) -> Client:
        battery = self.battery()
        if battery is None:
            raise OpenHeartError("the application of these models no longer exists: call load(models=) again")
        return battery.resource


def _documents(models: ModuleType) -> list[Any]:
    from mongoengine import Document

    known = [*_subclasses(Document)]
    own = {document for document in known if _is_of(models, document)}
    return [
        document
        for document in known
        if own.intersection(document.__mro__) and _is_movable(document._meta.get("db_alias"))
    ]


def _embedded(models: ModuleType) -> list[Any]:
    from mongoengine import EmbeddedDocument

    return [kind for kind in _subclasses(EmbeddedDocument) if _is_of(models, kind)]


def _subclasses(kind: type) -> Iterator[Any]:
    # Not from mongoengine's registry, which holds only one class for each name.
    found: set[type] = set()
    waiting: list[Any] = kind.__subclasses__()
    while waiting:
        subclass = waiting.pop()
        if subclass not in found:
            found.add(subclass)
            waiting += subclass.__subclasses__()
            is_its_own = subclass.__module__.startswith("mongoengine.")
            if not is_its_own and not subclass._meta.get("abstract"):
                yield subclass


def _is_of(models: ModuleType, kind: type) -> bool:
    if kind.__module__ == models.__name__ or kind.__module__.startswith(f"{models.__name__}."):
        return True
    return any(value is kind for value in vars(models).values())


def _is_movable(alias: str | None) -> bool:
    return alias is None or alias == "default" or _ours(alias) is not None


def _move_fields(kind: Any, alias: str) -> None:
    # Fields for files and sequences have their own connections, and may be inside lists and maps.
    for field in kind._fields.values():
        while field is not None:
            if hasattr(field, "db_alias") and _is_movable(field.db_alias):
                field.db_alias = alias
            field = getattr(field, "field", None)


def _ours(alias: str | None) -> str | None:
    from mongoengine import connection

    kind = connection._connection_settings.get(alias, {}).get("mongo_client_class")
    return alias if isinstance(kind, _ClientOf) else None


def _owner(alias: str) -> Models | None:
    from mongoengine import connection

    kind = connection._connection_settings[alias]["mongo_client_class"]
    return kind.battery() if isinstance(kind, _ClientOf) else None


def _users_of(alias: str) -> Iterator[Any]:
    from mongoengine import Document

    return (document for document in _subclasses(Document) if document._meta.get("db_alias") == alias)


def _forget(alias: str) -> None:
    from mongoengine import connection

    # Like mongoengine's disconnect(), which would also close the client; in a fork that is the parent's.
    connection._connections.pop(alias, None)
    connection._dbs.pop(alias, None)
    for document in _users_of(alias):
        document._disconnect()


def _drop(alias: str) -> None:
    from mongoengine import connection

    if not any(_users_of(alias)):
        owner = _owner(alias)
        if owner is not None:
            owner.alias = ""
        _forget(alias)
        connection._connection_settings.pop(alias, None)
