"""The settings of flask-openheart that have another name here: they are taken, with a warning."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

__all__ = ["FORMER", "own_value"]

FORMER = {
    "OPENHEART_DATABASE_URI": "OPENHEART_URI",
    "OPENHEART_URL_POST_PREFIX": "OPENHEART_POST_URL_PREFIX",
}
"""The name in flask-openheart -> the name here."""


def own_value(value: object) -> object:
    """The value of such a setting as it is written here.

    flask-openheart names an SQLite file by ``file:``, relative to the current folder.
    """
    if not isinstance(value, str) or not value.startswith("file:"):
        return value
    path, _, query = value.removeprefix("file:").partition("?")
    if path in ("", ":memory:") or "mode=memory" in query:
        return "memory:"
    path = re.sub("^//(localhost)?(?=/)", "", path)
    return f"sqlite:///{path if path.startswith('/') else f'{quote(str(Path.cwd()))}/{path}'}"
