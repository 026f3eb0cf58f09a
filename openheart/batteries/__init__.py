"""What an application can have beside reactions: one module each, loaded when it is switched on or used."""

from __future__ import annotations

from ..options.option import Option
from .battery import Battery, Row, battery_of

__all__ = ["Battery", "Option", "Row", "battery_of"]
