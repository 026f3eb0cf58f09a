"""The row of the battery: webhooks about reactions, and its settings."""

from __future__ import annotations

from functools import partial

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

_option = partial(Option, group="webhook")

OPENHEART_WEBHOOK: Option[str | None] = _option(
    "OPENHEART_WEBHOOK", casts.http_url(secret_path=True), None, "The URL that is notified of reactions."
)
OPENHEART_WEBHOOK_SECRET: Option[str | bytes | None] = _option(
    "OPENHEART_WEBHOOK_SECRET",
    casts.secret_text(),
    None,
    "The key that notices to OPENHEART_WEBHOOK are signed with.",
    secret=True,
)
OPENHEART_WEBHOOK_PRIVATE: Option[bool] = _option(
    "OPENHEART_WEBHOOK_PRIVATE",
    casts.boolean(),
    False,
    "Whether OPENHEART_WEBHOOK may be an address inside the network, such as 127.0.0.1.",
)
OPENHEART_WEBHOOK_WAIT: Option[float] = _option(
    "OPENHEART_WEBHOOK_WAIT", casts.duration(), 1.0, "How long reactions are collected for one notice."
)
OPENHEART_WEBHOOK_TRIES: Option[int] = _option(
    "OPENHEART_WEBHOOK_TRIES", casts.integer(1, 100), 6, "How often a notice is sent before it is dropped."
)
OPENHEART_WEBHOOK_TIMEOUT: Option[float] = _option(
    "OPENHEART_WEBHOOK_TIMEOUT", casts.duration(0.1), 10.0, "How long to wait for the answer to a notice."
)
OPENHEART_WEBHOOK_QUEUE: Option[int] = _option(
    "OPENHEART_WEBHOOK_QUEUE",
    casts.integer(1, 10_000_000),
    10_000,
    "How many reactions may wait to be reported before the oldest are dropped.",
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
