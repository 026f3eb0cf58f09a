"""Every setting once: name, type, default, one line of documentation, secret or not. The command
``openheart config`` and the reference page are made from this table."""

from __future__ import annotations

from typing import Any

from . import batteries, instance, site
from .option import Option, ReferenceRow

__all__ = ["OPTIONS", "Option", "ReferenceRow", "reference_rows"]

OPTIONS: tuple[Option[Any], ...] = tuple(
    each
    for module in (instance, site, batteries)
    for each in vars(module).values()
    if isinstance(each, Option)
)
"""The table of settings, in the order of the reference page."""


def reference_rows() -> list[ReferenceRow]:
    """The table of settings as rows for the reference page, in the table's order."""
    return [
        ReferenceRow(
            each.name, each.cast.description, each.show(each.default), each.doc, each.secret, each.group
        )
        for each in OPTIONS
    ]
