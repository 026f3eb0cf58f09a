"""openheart's own plug-ins: its storages and its batteries, found by entry points like those of other
packages."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points

from ..errors import OpenHeartError

__all__ = ["BACKENDS", "BATTERIES", "own_plugins", "settings_of_others"]

BACKENDS = "openheart.backends"
"""The group of entry points of storages: name = scheme, object = a Backend subclass or a BackendRow."""

BATTERIES = "openheart.batteries"
"""The group of entry points of batteries: name = that of the row, object = a Row."""


@functools.cache
def own_plugins(group: str) -> dict[str, EntryPoint]:
    """The entry points of openheart itself in a group: name -> entry point, in the order of the names.

    Raises:
        OpenHeartError: openheart is not installed, so its entry points are not known.
    """
    try:
        found = distribution("openheart").entry_points.select(group=group)
    except PackageNotFoundError:
        raise OpenHeartError(
            "openheart is not installed: in its checkout, run `pip install -e .` or `make run`"
        ) from None
    return {point.name: point for point in sorted(found, key=lambda point: point.name)}


def settings_of_others() -> set[str]:
    """The names of the settings of batteries and storages in other packages, switched on or not."""
    names: set[str] = set()
    for group in (BACKENDS, BATTERIES):
        ours = {point.value for point in own_plugins(group).values()}
        for point in entry_points(group=group):
            if point.value not in ours:
                names.update(_settings_of(point))
    return names


def _settings_of(point: EntryPoint) -> list[str]:
    try:
        # A sequence of a battery and of a row, and a mapping of a class.
        settings = point.load().settings
        return [option.name for option in (settings.values() if isinstance(settings, Mapping) else settings)]
    except Exception:
        # The error of a plug-in that does not work is reported when it is switched on.
        return []
