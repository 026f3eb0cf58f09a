from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import openheart

from ...servers.valkey import Server
from .apps import Listen, Load, ask
from .sse import Stream


@pytest.fixture(scope="module")
def server(valkey_server: Server) -> Server:
    return valkey_server


@pytest.fixture
def load(server: Server) -> Iterator[Load]:
    """Makes an app of the same name, as another process would."""
    server.do("FLUSHALL")
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        given = {"redistogo_url": server.uri, "secret_key": "k", "live_heartbeat": "50s", **settings}
        app = openheart.load(Flask("one"), **{"uri": "memory:", "live": True, **given})
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["openheart"].close()


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Opens a stream of an app."""
    answers: list[TestResponse] = []

    def open_stream(app: Flask, *channels: str, last: str = "", **options: Any) -> Stream:
        answer = ask(app, *channels, last=last, **options)
        answers.append(answer)
        assert answer.status_code == 200, answer.text
        return Stream(answer.iter_encoded()).begin()

    yield open_stream
    for each in answers:
        each.close()
