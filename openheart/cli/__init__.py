"""The command ``openheart``."""

from __future__ import annotations

from . import moving  # noqa: F401 - it adds its commands to the group
from .commands import main, openheart_group

__all__ = ["main", "openheart_group"]
