from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

import openheart

from ..servers.rabbitmq import GIVEN, Rabbitmq

WAIT = 20.0  # seconds


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    broker = Rabbitmq(tmp_path_factory.mktemp("rabbitmq"))
    yield broker.url
    broker.close()


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> str:
    return f"openheart.{request.node.name}"


def test_a_message_is_confirmed_and_reaches_its_consumer(url: str, queue: str) -> None:
    app = openheart.load(name="one", uri="memory:", cloudamqp_url=url)
    got: list[object] = []
    done = threading.Event()

    @openheart.amqp.consumer(queue)
    def handle(message: openheart.amqp.Message) -> None:
        got.extend((message.json, message.message_id, app.name))
        done.set()

    openheart.amqp.declare(queue)
    sent = openheart.amqp.publish(queue, {"page": "hello"})
    assert done.wait(WAIT)
    assert got == [{"page": "hello"}, sent, "one"]
