"""The row of the battery: the application's MongoDB, and its settings."""

from __future__ import annotations

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = ["MONGOHQ_URL", "ROW"]

MONGOHQ_URL: Option[str | None] = Option(
    "MONGOHQ_URL",
    casts.uri(),
    None,
    "The MongoDB of the app, for openheart.mongodb; the counts are there only if OPENHEART_URI=$MONGOHQ_URL.",
    group="data",
)

ROW = Row(
    "mongodb",
    "openheart.batteries.mongodb.battery:Mongodb",
    needs=[MONGOHQ_URL],
    library="pymongo",
    extra="mongodb",
    settings=[MONGOHQ_URL],
    place=14,
    modules=["openheart.storage.mongodb.client"],
)
