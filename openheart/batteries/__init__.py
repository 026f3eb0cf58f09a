"""What an application can have beside reactions, a folder each: its code is loaded when it is on or used."""

from __future__ import annotations

from ..settings.option import Option
from .battery import Battery, battery_of
from .row import Row

__all__ = ["Battery", "Option", "Row", "battery_of"]
