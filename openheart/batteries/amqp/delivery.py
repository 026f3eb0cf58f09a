"""A message of a queue, as the function that handles it gets it."""

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
        message_id: what tells it from others; a message that comes twice has the same one. None where who
            sent it gave none.
        content_type: what the body is, such as ``application/json``; None where nobody said it.
        headers: what was sent along.
        redelivered: whether it may have come before.
        tried: how often the handler has failed on it, since it came.
        delivery: where it was sent to and more, as pika gives it.
        properties: all that was sent along, as pika gives it.
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
        """What the body says as JSON; raises ValueError."""
        return json.loads(self.body)
