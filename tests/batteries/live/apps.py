"""Applications that tell each other of events through Valkey, as processes of one site would."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeAlias

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import openheart
from openheart.errors import BatteryOutcomeUnknown, BatteryUnavailable

from .sse import Stream

__all__ = ["Listen", "Load", "ask", "no_threads", "publishes", "texts"]

Load: TypeAlias = Callable[..., Flask]
Listen: TypeAlias = Callable[..., Stream]


def ask(app: Flask, *channels: str, last: str = "", **options: Any) -> TestResponse:
    """Ask an app for a stream of channels, from what follows an event on."""
    with app.test_request_context():
        address = openheart.live.live_url(*channels, **options).partition("#")[0]
    return app.test_client().get(address, headers={"Last-Event-ID": last} if last else {})


def texts(stream: Stream, number: int) -> list[Any]:
    """The data of so many events."""
    return [stream.next().data["data"] for _ in range(number)]


def publishes(app: Flask, text: str) -> bool:
    """Publish on the channel ``news``, if that works now."""
    try:
        openheart.live.emit("news", text, app=app)
    except (BatteryUnavailable, BatteryOutcomeUnknown):
        return False
    return True


@contextlib.contextmanager
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when the system gives no more threads."""

    def fail(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        yield
