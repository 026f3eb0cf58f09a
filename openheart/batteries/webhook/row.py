"""The row of the battery: webhooks about reactions, and its settings."""

from __future__ import annotations

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = [
    "OPENHEART_WEBHOOK",
    "OPENHEART_WEBHOOK_PRIVATE",
    "OPENHEART_WEBHOOK_QUEUE",
    "OPENHEART_WEBHOOK_SECRET",
    "OPENHEART_WEBHOOK_TIMEOUT",
    "OPENHEART_WEBHOOK_TRIES",
    "OPENHEART_WEBHOOK_WAIT",
    "ROW",
]

OPENHEART_WEBHOOK: Option[str | None] = Option(
    "OPENHEART_WEBHOOK", casts.http_url(), None, "The URL that is notified of reactions.", group="webhook"
)
OPENHEART_WEBHOOK_SECRET: Option[str | bytes | None] = Option(
    "OPENHEART_WEBHOOK_SECRET",
    casts.secret_text(),
    None,
    "The key that notices to OPENHEART_WEBHOOK are signed with.",
    secret=True,
    group="webhook",
)
OPENHEART_WEBHOOK_PRIVATE: Option[bool] = Option(
    "OPENHEART_WEBHOOK_PRIVATE",
    casts.boolean(),
    False,
    "Whether OPENHEART_WEBHOOK may be an address inside the network, such as 127.0.0.1.",
    group="webhook",
)
OPENHEART_WEBHOOK_WAIT: Option[float] = Option(
    "OPENHEART_WEBHOOK_WAIT",
    casts.duration(),
    1.0,
    "How long reactions are collected for one notice.",
    group="webhook",
)
OPENHEART_WEBHOOK_TRIES: Option[int] = Option(
    "OPENHEART_WEBHOOK_TRIES",
    casts.integer(1, 100),
    6,
    "How often a notice is sent before it is dropped.",
    group="webhook",
)
OPENHEART_WEBHOOK_TIMEOUT: Option[float] = Option(
    "OPENHEART_WEBHOOK_TIMEOUT",
    casts.duration(0.1),
    10.0,
    "How long to wait for the answer to a notice.",
    group="webhook",
)
OPENHEART_WEBHOOK_QUEUE: Option[int] = Option(
    "OPENHEART_WEBHOOK_QUEUE",
    casts.integer(1, 10_000_000),
    10_000,
    "How many reactions may wait to be reported before the oldest are dropped.",
    group="webhook",
)

ROW = Row(
    "webhook",
    "openheart.batteries.webhook.battery:Webhook",
    needs=[OPENHEART_WEBHOOK, OPENHEART_WEBHOOK_SECRET],
    library="urllib3",
    extra="webhook",
    settings=[
        OPENHEART_WEBHOOK,
        OPENHEART_WEBHOOK_SECRET,
        OPENHEART_WEBHOOK_PRIVATE,
        OPENHEART_WEBHOOK_WAIT,
        OPENHEART_WEBHOOK_TRIES,
        OPENHEART_WEBHOOK_TIMEOUT,
        OPENHEART_WEBHOOK_QUEUE,
    ],
    place=2,
)
