"""The row of the battery: document classes. It has no settings of its own."""

from __future__ import annotations

from ..row import Row

__all__ = ["ROW"]

ROW = Row(
    "models",
    "openheart.batteries.models.battery:Models",
    library="mongoengine",
    extra="models",
    place=12,
)
