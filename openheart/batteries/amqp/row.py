"""The row of the battery: the AMQP broker, and its settings."""

from __future__ import annotations

from functools import partial

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = ["CLOUDAMQP_URL", "OPENHEART_AMQP_TIMEOUT", "ROW"]

_option = partial(Option, group="amqp")

CLOUDAMQP_URL: Option[str | None] = _option(
    "CLOUDAMQP_URL", casts.uri(), None, "The AMQP broker of the app, such as amqp://user:password@host/vhost."
)
OPENHEART_AMQP_TIMEOUT: Option[float] = _option(
    "OPENHEART_AMQP_TIMEOUT",
    casts.duration(0.1),
    10.0,
    "How long to wait for a connection to the broker, and for each confirmation.",
)

ROW = Row(
    "amqp",
    "openheart.batteries.amqp.battery:Amqp",
    needs=[CLOUDAMQP_URL],
    library="pika",
    extra="amqp",
    settings=[CLOUDAMQP_URL, OPENHEART_AMQP_TIMEOUT],
    place=18,
    modules=["openheart.batteries.amqp.links"],
)
