"""The AMQP broker of the application: ``openheart.amqp.publish()``, ``consume()``, ``get_connection()``."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Flask

from ...errors import BatteryOutcomeUnknown, BatteryUnavailable
from ...settings.config import SERVER_GRACE
from ..background.reloader import is_reloader
from ..background.row import OPENHEART_EXECUTION
from ..battery import Battery, battery_of
from .consumer import Consumer, Message
from .row import ROW

if TYPE_CHECKING:
    import pika

    from .links import Link, Links

__all__ = [
    "Amqp",
    "Consumer",
    "Message",
    "consume",
    "consumer",
    "declare",
    "get_connection",
    "properties",
    "publish",
]

Handler = Callable[[Message], object]

FAILED = ".failed"
LONGEST_NAME = 255  # bytes, of AMQP's short strings
SENDS = 3


def get_connection(app: Flask | None = None) -> pika.BlockingConnection:
    """The connection of this thread to the broker of CLOUDAMQP_URL.

    It is made at first use, and again after the broker has dropped it, so call this each time. It is closed
    when the thread ends, and by ``openheart.unload()``, which waits for messages of ``publish()`` but not for
    what you do with the connection. You manage its channels; they raise pika's own errors.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.

    Raises:
        ConfigError: no broker is configured, its URL cannot be used, or pika is not installed.
        BatteryUnavailable: the broker cannot be reached.
        BatteryError: it refuses the login or the vhost.
        OpenHeartError: there is no application.
    """
    return battery_of(Amqp, app).resource.links.current().connection()


def properties(**values: Any) -> pika.BasicProperties:
    """The properties of a message that you send through ``get_connection()`` yourself.

    Args:
        values: the arguments of ``pika.BasicProperties``, such as ``delivery_mode=2``.
    """
    import pika

    return pika.BasicProperties(**values)


def declare(queue: str, *, arguments: Mapping[str, Any] | None = None, app: Flask | None = None) -> int:
    """Declare a durable queue, and a second one for messages that cannot be handled.

    The second one has ``.failed`` after its name. Declaring both again changes nothing.

    Args:
        queue: the name of the queue.
        arguments: of the queue, such as ``{"x-queue-type": "quorum"}``; they take precedence over ours, which
            are ``x-dead-letter-exchange`` and ``x-dead-letter-routing-key``.
        app: as in ``get_connection``.

    Returns:
        How many messages wait in the queue.

    Raises:
        BatteryError: the broker refuses, such as when the queue exists with other arguments.
        ConfigError, BatteryUnavailable, OpenHeartError: as in ``get_connection``.
    """
    return _declare(battery_of(Amqp, app).resource.links.current(), _name(queue, "queue"), arguments)


def publish(
    queue: str,
    body: object,
    *,
    exchange: str = "",
    content_type: str | None = None,
    headers: Mapping[str, Any] | None = None,
    message_id: str | None = None,
    retry: bool = False,
    app: Flask | None = None,
) -> str:
    """Send a message, and return once the broker has confirmed that it is stored.

    Args:
        queue: the queue; with ``exchange``, the routing key.
        body: bytes, text (sent as UTF-8), or anything that can be encoded as JSON.
        exchange: the exchange to send to instead of a queue.
        content_type: the content type of the body; by default it follows from the type of ``body``.
        headers: the headers of the message.
        message_id: identifies the message; by default a new UUID.
        retry: send it again when the connection was lost before the message was confirmed. It then arrives
            at least once, perhaps twice, with the same ``message_id``.
        app: as in ``get_connection``.

    Returns:
        The ``message_id``.

    Raises:
        MessageUnroutable: no queue receives it.
        MessageRefused: the broker rejected it.
        BatteryOutcomeUnknown: it was sent, and not confirmed in time: it is stored or not.
        BatteryUnavailable: the broker cannot be reached; nothing was sent.
        BatteryError: it refuses the login or the vhost; nothing was sent.
        ValueError, TypeError: a name is not valid in AMQP, or the body cannot be encoded as JSON.
        ConfigError, OpenHeartError: as in ``get_connection``.
    """
    data, found_type = _encode(body)
    key = _name(queue, "queue") if not exchange else queue
    message_id = message_id or str(uuid.uuid4())
    link = battery_of(Amqp, app).resource.links.current()
    sent = properties(
        content_type=content_type or found_type,
        headers=dict(headers or {}),
        message_id=_name(message_id, "message_id"),
        timestamp=int(time.time()),
        delivery_mode=2,  # kept on disk
    )
    unknown: BatteryOutcomeUnknown | None = None
    for _ in range(SENDS if retry else 1):
        try:
            link.publish(exchange, key, data, sent)
        except BatteryOutcomeUnknown as error:
            unknown = error
        except BatteryUnavailable:
            # An earlier try may have arrived.
            if unknown is None:
                raise
        else:
            return message_id
    assert unknown is not None
    raise unknown


def consume(
    queue: str,
    handler: Handler,
    *,
    threads: int = 1,
    prefetch: int | None = None,
    tries: int = 3,
    pause: float = 1.0,
    declare: bool = True,
    arguments: Mapping[str, Any] | None = None,
    app: Flask | None = None,
) -> Consumer:
    """Call a function for each message of a queue, in threads of this process.

    The function runs in an application context. The message is acknowledged when it returns. When it
    raises, it is tried again after a pause; when all tries have failed, the message goes where the queue
    sends its dead letters: for a queue declared here, to the queue with ``.failed`` after its name.

    The consumer reconnects when the connection is lost. A message may come twice (``message_id``), such as
    when the connection was lost before it was acknowledged. ``openheart.unload()`` and the end of
    ``openheart.run()`` let running functions finish, within SERVER_GRACE. With OPENHEART_EXECUTION off,
    and in the process of ``flask run --debug`` that does not serve, nothing is consumed.

    Args:
        queue: the queue.
        handler: the function; it takes a ``Message``.
        threads: how many messages are handled at once.
        prefetch: how many messages the broker sends ahead; by default as many as there are threads.
        tries: how often the function is tried on a message.
        pause: seconds before the second try; they double with each further one, up to a minute.
        declare: whether to declare the queue, as ``declare()`` does. False uses a queue that exists.
        arguments: as in ``declare()``.
        app: as in ``get_connection``.

    Returns:
        The consumer, which has ``stop(grace)`` and ``wait()``.

    Raises:
        ConfigError: as in ``get_connection``. An unavailable broker is not an error here.
        ValueError: an argument is out of range.
    """
    battery = battery_of(Amqp, app)
    _name(_name(queue, "queue") + (FAILED if declare else ""), "queue")
    prefetch = threads if prefetch is None else prefetch
    for name, value in (("threads", threads), ("prefetch", prefetch), ("tries", tries)):
        if not 1 <= value <= 65535:
            raise ValueError(f"{name}={value} cannot be used: expected a number from 1 to 65535")
    broker = battery.resource

    def prepare(link: Link) -> None:
        if declare:
            _declare(link, queue, arguments)

    made = Consumer(
        battery,
        broker.links,
        queue,
        handler,
        prefetch=prefetch,
        threads=threads,
        tries=tries,
        pause=pause,
        prepare=prepare,
    )
    if battery.config[OPENHEART_EXECUTION] and not is_reloader():
        broker.consumers.append(made)
        made.start()
    return made


def consumer(queue: str, **options: Any) -> Callable[[Handler], Handler]:
    """``consume()`` as a decorator for the function that handles the messages.

    Args:
        queue: the queue.
        options: the other arguments of ``consume()``.

    Raises:
        ConfigError, ValueError: as ``consume()``.
    """

    def decorate(handler: Handler) -> Handler:
        consume(queue, handler, **options)
        return handler

    return decorate


@dataclass(frozen=True, slots=True)
class _Broker:
    """The connections and consumers of an application in one process."""

    links: Links
    consumers: list[Consumer] = field(default_factory=list)


class Amqp(Battery[_Broker]):
    """The connections and the consumers of an application."""

    row = ROW

    def open(self) -> _Broker:
        from .links import Links

        return _Broker(Links(self.config))

    def shut(self, resource: _Broker) -> None:
        grace = self.config[SERVER_GRACE]
        # All are asked to stop first, so that together they take no longer than the slowest.
        for consumer in resource.consumers:
            consumer.ask_to_stop(grace)
        for consumer in resource.consumers:
            consumer.stop(grace)
        resource.links.close()

    def check(self) -> None:
        broker = self.resource
        broker.links.current().ping()
        for consumer in broker.consumers:
            if consumer.trouble is not None:
                raise BatteryUnavailable(
                    self.name, f"the queue {consumer.queue!r} is not consumed: {consumer.trouble}"
                )


def _declare(link: Link, queue: str, arguments: Mapping[str, Any] | None) -> int:
    failed = _name(queue + FAILED, "queue")
    link.declare(failed, None)
    ours = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": failed}
    return link.declare(queue, {**ours, **(arguments or {})})


def _encode(body: object) -> tuple[bytes, str]:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), "application/octet-stream"
    if isinstance(body, str):
        return body.encode("utf-8"), "text/plain; charset=utf-8"
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8"), "application/json"


def _name(value: str, what: str) -> str:
    if not value or len(value.encode("utf-8")) > LONGEST_NAME or not value.isprintable():
        raise ValueError(
            f"{what}={value!r} cannot be used: expected 1 to {LONGEST_NAME} bytes without control characters"
        )
    return value
