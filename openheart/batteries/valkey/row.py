"""The row of the battery: the application's Valkey, and its settings."""

from __future__ import annotations

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = ["REDISTOGO_URL", "ROW"]

REDISTOGO_URL: Option[str | None] = Option(
    "REDISTOGO_URL",
    casts.uri(),
    None,
    "The Valkey of the app, for openheart.valkey, sessions and live events; the counts use OPENHEART_URI.",
    group="data",
)

ROW = Row(
    "valkey",
    "openheart.batteries.valkey.battery:Valkey",
    needs=[REDISTOGO_URL],
    library="valkey",
    extra="valkey",
    settings=[REDISTOGO_URL],
    place=16,
)
