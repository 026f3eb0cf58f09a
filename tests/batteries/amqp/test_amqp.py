from __future__ import annotations

import importlib.util
import logging
import os
import queue as queues
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import click
import pytest
from flask import Flask, current_app
from flask.cli import run_command
from pika.adapters.blocking_connection import BlockingChannel

import openheart
from openheart import OpenHeart
from openheart.batteries import battery_of
from openheart.batteries.amqp import links
from openheart.batteries.amqp.battery import Amqp, Message
from openheart.errors import (
    BatteryError,
    BatteryUnavailable,
    ConfigError,
    MessageRefused,
    MessageUnroutable,
    MissingDependency,
    OpenHeartError,
)

from ...child import run_child
from ...servers.rabbitmq import GIVEN
from ...waiting import PATIENCE, until

FORK = """
import os, sys
import openheart
openheart.load(name="one", uri="memory:", cloudamqp_url=sys.argv[1])
before = openheart.amqp.get_connection()
openheart.amqp.declare(sys.argv[2])
openheart.amqp.publish(sys.argv[2], "parent")
child = os.fork()
if not child:
    assert openheart.amqp.get_connection() is not before
    openheart.amqp.publish(sys.argv[2], "child")
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert openheart.amqp.get_connection() is before
openheart.amqp.publish(sys.argv[2], "parent again")
print(openheart.amqp.declare(sys.argv[2]))
openheart.unload()
"""


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    return os.environ.get(GIVEN) or request.getfixturevalue("rabbitmq").url


@pytest.fixture
def app(url: str) -> Flask:
    return openheart.load(name="one", uri="memory:", cloudamqp_url=url)


@pytest.fixture
def queue(app: Flask, request: pytest.FixtureRequest) -> Iterator[str]:
    """A queue of this test's own, with one for what fails."""
    name = f"openheart.{request.node.name}"
    openheart.amqp.declare(name)
    yield name
    with app.app_context():
        channel = openheart.amqp.get_connection().channel()
    channel.queue_delete(name)
    channel.queue_delete(f"{name}.failed")
    channel.connection.close()
    battery_of(Amqp, app).close()


def taken(queue: str, **options: Any) -> queues.SimpleQueue[Message]:
    """Consume a queue into this one."""
    got: queues.SimpleQueue[Message] = queues.SimpleQueue()
    openheart.amqp.consume(queue, got.put, **options)
    return got


def waiting(queue: str) -> int:
    return openheart.amqp.declare(queue)


class Held:
    """A handler that holds each message until it is let go.

    Args:
        texts: of the messages.

    Attributes:
        threads: text -> the thread that holds it.
    """

    def __init__(self, *texts: str) -> None:
        self.threads: dict[str, threading.Thread] = {}
        self._go_on = {text: threading.Event() for text in texts}

    def __call__(self, message: Message) -> None:
        self.threads[message.text] = threading.current_thread()
        assert self._go_on[message.text].wait(PATIENCE)

    def finish(self, text: str) -> None:
        """Let one go, and wait until its thread, which was told to stop, has ended."""
        self._go_on[text].set()
        self.threads[text].join(PATIENCE)


class TestPublish:
    @pytest.mark.parametrize(
        ("body", "data", "content_type"),
        [
            (b"\x00\xff", b"\x00\xff", "application/octet-stream"),
            ("🥨", "🥨".encode(), "text/plain; charset=utf-8"),
            ({"page": "🥨"}, '{"page": "🥨"}'.encode(), "application/json"),
            (None, b"null", "application/json"),
        ],
        ids=["bytes", "text", "json", "none"],
    )
    def test_a_body_is_bytes_text_or_what_json_can_say(
        self, queue: str, body: object, data: bytes, content_type: str
    ) -> None:
        openheart.amqp.publish(queue, body)
        message = taken(queue).get(timeout=PATIENCE)
        assert (message.body, message.content_type) == (data, content_type)

    def test_what_is_sent_along_arrives(self, queue: str) -> None:
        sent = openheart.amqp.publish(
            queue, '{"a": "ä"}', content_type="text/x-mine", headers={"n": 1}, message_id="mine"
        )
        message = taken(queue).get(timeout=PATIENCE)
        assert sent == message.message_id == "mine"
        assert (message.content_type, message.headers, message.queue) == ("text/x-mine", {"n": 1}, queue)
        assert (message.text, message.json) == ('{"a": "ä"}', {"a": "ä"})
        assert (message.redelivered, message.tried) == (False, 0)
        assert message.properties.delivery_mode == 2
        assert "mine" in repr(message)

    def test_each_message_has_an_id_of_its_own(self, queue: str) -> None:
        assert openheart.amqp.publish(queue, "") != openheart.amqp.publish(queue, "")

    def test_a_message_that_no_queue_takes_is_an_error_that_says_what_to_do(self, app: Flask) -> None:
        with pytest.raises(
            MessageUnroutable, match=r"no queue receives messages .* 'none' .*openheart\.amqp\.declare"
        ):
            openheart.amqp.publish("none", "")
        with pytest.raises(MessageUnroutable, match=r"the exchange 'amq.topic' with the key 'none'"):
            openheart.amqp.publish("none", "", exchange="amq.topic")

    def test_an_exchange_routes_it(self, queue: str) -> None:
        openheart.amqp.get_connection().channel().queue_bind(queue, "amq.topic", "orders.*")
        openheart.amqp.publish("orders.new", "yes", exchange="amq.topic")
        assert taken(queue).get(timeout=PATIENCE).text == "yes"

    def test_an_exchange_that_is_not_there_is_an_error_and_the_next_message_goes_out(
        self, queue: str
    ) -> None:
        with pytest.raises(MessageRefused, match=r"the exchange 'none'.*NOT_FOUND"):
            openheart.amqp.publish(queue, "", exchange="none")
        openheart.amqp.publish(queue, "next")
        assert waiting(queue) == 1

    def test_a_full_queue_refuses_it(self, app: Flask, request: pytest.FixtureRequest) -> None:
        name = f"openheart.{request.node.name}"
        channel = openheart.amqp.get_connection().channel()
        limits = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare(name, exclusive=True, arguments=limits)
        openheart.amqp.publish(name, "first")
        with pytest.raises(MessageRefused, match="rejected a message to the queue .*full"):
            openheart.amqp.publish(name, "second")

    @pytest.mark.parametrize("name", ["", "a\nb", "x" * 256])
    def test_a_name_that_no_queue_has_is_refused(self, app: Flask, name: str) -> None:
        with pytest.raises(ValueError, match="queue=.* cannot be used: expected 1 to 255 bytes"):
            openheart.amqp.publish(name, "")
        with pytest.raises(ValueError, match="queue="):
            openheart.amqp.consume(name, print)

    @pytest.mark.parametrize("body", [object(), float("nan"), {1, 2}], ids=["object", "nan", "set"])
    def test_a_body_that_json_cannot_say_is_refused(self, app: Flask, body: object) -> None:
        with pytest.raises((TypeError, ValueError)):
            openheart.amqp.publish("any", body)

    def test_many_threads_publish_at_once_and_nothing_is_lost(self, queue: str, app: Flask) -> None:
        def work(number: int) -> None:
            for step in range(20):
                openheart.amqp.publish(queue, [number, step], app=app)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert waiting(queue) == 160


class TestConnection:
    def test_a_thread_keeps_its_connection_and_another_has_its_own(self, app: Flask) -> None:
        mine = openheart.amqp.get_connection()
        assert openheart.amqp.get_connection() is mine
        assert openheart.get_amqp() is mine
        others: list[object] = []
        thread = threading.Thread(target=lambda: others.append(openheart.amqp.get_connection()))
        thread.start()
        thread.join()
        assert others != [mine]

    def test_it_is_closed_when_its_thread_ends(self, app: Flask) -> None:
        kept: list[Any] = []
        thread = threading.Thread(target=lambda: kept.append(openheart.amqp.get_connection()))
        thread.start()
        thread.join()
        until(lambda: kept[0].is_closed)

    def test_unload_closes_those_of_all_threads_and_the_next_use_makes_another(self, app: Flask) -> None:
        mine = openheart.amqp.get_connection()
        go_on, ready = threading.Event(), threading.Event()
        kept: list[Any] = []

        def work() -> None:
            kept.append(openheart.amqp.get_connection(app))
            ready.set()
            go_on.wait(PATIENCE)

        thread = threading.Thread(target=work)
        thread.start()
        assert ready.wait(PATIENCE)
        openheart.unload()
        assert mine.is_closed
        assert kept[0].is_closed
        go_on.set()
        thread.join()
        assert openheart.amqp.get_connection(app).is_open
        battery_of(Amqp, app).close()
        battery_of(Amqp, app).close()

    def test_one_that_was_closed_is_replaced(self, queue: str) -> None:
        openheart.amqp.publish(queue, "1")
        openheart.amqp.get_connection().close()
        openheart.amqp.publish(queue, "2")
        assert waiting(queue) == 2

    def test_two_apps_have_connections_of_their_own(self, url: str) -> None:
        one, two = Flask("one"), Flask("two")
        for app in (one, two):
            OpenHeart(app, env=False, uri="memory:", cloudamqp_url=url)
        with one.app_context():
            first = openheart.amqp.get_connection()
        assert openheart.amqp.get_connection(two) is not first
        assert openheart.amqp.get_connection(one) is first
        for app in (one, two):
            battery_of(Amqp, app).close()

    def test_a_fork_gets_one_of_its_own(self, url: str, queue: str) -> None:
        assert run_child(FORK, url, queue) == "3\n"

    def test_properties_are_those_of_pika(self) -> None:
        assert openheart.amqp.properties(delivery_mode=2).delivery_mode == 2


class TestConsume:
    def test_a_message_is_acknowledged_when_its_handler_has_returned(self, app: Flask, queue: str) -> None:
        seen: queues.SimpleQueue[object] = queues.SimpleQueue()

        @openheart.amqp.consumer(queue)
        def handle(message: Message) -> None:
            seen.put((current_app.name, threading.current_thread().name))

        openheart.amqp.publish(queue, "")
        assert seen.get(timeout=PATIENCE) == ("one", f"openheart-amqp-{queue}-1")
        assert callable(handle)
        openheart.unload()
        openheart.load(app)
        assert waiting(queue) == 0

    def test_one_that_fails_is_tried_again_and_then_put_aside(
        self, queue: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        tried: queues.SimpleQueue[tuple[str, int]] = queues.SimpleQueue()

        def handle(message: Message) -> None:
            tried.put((message.text, message.tried))
            if message.text == "bad":
                raise ValueError("it cannot be baked")

        openheart.amqp.consume(queue, handle, tries=3, pause=0.01)
        openheart.amqp.publish(queue, "bad", message_id="id-1")
        openheart.amqp.publish(queue, "good")
        assert [tried.get(timeout=PATIENCE) for _ in range(4)] == [
            ("bad", 0),
            ("bad", 1),
            ("bad", 2),
            ("good", 0),
        ]
        aside = taken(f"{queue}.failed", declare=False).get(timeout=PATIENCE)
        assert (aside.text, aside.message_id) == ("bad", "id-1")
        assert aside.headers["x-death"][0]["queue"] == queue
        assert "failed on the message id-1, try 3 of 3; the queue's dead-letter settings apply" in caplog.text
        assert "it cannot be baked" in caplog.text

    def test_even_one_that_fails_very_often_is_tried_to_the_end(self, queue: str) -> None:
        tried: list[int] = []

        def handle(message: Message) -> None:
            tried.append(message.tried)
            raise ValueError

        openheart.amqp.consume(queue, handle, tries=1100, pause=0.0)
        openheart.amqp.publish(queue, "bad")
        assert taken(f"{queue}.failed", declare=False).get(timeout=PATIENCE).text == "bad"
        assert tried == [*range(1100)]

    def test_one_that_fails_once_is_not_put_aside(self, app: Flask, queue: str) -> None:
        done = threading.Event()

        def handle(message: Message) -> None:
            if not message.tried:
                raise ValueError
            done.set()

        openheart.amqp.consume(queue, handle, pause=0.01)
        openheart.amqp.publish(queue, "")
        assert done.wait(PATIENCE)
        openheart.unload()
        openheart.load(app)
        assert waiting(queue) == 0
        channel = openheart.amqp.get_connection().channel()
        assert channel.queue_declare(f"{queue}.failed", passive=True).method.message_count == 0

    def test_even_a_handler_that_exits_leaves_the_consumer_alive(self, queue: str) -> None:
        seen: queues.SimpleQueue[str] = queues.SimpleQueue()

        def handle(message: Message) -> None:
            seen.put(message.text)
            if message.text == "exit":
                raise SystemExit(1)

        openheart.amqp.consume(queue, handle, tries=1)
        openheart.amqp.publish(queue, "exit")
        openheart.amqp.publish(queue, "next")
        assert [seen.get(timeout=PATIENCE) for _ in range(2)] == ["exit", "next"]

    def test_threads_handle_several_at_once(self, queue: str) -> None:
        together = threading.Barrier(3)
        openheart.amqp.consume(queue, lambda message: together.wait(PATIENCE), threads=2, tries=1)
        for _ in range(2):
            openheart.amqp.publish(queue, "")
        together.wait(PATIENCE)

    def test_stopping_lets_what_runs_finish_and_gives_the_rest_back(self, app: Flask, queue: str) -> None:
        began, go_on = threading.Event(), threading.Event()
        done: list[str] = []

        def handle(message: Message) -> None:
            began.set()
            assert go_on.wait(PATIENCE)
            done.append(message.text)

        openheart.amqp.consume(queue, handle, prefetch=10)
        for number in range(5):
            openheart.amqp.publish(queue, str(number))
        assert began.wait(PATIENCE)
        unloading = threading.Thread(target=openheart.unload)
        unloading.start()
        go_on.set()
        unloading.join()
        assert done == ["0"]
        openheart.load(app)
        until(lambda: waiting(queue) == 4)

    def test_a_handler_that_does_not_end_is_left_after_the_grace_and_its_message_comes_again(
        self, url: str, queue: str, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        two = Flask("two")
        OpenHeart(two, env=False, uri="memory:", cloudamqp_url=url, server_grace="100ms")
        began, go_on = threading.Event(), threading.Event()

        def handle(message: Message) -> None:
            began.set()
            go_on.wait(PATIENCE)

        openheart.amqp.consume(queue, handle, app=two)
        openheart.amqp.publish(queue, "")
        assert began.wait(PATIENCE)
        battery_of(Amqp, two).close()
        try:
            assert f"1 handlers of the queue {queue!r} still ran after 0.1 s" in caplog.text
            until(lambda: waiting(queue) == 1)
        finally:
            go_on.set()

    def test_a_handler_that_ends_just_after_the_consumer_is_cancelled_is_acknowledged(
        self, app: Flask, queue: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = Held("0")
        cancel = BlockingChannel.basic_cancel

        def cancel_and_finish(channel: BlockingChannel, tag: str) -> None:
            cancel(channel, tag)
            held.finish("0")

        monkeypatch.setattr(BlockingChannel, "basic_cancel", cancel_and_finish)
        openheart.amqp.consume(queue, held)
        openheart.amqp.publish(queue, "0")
        until(lambda: held.threads)
        openheart.unload()
        openheart.load(app)
        assert waiting(queue) == 0

    def test_handlers_that_end_while_another_is_acknowledged_are_acknowledged_too(
        self, app: Flask, queue: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = Held("0", "1", "2")
        cancel, ack = BlockingChannel.basic_cancel, BlockingChannel.basic_ack
        first = [True]

        def cancel_and_finish(channel: BlockingChannel, tag: str) -> None:
            cancel(channel, tag)
            held.finish("0")

        def ack_and_finish(channel: BlockingChannel, tag: int) -> None:
            if not first:
                ack(channel, tag)
                return
            first.clear()
            # The first acknowledgement waits for the socket, which makes this one ready and not done.
            held.finish("1")
            ack(channel, tag)
            held.finish("2")

        monkeypatch.setattr(BlockingChannel, "basic_cancel", cancel_and_finish)
        monkeypatch.setattr(BlockingChannel, "basic_ack", ack_and_finish)
        openheart.amqp.consume(queue, held, threads=3)
        for text in ("0", "1", "2"):
            openheart.amqp.publish(queue, text)
        until(lambda: len(held.threads) == 3)
        openheart.unload()
        openheart.load(app)
        assert waiting(queue) == 0

    def test_a_broker_that_is_slow_to_end_the_consumer_does_not_cost_what_runs_its_acknowledgement(
        self, app: Flask, queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        held = Held("0")
        cancel = BlockingChannel.basic_cancel

        def cancel_and_finish(channel: BlockingChannel, tag: str) -> None:
            try:
                cancel(channel, tag)
            finally:
                held.finish("0")

        # Every broker is too slow when closing may take no time.
        monkeypatch.setattr(links, "CLOSE_TIMEOUT", 0.0)
        monkeypatch.setattr(BlockingChannel, "basic_cancel", cancel_and_finish)
        openheart.amqp.consume(queue, held)
        openheart.amqp.publish(queue, "0")
        until(lambda: held.threads)
        openheart.unload()
        assert "delivered again" not in caplog.text
        openheart.load(app)
        assert waiting(queue) == 0

    def test_a_handler_may_stop_its_own_consumer(self, queue: str) -> None:
        stopped = threading.Event()
        consumers: list[Any] = []
        ready = threading.Event()

        def handle(message: Message) -> None:
            assert ready.wait(PATIENCE)
            consumers[0].stop(0.0)
            stopped.set()

        consumers.append(openheart.amqp.consume(queue, handle))
        ready.set()
        openheart.amqp.publish(queue, "")
        assert stopped.wait(PATIENCE)
        assert consumers[0].wait(PATIENCE)

    def test_a_failing_message_does_not_hold_up_the_end(self, app: Flask, queue: str) -> None:
        began = threading.Event()

        def handle(message: Message) -> None:
            began.set()
            raise ValueError

        openheart.amqp.consume(queue, handle, pause=60)
        openheart.amqp.publish(queue, "")
        assert began.wait(PATIENCE)
        openheart.unload()
        openheart.load(app)
        until(lambda: waiting(queue) == 1)

    def test_without_execution_nothing_is_consumed(self, url: str, queue: str) -> None:
        two = Flask("two")
        OpenHeart(two, env=False, uri="memory:", cloudamqp_url=url, execution=False)
        threads = threading.active_count()
        consumer = openheart.amqp.consume(queue, print, app=two)
        assert threading.active_count() == threads
        assert not consumer.wait(0)
        battery_of(Amqp, two).close()

    def test_the_process_of_flask_run_that_only_reloads_consumes_nothing(
        self, app: Flask, queue: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WERKZEUG_RUN_MAIN", raising=False)
        threads = threading.active_count()
        with click.Context(run_command, info_name="run") as context:
            context.params["reload"] = True
            openheart.amqp.consume(queue, print)
        assert threading.active_count() == threads

    @pytest.mark.parametrize("wrong", [{"threads": 0}, {"prefetch": 0}, {"tries": 0}, {"prefetch": 65536}])
    def test_an_argument_out_of_its_range_is_refused(self, app: Flask, wrong: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="expected a number from 1 to 65535"):
            openheart.amqp.consume("any", print, **wrong)  # type: ignore[arg-type]

    def test_a_queue_that_is_there_in_another_form_is_said_in_the_health_and_the_log(
        self, app: Flask, queue: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        channel = openheart.amqp.get_connection().channel()
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True)
        with pytest.raises(BatteryError, match=f"refuses the queue '{queue}'.*declare=False"):
            openheart.amqp.declare(queue)
        consumer = openheart.amqp.consume(queue, print)
        until(lambda: consumer.trouble is not None and "refuses the queue" in consumer.trouble)
        assert "is not consumed" in (battery_of(Amqp, app).health() or "")
        assert "refuses the queue" in caplog.text

    def test_a_queue_that_is_not_there_is_said_in_the_health(self, app: Flask, queue: str) -> None:
        openheart.amqp.get_connection().channel().queue_delete(queue)
        consumer = openheart.amqp.consume(queue, print, declare=False)
        until(lambda: "NOT_FOUND" in (consumer.trouble or ""))
        assert f"the queue '{queue}' is not consumed: refused" in (battery_of(Amqp, app).health() or "")

    def test_a_queue_that_is_removed_is_declared_again(
        self, queue: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        got = taken(queue)
        openheart.amqp.publish(queue, "1")
        got.get(timeout=PATIENCE)
        openheart.amqp.get_connection().channel().queue_delete(queue)
        until(lambda: "the broker has removed the queue" in caplog.text)

        def sent() -> bool:
            try:
                return bool(openheart.amqp.publish(queue, "2"))
            except MessageUnroutable:
                return False

        until(sent)
        assert got.get(timeout=PATIENCE).text == "2"


class TestSettings:
    def test_without_a_url_it_says_which_variable_is_wanted(self) -> None:
        openheart.load(name="one", uri="memory:")
        with pytest.raises(ConfigError, match="CLOUDAMQP_URL=None"):
            openheart.amqp.get_connection()

    @pytest.mark.parametrize(
        "wrong",
        [
            "http://me:s3cret@h/",
            "amqp://me:s3cret@h:port/",
            "amqp://me:s3cret@h/?none=1",
            "amqp://me:s3cret@h/?heartbeat=s3cret",
            "amqp:s3cret",
        ],
    )
    def test_a_url_that_cannot_be_used_is_named_without_its_password(self, wrong: str) -> None:
        openheart.load(name="one", uri="memory:", cloudamqp_url=wrong)
        with pytest.raises(ConfigError, match="CLOUDAMQP_URL=.*amqp://user:password@host") as caught:
            openheart.amqp.get_connection()
        assert "s3cret" not in str(caught.value).replace("heartbeat=s3cret", "").replace("amqp:s3cret", "")

    def test_a_broker_that_is_unavailable_is_an_error_that_says_what_to_do(self) -> None:
        openheart.load(name="one", uri="memory:", cloudamqp_url="amqp://me:s3cret@127.0.0.1:9/")
        with pytest.raises(
            BatteryUnavailable, match=r"127.0.0.1:9 cannot be reached.*start it, or"
        ) as caught:
            openheart.amqp.publish("any", "")
        assert "s3cret" not in str(caught.value)

    def test_a_broker_that_dies_as_it_is_connected_to_is_unavailable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def ended(_: socket.socket) -> None:
            raise OSError("Transport endpoint is not connected")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            openheart.load(name="one", uri="memory:", cloudamqp_url=f"amqp://127.0.0.1:{port}/")
            monkeypatch.setattr(socket.socket, "getpeername", ended)
            with pytest.raises(BatteryUnavailable, match=f"127.0.0.1:{port} cannot be reached"):
                openheart.amqp.publish("any", "")

    @pytest.mark.parametrize("wrong", ["guest:other@{}/", "guest:guest@{}/none"])
    def test_a_wrong_password_or_vhost_is_named(self, url: str, wrong: str) -> None:
        if os.environ.get(GIVEN):
            pytest.skip("the users of a broker that was named are not known")
        at = url.rpartition("@")[2].strip("/")
        openheart.load(name="one", uri="memory:", cloudamqp_url=f"amqp://{wrong.format(at)}")
        with pytest.raises(BatteryError, match="refuses the user, the password or the vhost"):
            openheart.amqp.get_connection()

    def test_our_times_hold_where_the_url_says_none(self) -> None:
        given = "amqp://h/?socket_timeout=7"
        app = openheart.load(name="one", uri="memory:", cloudamqp_url=given, amqp_timeout="3s")
        parameters = battery_of(Amqp, app).resource.links.parameters
        assert (parameters.socket_timeout, parameters.stack_timeout) == (7, 3)

    def test_without_an_app_it_says_what_to_call(self) -> None:
        with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
            openheart.amqp.get_connection()

    def test_a_missing_library_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: None if name == "pika" else find(name, *rest)
        )
        with pytest.raises(MissingDependency, match=r"pip install 'openheart\[amqp\]'"):
            openheart.load(name="one", uri="memory:", cloudamqp_url="amqp://h/")

    def test_openheart_amqp_loads_no_library_until_it_is_used(self) -> None:
        code = "import sys, openheart; openheart.amqp; openheart.amqp.Message; print('pika' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert done.stdout == "False\n"

    def test_the_health_says_that_it_works(self, app: Flask) -> None:
        assert battery_of(Amqp, app).health() is None
        assert app.test_client().get("/openheart/-/readyz").status_code == 200


def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture, url: str) -> None:
    caplog.set_level(logging.DEBUG)
    at = url.rpartition("@")[2]
    openheart.load(name="one", uri="memory:", cloudamqp_url=f"amqp://guest:s3cret@{at}")
    with pytest.raises(BatteryError):
        openheart.amqp.get_connection()
    assert "s3cret" not in caplog.text
