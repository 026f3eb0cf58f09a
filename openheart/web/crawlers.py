"""Programs that read pages by themselves: search engines, previews of links, AI crawlers."""

from __future__ import annotations

import functools
import json
import re
from importlib.util import find_spec
from pathlib import Path

from flask import Request

from ..errors import AutomatedClient

__all__ = ["require_no_crawler"]

# Tags of the list that make no crawler: programs that may react for somebody, and readers of feeds.
_OTHERS = frozenset({"browser-automation", "feed-reader", "http-library"})
# Browsers for people have these in their names too.
_AMBIGUOUS = frozenset({"Sogou"})
_LONGEST = 512  # characters of the header; the name of a crawler comes before


def require_no_crawler(request: Request) -> None:
    """Refuse a reaction of a search engine, a preview of links, an AI crawler or one of their kind.

    They are known by the name that they give themselves, so this stops the honest ones. HTTP libraries,
    curl and browsers that a program controls are not among them.

    Raises:
        AutomatedClient: the User-Agent names one.
    """
    name = request.environ.get("HTTP_USER_AGENT", "")[:_LONGEST]
    if name and _is_crawler(name):
        raise AutomatedClient(
            "Search engines, previews of links and AI crawlers do not react (User-Agent): nothing was counted"
        )


@functools.lru_cache(maxsize=1024)
def _is_crawler(name: str) -> bool:
    return _crawlers().search(name) is not None


@functools.cache
def _crawlers() -> re.Pattern[str]:
    # Read at the first reaction, and not through the package's module, which keeps all of it in memory.
    package = find_spec("crawleruseragents")
    assert package is not None
    assert package.origin is not None
    text = Path(package.origin).with_name("crawler-user-agents.json").read_text(encoding="utf-8")
    # The examples, which are most of it, are dropped as they are read.
    listed = json.loads(text, object_hook=lambda entry: (entry["pattern"], entry["tags"]))
    found = [pattern for pattern, tags in listed if set(tags) - _OTHERS and pattern not in _AMBIGUOUS]
    return re.compile("|".join(found))
