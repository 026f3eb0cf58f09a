"""A message of a queue, as its handler gets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pika

__all__ = ["Message"]


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
