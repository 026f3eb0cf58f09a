"""Emoji reactions for any page, served by Flask: one import to run it, one URI to scale it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from . import errors as errors
from .base import conf, get_app, load, react, reactions, run, unload
from .core import state as _state
from .core.signals import reaction_added
from .extension.blueprints import register_blueprints
from .extension.openheart import OpenHeart
from .extension.page import Page, page, reactions_of, target_for, url_for
from .extension.users import Scoped as Scoped
from .extension.users import get_user, scoped, set_user, tenant_loader, user_loader
from .version import __version__
from .web.results import ApiError, ApiException, ApiResult

if TYPE_CHECKING:
    from flask import Flask

    from . import amazon as amazon
    from . import amqp as amqp
    from . import live as live
    from . import locales as locales
    from . import mail as mail
    from . import mongodb as mongodb
    from . import pusher as pusher
    from . import sessions as sessions
    from . import valkey as valkey
    from . import webhook as webhook
    from .batteries.background.battery import background, run_background
    from .extension.controller import OpenHeartController as OpenHeartController
    from .mail import send_mail

    APP: Flask | None

    # The names of _ALIASES, for type checkers.
    OpenHeartRequestController = Page
    clear_amazon_bucket = amazon.clear_amazon_bucket
    delete_amazon_key = amazon.delete_amazon_key
    exists_amazon_key = amazon.exists_amazon_key
    get_amazon = amazon.get_client
    get_amazon_bucket = amazon.get_amazon_bucket
    get_amazon_key = amazon.get_amazon_key
    get_amqp = amqp.get_connection
    get_locale = locales.get_locale
    get_mongo = mongodb.get_connection
    get_mongo_db = mongodb.get_db
    get_pusher = pusher.get_client
    get_redis = valkey.get_connection
    run_back = run_background
    send_mail_a = mail.send_mail_a

__all__ = [
    "APP",
    "ApiError",
    "ApiException",
    "ApiResult",
    "OpenHeart",
    "Page",
    "__version__",
    "background",
    "conf",
    "get_app",
    "get_user",
    "load",
    "page",
    "react",
    "reaction_added",
    "reactions",
    "reactions_of",
    "register_blueprints",
    "run",
    "run_background",
    "scoped",
    "send_mail",
    "set_user",
    "target_for",
    "tenant_loader",
    "unload",
    "url_for",
    "user_loader",
]

APP = None
"""The app of the last ``load()``; None before it and after ``unload()``. Another app can be assigned."""

_state.keep_app_in(globals())

# Public names that are defined in a battery.
_IN_BATTERIES = {
    "background": "batteries.background.battery:background",
    "run_background": "batteries.background.battery:run_background",
    "send_mail": "mail:send_mail",
}

# Aliases for applications that are ported from Quorum and flask-openheart: docs/howto/porting-*.rst.
_ALIASES = {
    "OpenHeartController": "extension.controller:OpenHeartController",
    "OpenHeartRequestController": "extension.page:Page",
    "clear_amazon_bucket": "amazon:clear_amazon_bucket",
    "delete_amazon_key": "amazon:delete_amazon_key",
    "exists_amazon_key": "amazon:exists_amazon_key",
    "get_amazon": "amazon:get_client",
    "get_amazon_bucket": "amazon:get_amazon_bucket",
    "get_amazon_key": "amazon:get_amazon_key",
    "get_amqp": "amqp:get_connection",
    "get_locale": "locales:get_locale",
    "get_mongo": "mongodb:get_connection",
    "get_mongo_db": "mongodb:get_db",
    "get_pusher": "pusher:get_client",
    "get_redis": "valkey:get_connection",
    "run_back": "batteries.background.battery:run_background",
    "send_mail_a": "mail:send_mail_a",
}


if not TYPE_CHECKING:  # otherwise a type checker would accept every name

    def __getattr__(name: str) -> Any:
        # They are imported at first use, because most applications do not use them.
        if where := _IN_BATTERIES.get(name) or _ALIASES.get(name):
            module, _, attribute = where.partition(":")
            return getattr(importlib.import_module(f".{module}", __name__), attribute)
        if name in _modules():
            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_modules()})


def _modules() -> set[str]:
    # Not wsgi: importing it loads an app, and help() and inspect ask for each of these.
    found = {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}
    return found - {"wsgi"}
