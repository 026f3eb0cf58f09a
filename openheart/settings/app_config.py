"""``app.config`` as a source of settings, and as the place where an app finds those in force."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, MutableMapping
from typing import Any

from .instance import DEBUG
from .option import Option

__all__ = ["APP_CONFIG", "app_values", "fill_app_config"]

APP_CONFIG = "app.config"
"""The name of this source."""

_FILLED = "_OPENHEART_FILLED"
"""Where app.config keeps what was filled in here: it is not the user's, also in another app's copy of it."""


def app_values(app_config: Mapping[str, Any] | None) -> dict[str, object]:
    """What the user has set in an ``app.config``."""
    values: dict[str, object] = {str(name): value for name, value in (app_config or {}).items()}
    # Flask puts its own defaults there, so a DEBUG of False may not be the user's.
    if values.get(DEBUG.name) is False:
        del values[DEBUG.name]
    filled = values.pop(_FILLED, None)
    for name, value in filled.items() if isinstance(filled, dict) else ():
        if values.get(name) == value:
            del values[name]
    return values


def fill_app_config(
    app_config: MutableMapping[str, Any],
    settings: Iterable[tuple[Option[Any], Any, str]],
    flasks: Container[str],
) -> None:
    """Put the settings in force into an ``app.config``, under their names.

    What the user has set there stays as it was given, unless another source takes precedence. Flask's own
    settings stay too; only a SECRET_KEY is set where there is none.

    Args:
        app_config: the ``app.config``.
        settings: each setting, its value and its source.
        flasks: the names that belong to Flask itself.
    """
    filled: dict[str, Any] = {}
    for option, value, source in settings:
        is_given = source == APP_CONFIG and option.name in app_config
        is_flasks = option.name in flasks and app_config.get(option.name) is not None
        if not is_given and not is_flasks:
            app_config[option.name] = filled[option.name] = value
    app_config[_FILLED] = filled
