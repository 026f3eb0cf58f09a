"""Emoji reactions for any page, served by Flask: one import to run it, one URI to scale it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import errors
from .api import ApiError, ApiException, ApiResult
from .base import conf, get_app, load, react, reactions, run, unload
from .blueprints import register_blueprints
from .context import Page, page, reactions_of, target_for, url_for
from .extension import OpenHeart
from .signals import reaction_added
from .version import __version__

if TYPE_CHECKING:
    from flask import Flask

    from .batteries import amqp, mongodb, pusher, valkey

    APP: Flask | None

__all__ = [
    "APP",
    "ApiError",
    "ApiException",
    "ApiResult",
    "OpenHeart",
    "Page",
    "__version__",
    "amqp",
    "conf",
    "errors",
    "get_app",
    "load",
    "mongodb",
    "page",
    "pusher",
    "react",
    "reaction_added",
    "reactions",
    "reactions_of",
    "register_blueprints",
    "run",
    "target_for",
    "unload",
    "url_for",
    "valkey",
]


# Name -> the module of openheart.batteries that has it, or that it is.
_BATTERIES = {
    "amqp": "amqp",
    "mongodb": "mongodb",
    "valkey": "valkey",
    "pusher": "pusher",
}


def __getattr__(name: str) -> Any:
    if name == "APP":
        # Asked for each time, because load() and unload() rebind it.
        from . import state

        return state.APP
    if name in _BATTERIES:
        # Imported when it is used, because most applications use none of them.
        module = importlib.import_module(f".batteries.{_BATTERIES[name]}", __name__)
        return module if name == _BATTERIES[name] else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
