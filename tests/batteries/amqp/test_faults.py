"""A broker that becomes unavailable, comes back, or does not answer, under use."""

from __future__ import annotations

import logging
import queue as queues
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.batteries import battery_of
from openheart.batteries.amqp.battery import Amqp, Message
from openheart.batteries.amqp.links import Connection
from openheart.errors import BatteryOutcomeUnknown, BatteryUnavailable

from ...servers.proxy import Proxy, certificate
from ...servers.rabbitmq import Rabbitmq
from ...waiting import PATIENCE, until

# It breaks servers, which takes long; once, on one Python, is enough.
pytestmark = pytest.mark.slow

TIMEOUT = 3.0  # seconds, for a broker that does not answer


@pytest.fixture
def broker(rabbitmq: Rabbitmq) -> Iterator[Rabbitmq]:
    """A broker that runs, and runs again after the test, whatever that did to it."""
    yield rabbitmq
    if not rabbitmq.is_running:
        rabbitmq.start()


@pytest.fixture
def proxy(broker: Rabbitmq) -> Iterator[Proxy]:
    with Proxy(broker.port) as made:
        yield made


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> str:
    return f"openheart.{request.node.name}"


def load(url: str, timeout: float = PATIENCE) -> Flask:
    return openheart.load(name="one", uri="memory:", cloudamqp_url=url, amqp_timeout=timeout)


def through(proxy: Proxy) -> str:
    return f"amqp://guest:guest@127.0.0.1:{proxy.port}/"


def test_a_broker_that_stops_and_starts_again_under_use(broker: Rabbitmq, queue: str) -> None:
    app = load(broker.url)
    got: queues.SimpleQueue[str] = queues.SimpleQueue()
    openheart.amqp.declare(queue)
    consumer = openheart.amqp.consume(queue, lambda message: got.put(message.text))
    openheart.amqp.publish(queue, "before")
    assert got.get(timeout=PATIENCE) == "before"
    broker.stop()
    with pytest.raises(BatteryUnavailable, match="cannot be reached"):
        openheart.amqp.publish(queue, "away")
    until(lambda: consumer.trouble is not None)
    assert "cannot be reached" in str(battery_of(Amqp, app).diagnose())
    broker.start()
    openheart.amqp.publish(queue, "after")
    # The broker may have stopped before it read the acknowledgement of the first one.
    while (text := got.get(timeout=PATIENCE)) != "after":
        assert text == "before"
    assert consumer.trouble is None
    assert battery_of(Amqp, app).diagnose() is None


def test_a_consumer_that_is_started_while_the_broker_is_unavailable_begins_when_it_is_back(
    broker: Rabbitmq, queue: str
) -> None:
    broker.stop()
    load(broker.url)
    got: queues.SimpleQueue[str] = queues.SimpleQueue()
    consumer = openheart.amqp.consume(queue, lambda message: got.put(message.text))
    until(lambda: "cannot be reached" in (consumer.trouble or ""))
    broker.start()
    until(lambda: consumer.trouble is None)
    openheart.amqp.publish(queue, "at last")
    assert got.get(timeout=PATIENCE) == "at last"


def test_nothing_that_was_confirmed_is_lost_when_the_broker_is_killed(broker: Rabbitmq, queue: str) -> None:
    app = load(broker.url)
    openheart.amqp.declare(queue)
    confirmed: set[str] = set()
    unknown: set[str] = set()
    enough = threading.Event()

    def work(number: int) -> None:
        step = 0
        while not enough.is_set():
            name = f"{number}/{step}"
            step += 1
            try:
                openheart.amqp.publish(queue, name, message_id=name, app=app)
            except BatteryOutcomeUnknown:
                unknown.add(name)
            except BatteryUnavailable:
                # As long as it is unavailable each try would fail at once.
                enough.wait(0.05)
            else:
                confirmed.add(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(confirmed) > 100)
    broker.kill()
    broker.start()
    seen = len(confirmed)
    until(lambda: len(confirmed) > seen + 100)
    enough.set()
    for thread in threads:
        thread.join()

    arrived: dict[str, int] = {}
    everything = threading.Event()

    def handle(message: Message) -> None:
        assert message.message_id is not None
        arrived[message.message_id] = arrived.get(message.message_id, 0) + 1
        if confirmed <= arrived.keys():
            everything.set()

    openheart.amqp.consume(queue, handle, prefetch=100)
    assert everything.wait(PATIENCE), f"lost: {sorted(confirmed - arrived.keys())[:10]}"
    assert arrived.keys() <= confirmed | unknown


def test_a_message_whose_confirmation_is_lost_says_that_it_may_be_stored(
    broker: Rabbitmq, proxy: Proxy, queue: str
) -> None:
    load(through(proxy))
    openheart.amqp.declare(queue)
    openheart.amqp.publish(queue, "first")
    proxy.lose(b"lost on the way")
    with pytest.raises(BatteryOutcomeUnknown, match=r"before it was confirmed.*same message_id"):
        openheart.amqp.publish(queue, "lost on the way")
    assert proxy.lost
    until(lambda: openheart.amqp.declare(queue) == 2)


def test_with_retry_it_is_sent_again_and_has_the_same_id(broker: Rabbitmq, proxy: Proxy, queue: str) -> None:
    load(through(proxy))
    openheart.amqp.declare(queue)
    openheart.amqp.publish(queue, "first")
    proxy.lose(b"twice perhaps")
    sent = openheart.amqp.publish(queue, "twice perhaps", retry=True)
    got: queues.SimpleQueue[Message] = queues.SimpleQueue()
    openheart.amqp.consume(queue, got.put)
    messages = [got.get(timeout=PATIENCE) for _ in range(3)]
    assert [message.message_id for message in messages[1:]] == [sent, sent]


def test_a_retry_that_finds_no_broker_still_says_that_it_may_be_stored(proxy: Proxy, queue: str) -> None:
    load(through(proxy))
    openheart.amqp.declare(queue)
    openheart.amqp.publish(queue, "first")
    proxy.lose(b"perhaps", 100)
    with pytest.raises(BatteryOutcomeUnknown):
        openheart.amqp.publish(queue, "perhaps", retry=True)


def test_a_connection_that_was_cut_while_nobody_used_it_is_replaced(proxy: Proxy, queue: str) -> None:
    load(through(proxy))
    openheart.amqp.declare(queue)
    openheart.amqp.publish(queue, "1")
    for number in range(3):
        before = openheart.amqp.get_connection()
        assert isinstance(before, Connection)
        proxy.cut()
        until(lambda: not before.is_alive())  # noqa: B023 - it is called in this turn
        openheart.amqp.publish(queue, str(number))
        assert openheart.amqp.get_connection() is not before
    assert openheart.amqp.declare(queue) == 4


def test_one_that_the_broker_dropped_after_a_long_silence_is_replaced(broker: Rabbitmq, queue: str) -> None:
    app = Flask("two")
    dropped = broker.log().count("missed heartbeats from client")
    # It drops who was silent for two seconds.
    OpenHeart(app, env=False, uri="memory:", cloudamqp_url=f"{broker.url}?heartbeat=1")
    with app.app_context():
        openheart.amqp.declare(queue)
        openheart.amqp.publish(queue, "1")
        before = openheart.amqp.get_connection()
        assert isinstance(before, Connection)
        until(lambda: broker.log().count("missed heartbeats from client") > dropped)
        # It closes the connection after it has written that.
        until(lambda: not before.is_alive())
        openheart.amqp.publish(queue, "2")
        assert openheart.amqp.get_connection() is not before
        assert openheart.amqp.declare(queue) == 2
    battery_of(Amqp, app).close()


def test_one_whose_socket_is_gone_before_pika_notices_it_is_closed_without_an_error(
    broker: Rabbitmq, queue: str
) -> None:
    load(broker.url)
    openheart.amqp.declare(queue)
    connection = openheart.amqp.get_connection()
    assert isinstance(connection, Connection)
    connection._impl._transport._sock.close()

    connection.close_quietly()

    assert not connection.is_alive()


def test_a_broker_that_does_not_answer_costs_the_timeout_and_not_more(broker: Rabbitmq, queue: str) -> None:
    app = load(broker.url, TIMEOUT)
    openheart.amqp.declare(queue)
    openheart.amqp.publish(queue, "before")
    consumer = openheart.amqp.consume(queue, lambda message: None)
    until(lambda: consumer.trouble is None)
    broker.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(BatteryOutcomeUnknown, match=r"gave no answer within 3 s before it was confirmed"):
            openheart.amqp.publish(queue, "frozen")
        with pytest.raises(BatteryUnavailable):
            openheart.amqp.publish(queue, "no connection")
        assert "AMQP broker" in str(battery_of(Amqp, app).diagnose())
        openheart.unload()
        assert time.monotonic() - began < 10 * TIMEOUT
    finally:
        broker.thaw()


def test_a_message_that_was_handled_but_not_acknowledged_comes_again(
    broker: Rabbitmq, proxy: Proxy, queue: str
) -> None:
    load(through(proxy))
    got: queues.SimpleQueue[tuple[str | None, bool]] = queues.SimpleQueue()
    cut = [proxy.cut]

    def handle(message: Message) -> None:
        got.put((message.message_id, message.redelivered))
        if cut:
            cut.pop()()

    openheart.amqp.declare(queue)
    # The handler's cut must not meet the confirmation.
    sent = openheart.amqp.publish(queue, "")
    openheart.amqp.consume(queue, handle)
    assert got.get(timeout=PATIENCE) == (sent, False)
    assert got.get(timeout=PATIENCE) == (sent, True)


def test_work_that_takes_longer_than_the_heartbeat_keeps_its_connection(
    broker: Rabbitmq, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    load(f"{broker.url}?heartbeat=3")
    silent = Flask("silent")
    OpenHeart(silent, env=False, uri="memory:", cloudamqp_url=f"{broker.url}?heartbeat=3")
    times: list[bool] = []
    done = threading.Event()

    def handle(message: Message) -> None:
        times.append(message.redelivered)
        # As long as it takes the broker to drop one that is silent.
        before = broker.log().count("missed heartbeats from client")
        openheart.amqp.get_connection(silent)
        until(lambda: broker.log().count("missed heartbeats from client") > before)
        done.set()

    openheart.amqp.declare(queue)
    consumer = openheart.amqp.consume(queue, handle)
    openheart.amqp.publish(queue, "")
    assert done.wait(PATIENCE)
    consumer.stop()
    assert times == [False]
    assert openheart.amqp.declare(queue) == 0
    battery_of(Amqp, silent).close()


def test_amqps_is_tls_to_a_broker_whose_certificate_is_trusted(
    broker: Rabbitmq, queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(broker.port, tls=certificate(tmp_path)) as proxy:
        url = f"amqps://guest:guest@localhost:{proxy.port}/"
        load(url)
        with pytest.raises(BatteryUnavailable, match="has a certificate that is not trusted"):
            openheart.amqp.declare(queue)
        openheart.unload()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        load(url)
        openheart.amqp.declare(queue)
        openheart.amqp.publish(queue, "secret")
        assert openheart.amqp.declare(queue) == 1
        openheart.unload()


def test_a_broker_that_is_unavailable_costs_the_log_one_line_and_not_a_dozen(
    broker: Rabbitmq, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    load(broker.url)
    consumer = openheart.amqp.consume(queue, print)
    until(lambda: consumer.trouble is None)
    broker.kill()
    until(lambda: "cannot be reached" in (consumer.trouble or ""))
    with pytest.raises(BatteryUnavailable):
        openheart.amqp.publish(queue, "")
    openheart.unload()
    assert {record.name.partition(".")[0] for record in caplog.records} == {"openheart"}
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]
    assert all(not logging.getLogger(name).filters for name in logging.root.manager.loggerDict)
