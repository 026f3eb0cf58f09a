"""Consumes a queue in its own threads: reconnects, acknowledges what is done, dead-letters what failed."""

from __future__ import annotations

import contextlib
import json
import queue as queues
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from ...errors import BatteryError
from ...system.workers import Backoff, Worker
from ..battery import Battery

if TYPE_CHECKING:
    import pika
    from pika.adapters.blocking_connection import BlockingChannel

    from .links import Connection, Link, Links

__all__ = ["Consumer", "Message"]

FIRST_PAUSE = 0.1  # seconds before the first try to reconnect
LONGEST_PAUSE = 10.0
LONGEST_RETRY = 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """A message as its handler gets it.

    Attributes:
        body: the bytes that were sent.
        queue: the queue that it came from.
        message_id: identifies the message; a message that comes twice has the same one. None if the sender
            set none.
        content_type: the content type of the body, such as ``application/json``; None if the sender set none.
        headers: the headers of the message.
        redelivered: whether it may have been delivered before.
        tried: how often the handler has failed on it since it was delivered.
        delivery: pika's delivery data, such as the exchange and the routing key.
        properties: pika's properties of the message.
    """

    body: bytes
    queue: str
    message_id: str | None
    content_type: str | None
    headers: Mapping[str, Any]
    redelivered: bool
    tried: int
    delivery: pika.spec.Basic.Deliver = field(repr=False)
    properties: pika.BasicProperties = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text (UTF-8); raises UnicodeDecodeError."""
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        """The body, decoded from JSON; raises ValueError."""
        return json.loads(self.body)


class Consumer:
    """Takes messages from a queue until it is stopped; ``openheart.amqp.consume`` makes and starts it.

    One thread keeps the connection and others run the handler, so that slow work does not lose the
    connection. A message is acknowledged when the handler has returned.

    Attributes:
        queue: the name of the queue.
        trouble: why it gets no messages, as a sentence; None while it is connected.
    """

    def __init__(
        self,
        battery: Battery[Any],
        links: Links,
        queue: str,
        handler: Callable[[Message], object],
        *,
        prefetch: int,
        threads: int,
        tries: int,
        pause: float,
        prepare: Callable[[Link], None],
    ) -> None:
        self.queue = queue
        self.trouble: str | None = "it has not reached the broker yet"
        self._app = battery.app
        self._links = links
        self._handler = handler
        self._logger = battery.logger
        self._prefetch = prefetch
        self._tries = tries
        self._pause = pause
        self._prepare = prepare
        self._connection: Connection | None = None
        self._work: queues.SimpleQueue[_Delivered | None] = queues.SimpleQueue()
        self._deadline = float("inf")
        name = f"openheart-amqp-{queue}"
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._keeper = Worker(name, self._keep)
        self._workers = [Worker(f"{name}-{number}", self._serve) for number in range(1, threads + 1)]

    def start(self) -> None:
        """Start its threads."""
        for worker in (self._keeper, *self._workers):
            worker.start()

    def ask_to_stop(self, grace: float) -> None:
        """Start to stop, without waiting for it."""
        if not self._keeper.is_stopping:
            self._deadline = time.monotonic() + grace
            self._keeper.stop()
            for _ in self._workers:
                self._work.put(None)
        self._wake()

    def stop(self, grace: float = 30.0) -> None:
        """Take no more messages, and let the handlers that run finish.

        A message whose handler has not finished is delivered again, here or elsewhere. Calling it twice is
        fine.

        Args:
            grace: seconds to wait for handlers at most.
        """
        from .links import CLOSE_TIMEOUT

        self.ask_to_stop(grace)
        if any(worker.is_current for worker in self._workers):
            # Called by a handler, which cannot wait for itself.
            return
        for worker in self._workers:
            worker.stop(self._deadline - time.monotonic())
        self._keeper.stop(max(0.0, self._deadline - time.monotonic()) + 2 * CLOSE_TIMEOUT)
        busy = sum(not worker.stop() for worker in self._workers)
        if busy:
            self._logger.warning(
                "amqp: %d handlers of the queue %r still ran after %g s; their messages are delivered again",
                busy,
                self.queue,
                grace,
            )

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is stopped; for a program that does nothing else.

        Args:
            timeout: seconds; None waits without limit.

        Returns:
            Whether it is stopped.
        """
        return self._keeper.pause(timeout)

    def _wake(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.call_soon(lambda: None)

    def _keep(self) -> None:
        # Imported here and below, not at the top, because it imports pika.
        from .links import FAILURES, reason_of

        while not self._keeper.is_stopping:
            try:
                with self._links.log_filter, contextlib.closing(self._links.new()) as link:
                    self._prepare(link)
                    try:
                        self._consume(link.connection())
                    finally:
                        self._connection = None
                # It was asked to stop.
                return
            except _Lost as error:
                self._backoff.reset()
                trouble = f"the broker {error}"
            except BatteryError as error:
                trouble = error.detail
            except FAILURES as error:
                trouble = reason_of(error)
            except Exception as error:
                # If the thread ended here, nobody would notice that the queue is no longer consumed.
                self._logger.exception(
                    "amqp: the consumer of the queue %r failed, and tries again", self.queue
                )
                self.trouble = trouble = f"{type(error).__name__}: {error}"
            pause = self._backoff.next()
            # Logged once for each problem: a broker may be unavailable for a night.
            if trouble != self.trouble:
                self._logger.warning(
                    "amqp: the queue %r is not consumed: %s; trying again, first in %g s",
                    self.queue,
                    trouble,
                    pause,
                )
            self.trouble = trouble
            self._keeper.pause(pause)

    def _consume(self, connection: Connection) -> None:
        from .links import CLOSE_TIMEOUT, FAILURES, reason_of

        with connection.limited(self._links.timeout):
            channel = connection.channel()
            channel.basic_qos(prefetch_count=self._prefetch)
            cancelled: list[object] = []
            channel.add_on_cancel_callback(cancelled.append)
            tag = channel.basic_consume(self.queue, self._take)
        self._connection = connection
        if self.trouble is not None:
            self._logger.info("amqp: consuming the queue %r", self.queue)
        self.trouble = None
        try:
            while not self._keeper.is_stopping:
                if cancelled:
                    raise _Lost("has removed the queue")
                connection.process_data_events(None)
            # Running handlers acknowledge through this thread and this connection, so a slow broker gets the
            # usual timeout here, within the grace.
            left = self._deadline - time.monotonic()
            with connection.limited(max(CLOSE_TIMEOUT, min(self._links.timeout, left))):
                channel.basic_cancel(tag)
            while not all(worker.stop() for worker in self._workers) and time.monotonic() < self._deadline:
                connection.process_data_events(0.1)
            connection.run_callbacks()
        except FAILURES as error:
            raise _Lost(reason_of(error)) from error

    def _take(
        self,
        channel: BlockingChannel,
        delivery: pika.spec.Basic.Deliver,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        message = Message(
            body=body,
            queue=self.queue,
            message_id=properties.message_id,
            content_type=properties.content_type,
            headers=properties.headers or {},
            redelivered=bool(delivery.redelivered),
            tried=0,
            delivery=delivery,
            properties=properties,
        )
        self._work.put(_Delivered(channel, message))

    def _serve(self) -> None:
        while (delivered := self._work.get()) is not None:
            # Messages of a closed connection are delivered again.
            if delivered.channel.is_open and not self._keeper.is_stopping:
                self._handle(delivered)
        self._wake()

    def _handle(self, delivered: _Delivered) -> None:
        backoff = Backoff(self._pause, LONGEST_RETRY)
        for tried in range(self._tries):
            message = replace(delivered.message, tried=tried)
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
                    "; the queue's dead-letter settings apply" if last else "",
                )
            else:
                self._settle(delivered, done=True)
                return
            if not last and self._keeper.pause(backoff.next()):
                self._settle(delivered, again=True)
                return
        self._settle(delivered)

    def _settle(self, delivered: _Delivered, *, done: bool = False, again: bool = False) -> None:
        tag = delivered.message.delivery.delivery_tag or 0

        def settle() -> None:
            if not delivered.channel.is_open:
                return
            if done:
                delivered.channel.basic_ack(tag)
            else:
                delivered.channel.basic_nack(tag, requeue=again)

        connection = cast("Connection", delivered.channel.connection)
        if not connection.call_soon(settle):
            self._logger.warning(
                "amqp: the connection was lost before the message %s of the queue %r was acknowledged; it is "
                "delivered again",
                delivered.message.message_id or "without an id",
                self.queue,
            )


class _Lost(Exception):
    """The connection of a consumer was lost."""


@dataclass(frozen=True, slots=True)
class _Delivered:
    channel: BlockingChannel
    message: Message
