"""Emoji reactions for any page, served by Flask: one import to run it, one URI to scale it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import errors
from .base import conf, get_app, load, react, reactions, run, unload
from .core.signals import reaction_added
from .extension.blueprints import register_blueprints
from .extension.openheart import OpenHeart
from .extension.page import Page, page, reactions_of, target_for, url_for
from .extension.users import Scoped, get_user, scoped, set_user, tenant_loader, user_loader
from .version import __version__
from .web.results import ApiError, ApiException, ApiResult

if TYPE_CHECKING:
    from flask import Flask

    from .batteries.amazon.battery import (
        AmazonKey,
        clear_amazon_bucket,
        delete_amazon_key,
        exists_amazon_key,
        get_amazon,
        get_amazon_bucket,
        get_amazon_key,
        list_amazon_keys,
        put_amazon_key,
    )
    from .batteries.amqp import battery as amqp
    from .batteries.amqp.battery import get_connection as get_amqp
    from .batteries.background.battery import background, run_back, run_background
    from .batteries.live.battery import live_url, publish
    from .batteries.locales.battery import get_locale
    from .batteries.mail.battery import send_mail, send_mail_a
    from .batteries.mongodb import battery as mongodb
    from .batteries.mongodb.battery import get_connection as get_mongo
    from .batteries.mongodb.battery import get_db as get_mongo_db
    from .batteries.pusher import battery as pusher
    from .batteries.pusher.battery import get_client as get_pusher
    from .batteries.sessions.battery import renew_session
    from .batteries.valkey import battery as valkey
    from .batteries.valkey.battery import get_connection as get_redis
    from .batteries.webhook.signature import verify_webhook

    APP: Flask | None

__all__ = [
    "APP",
    "AmazonKey",
    "ApiError",
    "ApiException",
    "ApiResult",
    "OpenHeart",
    "Page",
    "Scoped",
    "__version__",
    "amqp",
    "background",
    "clear_amazon_bucket",
    "conf",
    "delete_amazon_key",
    "errors",
    "exists_amazon_key",
    "get_amazon",
    "get_amazon_bucket",
    "get_amazon_key",
    "get_amqp",
    "get_app",
    "get_locale",
    "get_mongo",
    "get_mongo_db",
    "get_pusher",
    "get_redis",
    "get_user",
    "list_amazon_keys",
    "live_url",
    "load",
    "mongodb",
    "page",
    "publish",
    "pusher",
    "put_amazon_key",
    "react",
    "reaction_added",
    "reactions",
    "reactions_of",
    "register_blueprints",
    "renew_session",
    "run",
    "run_back",
    "run_background",
    "scoped",
    "send_mail",
    "send_mail_a",
    "set_user",
    "target_for",
    "tenant_loader",
    "unload",
    "url_for",
    "user_loader",
    "valkey",
    "verify_webhook",
]


# Name -> the module of openheart.batteries that it is, or where it is in one.
_BATTERIES = {
    "AmazonKey": "amazon.battery:AmazonKey",
    "amqp": "amqp.battery",
    "background": "background.battery:background",
    "clear_amazon_bucket": "amazon.battery:clear_amazon_bucket",
    "delete_amazon_key": "amazon.battery:delete_amazon_key",
    "exists_amazon_key": "amazon.battery:exists_amazon_key",
    "get_amazon": "amazon.battery:get_amazon",
    "get_amazon_bucket": "amazon.battery:get_amazon_bucket",
    "get_amazon_key": "amazon.battery:get_amazon_key",
    "get_amqp": "amqp.battery:get_connection",
    "get_locale": "locales.battery:get_locale",
    "get_mongo": "mongodb.battery:get_connection",
    "get_mongo_db": "mongodb.battery:get_db",
    "get_pusher": "pusher.battery:get_client",
    "get_redis": "valkey.battery:get_connection",
    "list_amazon_keys": "amazon.battery:list_amazon_keys",
    "live_url": "live.battery:live_url",
    "mongodb": "mongodb.battery",
    "publish": "live.battery:publish",
    "pusher": "pusher.battery",
    "put_amazon_key": "amazon.battery:put_amazon_key",
    "renew_session": "sessions.battery:renew_session",
    "run_back": "background.battery:run_back",
    "run_background": "background.battery:run_background",
    "send_mail": "mail.battery:send_mail",
    "send_mail_a": "mail.battery:send_mail_a",
    "valkey": "valkey.battery",
    "verify_webhook": "webhook.signature:verify_webhook",
}


def __getattr__(name: str) -> Any:
    if name == "APP":
        # Asked for each time, because load() and unload() rebind it.
        from .core import state

        return state.APP
    if name in _BATTERIES:
        # Imported when it is used, because most applications use none of them.
        module, _, attribute = _BATTERIES[name].partition(":")
        imported = importlib.import_module(f".batteries.{module}", __name__)
        return getattr(imported, attribute) if attribute else imported
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
