"""Which batteries have a module of their own at the top of the package; the rest openheart itself gives."""

from __future__ import annotations

import pkgutil

import openheart
from openheart.batteries.registry import own_rows

__all__ = ["FACADES"]

FACADES = sorted(
    {row.name for row in own_rows()} & {module.name for module in pkgutil.iter_modules(openheart.__path__)}
)
