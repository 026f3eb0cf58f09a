"""Applications that tell each other of events through Valkey, as processes of one site would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from flask import Flask
from werkzeug.test import TestResponse

import openheart
from openheart.errors import BatteryOutcomeUnknown, BatteryUnavailable

from .sse import Stream

__all__ = ["Listen", "Load", "ask", "publishes", "texts"]

Load: TypeAlias = Callable[..., Flask]
Listen: TypeAlias = Callable[..., Stream]


def ask(app: Flask, *channels: str, last: str = "", **options: Any) -> TestResponse:
    """Ask an app for a stream of channels, from what follows an event on."""
    with app.test_request_context():
        address = openheart.live_url(*channels, **options).partition("#")[0]
    return app.test_client().get(address, headers={"Last-Event-ID": last} if last else {})


def texts(stream: Stream, number: int) -> list[Any]:
    """The data of so many events."""
    return [stream.next().data["data"] for _ in range(number)]


def publishes(app: Flask, text: str) -> bool:
    """Publish on the channel ``news``, if that works now."""
    try:
        openheart.publish("news", text, app=app)
    except (BatteryUnavailable, BatteryOutcomeUnknown):
        return False
    return True
