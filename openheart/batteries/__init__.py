"""What an application can have beside reactions, a module or a folder each: loaded when it is on or used."""

from __future__ import annotations

from ..settings.option import Option
from .battery import Battery, Row, battery_of

__all__ = ["Battery", "Option", "Row", "battery_of"]
