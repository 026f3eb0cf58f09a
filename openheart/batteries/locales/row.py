"""The row of the battery: languages, and its settings."""

from __future__ import annotations

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = ["OPENHEART_LOCALES", "ROW"]

OPENHEART_LOCALES: Option[list[str] | None] = Option(
    "OPENHEART_LOCALES",
    casts.locale_list(),
    None,
    "The languages of the app, the default first; the same as load(locales=). Unset is English.",
    group="locales",
)

ROW = Row(
    "locales",
    "openheart.batteries.locales.battery:Locales",
    needs=[OPENHEART_LOCALES],
    library="flask_babel",
    extra="locales",
    settings=[OPENHEART_LOCALES],
    place=6,
)
