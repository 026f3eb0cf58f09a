"""flask-openheart 0.0.1, run as its README says, on the storage code that it brings along (SQLite).

Nothing of it is replaced or mended. Three things make it comparable and runnable:

- one route with a variable and a slug function serves every page, so each page has counts of its own;
- ``app.config`` has no OPENHEART_* key, because reading one fails in 0.0.1 (``str.remove_prefix``);
- the database's address is left at its default, ``file:openheart.db`` in the working folder; the benchmark
  starts it in an empty folder.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_openheart import OpenHeart  # type: ignore[import-not-found]  # it is in an environment of its own

__all__ = ["application"]

application = Flask(__name__)
OpenHeart(application)


def page(page: str) -> str:
    """A page; its reactions are served at /openheart/<page>."""
    return "page"


def page_slug(page: str) -> str:
    """Count each page by itself."""
    return page


# Written as calls because the types of Flask do not know the decorator's ``slug``.
view: Any = application.route("/<path:page>", openheart=True)(page)
view.slug(page_slug)
