"""Finds the batteries, ours and those of other packages, and switches on what the settings of an app name."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from flask import Flask

from ..core.state import State
from ..errors import ConfigError
from ..settings.config import OPENHEART_BATTERIES, Config, Option
from ..settings.plugins import BATTERIES, own_plugins
from .battery import Battery, battery_of
from .row import Row

__all__ = ["class_of", "further_options", "is_on", "own_rows", "rows", "switch_on"]


@functools.cache
def own_rows() -> tuple[Row, ...]:
    """The rows of our own batteries, in the order in which they are closed. No driver is imported."""
    return tuple(
        sorted((point.load() for point in own_plugins(BATTERIES).values()), key=lambda row: row.place)
    )


def rows(config: Config) -> Iterator[Row]:
    """The rows of our own batteries, and of those of other packages that OPENHEART_BATTERIES names.

    Raises:
        ConfigError: no installed package has a battery with this name, or it cannot be imported.
    """
    yield from own_rows()
    yield from _rows_of_others(config)


def further_options(config: Config) -> Sequence[Option[Any]]:
    """The settings of the batteries of other packages; raises as ``rows``."""
    return [option for row in _rows_of_others(config) for option in row.settings]


def switch_on(app: Flask, state: State) -> None:
    """Install the batteries that the settings of an application switch on.

    Raises:
        ConfigError: a setting or a library is missing; names it.
    """
    for row in rows(state.config):
        if is_on(row, state.config):
            row.check(state.config)
            # Imported now, while there is only one thread.
            row.load()
            battery_of(class_of(row), app).install()


def is_on(row: Row, config: Config) -> bool:
    """Whether a battery is switched on; one of another package is, once OPENHEART_BATTERIES names it."""
    return row.is_on(config) or row not in own_rows()


def class_of(row: Row) -> type[Battery[Any]]:
    """Import the class of a row."""
    found: type[Battery[Any]] = pkgutil.resolve_name(row.where)
    return found


def _rows_of_others(config: Config) -> Iterator[Row]:
    names = config[OPENHEART_BATTERIES]
    if not names:
        return
    ours = {point.value for point in own_plugins(BATTERIES).values()}
    there = {point.name: point for point in entry_points(group=BATTERIES) if point.value not in ours}
    for name in dict.fromkeys(names):
        if name not in there:
            known = ", ".join(sorted(there)) or "none"
            expected = f"the name of an entry point in the group {BATTERIES}"
            raise _refusal(config, name, f"{expected}; those of the installed packages: {known}")
        yield _row_of(config, there[name])


def _row_of(config: Config, point: EntryPoint) -> Row:
    try:
        found = point.load()
    except Exception as error:
        raise _refusal(
            config, point.name, f"{point.value} to be importable; {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Row):
        raise _refusal(config, point.name, f"{point.value} to be a Row of openheart.batteries")
    if found.name != point.name or found.name in {row.name for row in own_rows()}:
        expected = "a Row with the name of its entry point, other than the names of openheart's own"
        expected += f"; it is {found.name!r}"
        raise _refusal(config, point.name, expected)
    return found


def _refusal(config: Config, name: str, expected: str) -> ConfigError:
    return ConfigError(OPENHEART_BATTERIES.name, name, config.source(OPENHEART_BATTERIES), expected)
