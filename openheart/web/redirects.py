"""Where a form without JavaScript goes after its POST; never to a site that the operator did not name."""

from __future__ import annotations

from urllib.parse import quote

from flask import Request

from ..core.state import State
from .cors import is_own_or_named
from .query import query_of

__all__ = ["wants_page", "way_back"]


def wants_page(request: Request) -> bool:
    """Whether this is a browser that shows the answer as a page, as after a form."""
    return "text/html" in request.environ.get("HTTP_ACCEPT", "").lower()


def way_back(request: Request, state: State) -> str | None:
    """The page to go back to: ``?back=`` of the form's action, else the Referer.

    Returns:
        A path on this server, or a URL whose origin is our own or named in OPENHEART_ORIGINS; else None.
    """
    for place in (_in_ascii(query_of(request).get("back", "")), request.environ.get("HTTP_REFERER")):
        if place and _is_plain(place) and (_is_local_path(place) or is_own_or_named(request, place, state)):
            return place
    return None


def _in_ascii(place: str) -> str:
    # A template writes `?back={{ request.path | urlencode }}`, and the query has been decoded once.
    return "".join(char if char.isascii() else quote(char, errors="replace") for char in place)


def _is_plain(place: str) -> bool:
    # Browsers drop tabs and newlines from a URL and read a backslash as a slash, so they would not
    # follow what we checked.
    return all("!" <= char <= "~" and char != "\\" for char in place)


def _is_local_path(place: str) -> bool:
    return place.startswith("/") and not place.startswith("//")
