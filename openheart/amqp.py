"""Messages to and from other programs, through an AMQP broker such as RabbitMQ.

Needs ``pip install 'openheart[amqp]'`` and the setting CLOUDAMQP_URL.
"""

from __future__ import annotations

from .batteries.amqp.battery import (
    Consumer,
    Message,
    consume,
    consumer,
    declare,
    get_connection,
    properties,
    publish,
)

__all__ = ["Consumer", "Message", "consume", "consumer", "declare", "get_connection", "properties", "publish"]
