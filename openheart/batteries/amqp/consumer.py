"""Consumes a queue in threads of its own: outlives the broker, acknowledges what is done, parks the rest."""

from __future__ import annotations

import logging
import queue as queues
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask

from ...errors import BatteryError, OpenHeartError
from .delivery import Message

if TYPE_CHECKING:
    import pika
    from pika.adapters.blocking_connection import BlockingChannel

    from .links import Connection, Link, Links

__all__ = ["Consumer"]

FIRST_PAUSE = 0.1  # seconds before the first try to reach a broker that went away
LONGEST_PAUSE = 10.0
LONGEST_RETRY = 60.0


class Consumer:
    """Takes messages from a queue until it is stopped; ``openheart.amqp.consume`` makes and starts it.

    One thread keeps the connection, and others run the handler, so that work which takes long does not
    cost the connection. A message is acknowledged when the handler has returned.

    Attributes:
        queue: the name of the queue.
        trouble: why it has no messages just now, as a sentence; None while it is connected.
    """

    def __init__(
        self,
        app: Flask,
        links: Links,
        queue: str,
        handler: Callable[[Message], object],
        logger: logging.Logger,
        *,
        prefetch: int,
        threads: int,
        tries: int,
        pause: float,
        prepare: Callable[[Link], None],
    ) -> None:
        self.queue = queue
        self.trouble: str | None = "it has not reached the broker yet"
        self._app = app
        self._links = links
        self._handler = handler
        self._logger = logger
        self._prefetch = prefetch
        self._tries = tries
        self._pause = pause
        self._prepare = prepare
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._work: queues.SimpleQueue[_Delivered | None] = queues.SimpleQueue()
        self._deadline = float("inf")
        name = f"openheart-amqp-{queue}"
        self._keeper = threading.Thread(target=self._keep, name=name, daemon=True)
        self._workers = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(1, threads + 1)
        ]

    def start(self) -> None:
        """Start its threads."""
        for thread in (self._keeper, *self._workers):
            thread.start()

    def ask_to_stop(self, grace: float) -> None:
        """Begin what ``stop`` does, and do not wait."""
        if not self._stopping.is_set():
            self._deadline = time.monotonic() + grace
            self._stopping.set()
            for _ in self._workers:
                self._work.put(None)
        self._wake()

    def stop(self, grace: float = 30.0) -> None:
        """Take no more messages, and let the handlers that run finish.

        A message whose handler has not finished comes again, here or elsewhere. Calling it again is fine.

        Args:
            grace: seconds to wait for handlers at the most.
        """
        from .links import GOODBYE

        self.ask_to_stop(grace)
        if threading.current_thread() in self._workers:
            # The handler itself stops it, and is what would be waited for.
            return
        for thread in self._workers:
            thread.join(max(0.0, self._deadline - time.monotonic()))
        self._keeper.join(max(0.0, self._deadline - time.monotonic()) + 2 * GOODBYE)
        busy = [thread for thread in self._workers if thread.is_alive()]
        if busy:
            self._logger.warning(
                "amqp: %d handlers of the queue %r still ran after %g s; their messages come again",
                len(busy),
                self.queue,
                grace,
            )

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is stopped, in a program that does nothing else.

        Args:
            timeout: seconds; None waits for as long as it takes.

        Returns:
            Whether it is stopped.
        """
        return self._stopping.wait(timeout)

    def _wake(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.ask(lambda: None)

    def _keep(self) -> None:
        with self._links.hush:
            self._keep_on()

    def _keep_on(self) -> None:
        # Here and below not at the top: it imports pika.
        from .links import FAILURES, connect, reason_of

        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                self._prepare_once()
                connection = connect(self._links.parameters)
                try:
                    self._consume(connection)
                finally:
                    self._connection = None
                    connection.leave()
                continue
            except _Lost as error:
                pause = FIRST_PAUSE
                self._complain(f"the broker {error}", pause)
            except BatteryError as error:
                self._complain(error.detail, pause)
            except (OpenHeartError, *FAILURES) as error:
                self._complain(str(error) if isinstance(error, OpenHeartError) else reason_of(error), pause)
            except Exception as error:
                # A thread that ended would leave the queue without anybody's notice.
                self._logger.exception("amqp: the consumer of the queue %r failed, and goes on", self.queue)
                self.trouble = f"{type(error).__name__}: {error}"
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _prepare_once(self) -> None:
        link = self._links.new()
        try:
            self._prepare(link)
        finally:
            link.close()

    def _complain(self, trouble: str, pause: float) -> None:
        # Once for each kind of trouble: a broker may be away for a night.
        if trouble != self.trouble:
            self._logger.warning(
                "amqp: the queue %r is not consumed: %s; trying again, first in %g s",
                self.queue,
                trouble,
                pause,
            )
        self.trouble = trouble

    def _consume(self, connection: Connection) -> None:
        from .links import FAILURES, GOODBYE, reason_of

        with connection.limited(self._links.timeout):
            channel = connection.channel()
            channel.basic_qos(prefetch_count=self._prefetch)
            cancelled: list[object] = []
            channel.add_on_cancel_callback(cancelled.append)
            tag = channel.basic_consume(self.queue, partial(self._take, connection))
        self._connection = connection
        if self.trouble is not None:
            self._logger.info("amqp: consuming the queue %r", self.queue)
        self.trouble = None
        try:
            while not self._stopping.is_set():
                if cancelled:
                    raise _Lost("has removed the queue")
                connection.process_data_events(None)
            # What the handlers that run have to say goes through this thread and this connection, so a broker
            # that is slow here is waited for as long as elsewhere, within the grace.
            left = self._deadline - time.monotonic()
            with connection.limited(max(GOODBYE, min(self._links.timeout, left))):
                channel.basic_cancel(tag)
            while any(thread.is_alive() for thread in self._workers) and time.monotonic() < self._deadline:
                connection.process_data_events(0.1)
            connection.catch_up()
        except FAILURES as error:
            raise _Lost(reason_of(error)) from error

    def _take(
        self,
        connection: Connection,
        channel: BlockingChannel,
        delivery: pika.spec.Basic.Deliver,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        self._work.put(_Delivered(connection, channel, delivery, properties, body))

    def _serve(self) -> None:
        while (delivered := self._work.get()) is not None:
            # What came over a connection that is gone comes again.
            if delivered.channel.is_open and not self._stopping.is_set():
                self._handle(delivered)
        self._wake()

    def _handle(self, delivered: _Delivered) -> None:
        for tried in range(self._tries):
            message = delivered.message(self.queue, tried)
            try:
                with self._app.app_context():
                    self._handler(message)
            except BaseException:
                last = tried + 1 == self._tries
                self._logger.exception(
                    "amqp: the handler of the queue %r failed on the message %s, try %d of %d%s",
                    self.queue,
                    message.message_id or "without an id",
                    tried + 1,
                    self._tries,
                    "; it goes to where the queue says" if last else "",
                )
            else:
                self._settle(delivered, done=True)
                return
            if not last and self._stopping.wait(min(self._pause * 2**tried, LONGEST_RETRY)):
                self._settle(delivered, again=True)
                return
        self._settle(delivered)

    def _settle(self, delivered: _Delivered, *, done: bool = False, again: bool = False) -> None:
        tag = delivered.delivery.delivery_tag or 0

        def settle() -> None:
            if not delivered.channel.is_open:
                return
            if done:
                delivered.channel.basic_ack(tag)
            else:
                delivered.channel.basic_nack(tag, requeue=again)

        if not delivered.connection.ask(settle):
            self._logger.warning(
                "amqp: the broker went away before it could be told of the message %s of the queue %r, which "
                "comes again",
                delivered.properties.message_id or "without an id",
                self.queue,
            )


class _Lost(Exception):
    """A connection that consumed has ended."""


@dataclass(frozen=True, slots=True)
class _Delivered:
    connection: Connection
    channel: BlockingChannel
    delivery: pika.spec.Basic.Deliver
    properties: pika.BasicProperties
    body: bytes

    def message(self, queue: str, tried: int) -> Message:
        return Message(
            body=self.body,
            queue=queue,
            message_id=self.properties.message_id,
            content_type=self.properties.content_type,
            headers=self.properties.headers or {},
            redelivered=bool(self.delivery.redelivered),
            tried=tried,
            delivery=self.delivery,
            properties=self.properties,
        )
