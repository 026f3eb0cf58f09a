"""The row of the battery: sessions in Valkey, and its settings."""

from __future__ import annotations

from ...settings import casts
from ...settings.option import Option
from ..row import Row
from ..valkey.row import REDISTOGO_URL

__all__ = ["OPENHEART_REDIS_SESSION", "ROW"]

OPENHEART_REDIS_SESSION: Option[bool] = Option(
    "OPENHEART_REDIS_SESSION",
    casts.boolean(),
    False,
    "Keeps sessions in the Valkey of REDISTOGO_URL; the same as load(redis_session=).",
    group="data",
)

ROW = Row(
    "sessions",
    "openheart.batteries.sessions.battery:Sessions",
    needs=[OPENHEART_REDIS_SESSION, REDISTOGO_URL],
    library="flask_session",
    extra="sessions",
    settings=[OPENHEART_REDIS_SESSION],
    place=8,
)
