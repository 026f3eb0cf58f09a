"""Keeps the file of the counts apart from the database of the application itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from flask import Flask

from ..errors import ConfigError
from ..settings.config import OPENHEART_URI, Config
from ..settings.names import PREFIX
from ..storage import Backend
from ..system.masks import mask_uri

__all__ = ["require_own_file"]

# As SQLAlchemy writes it, with the name of a driver, and a file: URI of SQLite's own.
_URL = re.compile(r"sqlite(?:\+\w+)?:///(?:file:)?([^?]+)")


def require_own_file(app: Flask, config: Config, backend: Backend) -> None:
    """Refuse a file that another setting of the application names too.

    The application's migrations would find a table there that is not theirs, and drop it with the counts.

    Args:
        app: the application.
        config: its settings.
        backend: the storage that they name.

    Raises:
        ConfigError: it is the file that a setting such as SQLALCHEMY_DATABASE_URI names.
    """
    for name, value in app.config.items():
        named = () if name.startswith(PREFIX) else _paths(value, Path(app.instance_path))
        if any(str(path) == backend.location for path in named):
            uri = config[OPENHEART_URI]
            raise ConfigError(
                OPENHEART_URI.name,
                "unset" if uri is None else mask_uri(uri),
                config.source(OPENHEART_URI),
                f"a file of its own, such as sqlite:///openheart.db: {name} of this app names "
                f"{backend.location} too",
            )


def _paths(value: object, folder: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        # Such as SQLALCHEMY_BINDS.
        for each in value.values():
            yield from _paths(each, folder)
    elif isinstance(value, (str, Path)):
        text = str(value)
        if match := _URL.match(text):
            yield Path(os.path.abspath(folder / unquote(match[1])))
        elif os.path.isabs(text):
            yield Path(os.path.abspath(text))
