"""Every setting once: name, type, default, one line of documentation, secret or not. The command
``openheart config`` and the reference page are made from this table."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol, cast

from . import instance, site
from .option import Option, ReferenceRow
from .plugins import BACKENDS, BATTERIES, own_plugins

__all__ = ["known_options", "option_named", "reference_rows"]


class _HasSettings(Protocol):
    """The row of a storage or of a battery."""

    @property
    def settings(self) -> Sequence[Option[Any]]: ...


@functools.cache
def known_options() -> tuple[Option[Any], ...]:
    """The table of settings: of the instance, the server and the site, then of our storages and batteries.

    It is made at its first use. Only a Config knows the settings of other packages.
    """
    found = [
        each for module in (instance, site) for each in vars(module).values() if isinstance(each, Option)
    ]
    for group in (BACKENDS, BATTERIES):
        for point in own_plugins(group).values():
            found += cast(_HasSettings, point.load()).settings
    # A storage is listed once for each of its schemes, and several share a heading.
    groups = list(dict.fromkeys(option.group for option in found))
    by_name = {option.name: option for option in found}
    return tuple(sorted(by_name.values(), key=lambda option: groups.index(option.group)))


def option_named(name: str) -> Option[Any] | None:
    """The setting of this name in the table; None if there is none."""
    return _by_name().get(name)


def reference_rows() -> list[ReferenceRow]:
    """The table of settings as rows for the reference page, in the table's order."""
    return [
        ReferenceRow(
            each.name, each.cast.description, each.show(each.default), each.doc, each.secret, each.group
        )
        for each in known_options()
    ]


@functools.cache
def _by_name() -> dict[str, Option[Any]]:
    return {option.name: option for option in known_options()}
