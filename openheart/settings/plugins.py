"""openheart's own plug-ins: its storages and its batteries, found by entry points like those of other
packages."""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution

from ..errors import OpenHeartError

__all__ = ["BACKENDS", "BATTERIES", "own_plugins"]

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
