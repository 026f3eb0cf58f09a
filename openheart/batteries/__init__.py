"""What an application can use besides reactions, one folder each; the code is imported when it is used."""

from __future__ import annotations

from ..settings.option import Option
from .battery import Battery, battery_of
from .row import Row

__all__ = ["Battery", "Option", "Row", "battery_of"]
