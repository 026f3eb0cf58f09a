"""The table of batteries, ours and those of other packages, and what load() does with it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from flask import Flask

from ..core.state import State
from ..errors import ConfigError
from ..settings.config import (
    AMAZON_BUCKET,
    AMAZON_ID,
    AMAZON_SECRET,
    CLOUDAMQP_URL,
    MONGOHQ_URL,
    OPENHEART_BATTERIES,
    OPENHEART_LIVE,
    OPENHEART_LOCALES,
    OPENHEART_REDIS_SESSION,
    OPENHEART_WEBHOOK,
    OPENHEART_WEBHOOK_SECRET,
    PUSHER_APP_ID,
    PUSHER_KEY,
    PUSHER_SECRET,
    REDISTOGO_URL,
    SMTP_HOST,
    Config,
    Option,
)
from .battery import Battery, Row, battery_of

__all__ = ["GROUP", "TABLE", "class_of", "further_options", "is_on", "row_named", "rows", "switch_on"]

GROUP = "openheart.batteries"
"""The group of entry points in which other packages name their rows."""

HERE = "openheart.batteries"

# In the order in which they are closed: what runs in the background may use all that comes after it, and
# those of other packages, whose place is 1, may use ours.
_ROWS: tuple[Row, ...] = (
    Row("background", f"{HERE}.background.battery:Background"),
    Row(
        "webhook",
        f"{HERE}.webhook.battery:Webhook",
        (OPENHEART_WEBHOOK, OPENHEART_WEBHOOK_SECRET),
        "urllib3",
        "webhook",
    ),
    Row("live", f"{HERE}.live.battery:Live", (OPENHEART_LIVE,)),
    Row("locales", f"{HERE}.locales.battery:Locales", (OPENHEART_LOCALES,), "flask_babel", "locales"),
    Row(
        "sessions",
        f"{HERE}.sessions.battery:Sessions",
        (OPENHEART_REDIS_SESSION, REDISTOGO_URL),
        "flask_session",
        "sessions",
    ),
    Row("mail", f"{HERE}.mail.battery:Mail", (SMTP_HOST,)),
    Row("models", f"{HERE}.models.battery:Models", library="mongoengine", extra="models"),
    Row(
        "mongodb",
        f"{HERE}.mongodb.battery:Mongodb",
        (MONGOHQ_URL,),
        "pymongo",
        "mongodb",
        modules=("openheart.storage.mongodb.client",),
    ),
    Row("valkey", f"{HERE}.valkey.battery:Valkey", (REDISTOGO_URL,), "valkey", "valkey"),
    Row(
        "amqp",
        f"{HERE}.amqp.battery:Amqp",
        (CLOUDAMQP_URL,),
        "pika",
        "amqp",
        modules=(f"{HERE}.amqp.consumer",),
    ),
    Row(
        "amazon",
        f"{HERE}.amazon.battery:Amazon",
        (AMAZON_BUCKET, AMAZON_ID, AMAZON_SECRET),
        "boto3",
        "s3",
        modules=(f"{HERE}.amazon.client", "boto3.s3.inject"),
    ),
    Row(
        "pusher",
        f"{HERE}.pusher.battery:Pusher",
        (PUSHER_APP_ID, PUSHER_KEY, PUSHER_SECRET),
        "pusher",
        "pusher",
        modules=("pusher.requests",),
    ),
)
TABLE: tuple[Row, ...] = tuple(replace(row, place=2 * place) for place, row in enumerate(_ROWS))
"""What there is. Nothing of it is imported before it is switched on or used."""


def rows(config: Config) -> Iterator[Row]:
    """The rows of our own table, and those of other packages that OPENHEART_BATTERIES names.

    Raises:
        ConfigError: no installed package has a battery of such a name, or it cannot be imported.
    """
    yield from TABLE
    names = config[OPENHEART_BATTERIES]
    if not names:
        return
    there = {point.name: point for point in entry_points(group=GROUP)}
    for name in dict.fromkeys(names):
        if name not in there:
            raise _refusal(config, name, _expected_names(there))
        yield _row_of(config, there[name])


def further_options(config: Config) -> Sequence[Option[Any]]:
    """The settings of the batteries of other packages; raises as ``rows``."""
    return [option for row in rows(config) for option in row.settings]


def switch_on(app: Flask, state: State) -> None:
    """Install the batteries that the settings of an application switch on.

    Raises:
        ConfigError: a setting or a library is missing; names it.
    """
    for row in rows(state.config):
        if is_on(row, state.config):
            row.check(state.config)
            # Now, while there is one thread.
            row.load()
            battery_of(class_of(row), app).install()


def is_on(row: Row, config: Config) -> bool:
    """Whether a battery is switched on; one of another package is, by its name in OPENHEART_BATTERIES."""
    return row.is_on(config) or row not in TABLE


def class_of(row: Row) -> type[Battery[Any]]:
    """Import the class of a row."""
    module, _, name = row.where.partition(":")
    found: type[Battery[Any]] = getattr(importlib.import_module(module), name)
    return found


def row_named(name: str) -> Row:
    """The row of our own table with this name."""
    return next(row for row in TABLE if row.name == name)


def _row_of(config: Config, point: EntryPoint) -> Row:
    try:
        found = point.load()
    except Exception as error:
        raise _refusal(
            config, point.name, f"{point.value} to be importable; {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Row):
        raise _refusal(config, point.name, f"{point.value} to be a Row of openheart.batteries")
    if found.name != point.name or found.name in {row.name for row in TABLE}:
        expected = (
            f"a Row whose name is that of its entry point, and none of openheart's own; it is {found.name!r}"
        )
        raise _refusal(config, point.name, expected)
    return found


def _refusal(config: Config, name: str, expected: str) -> ConfigError:
    option = OPENHEART_BATTERIES
    return ConfigError(option.name, name, config.source(option), expected)


def _expected_names(there: dict[str, EntryPoint]) -> str:
    known = ", ".join(sorted(there)) or "none"
    return f"the name of an entry point in the group {GROUP}; those of the installed packages: {known}"
