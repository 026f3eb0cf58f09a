"""The command ``openheart``."""

from __future__ import annotations

from . import bucket, moving  # noqa: F401 - they add their commands to the group
from .commands import main, openheart_group
from .conform import command  # noqa: F401 - as those

__all__ = ["main", "openheart_group"]
