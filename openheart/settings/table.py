"""Every setting once: name, type, default, one line of documentation, secret or not. The command
``openheart config`` and the reference page are made from this table."""

from __future__ import annotations

import functools
from typing import Any

from . import instance, site
from .option import Option
from .plugins import BACKENDS, BATTERIES, own_plugins

__all__ = ["known_options", "option_named"]


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
            found += point.load().settings
    # A storage is listed once for each of its schemes, and several share a heading.
    groups = list(dict.fromkeys(option.group for option in found))
    by_name = {option.name: option for option in found}
    return tuple(sorted(by_name.values(), key=lambda option: groups.index(option.group)))


def option_named(name: str) -> Option[Any] | None:
    """The setting of this name in the table; None if there is none."""
    return _by_name().get(name)


@functools.cache
def _by_name() -> dict[str, Option[Any]]:
    return {option.name: option for option in known_options()}
