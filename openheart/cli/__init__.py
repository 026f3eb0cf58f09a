"""The command ``openheart``."""

from __future__ import annotations

from .commands import main, openheart_group

__all__ = ["main", "openheart_group"]
