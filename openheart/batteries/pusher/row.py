"""The row of the battery: Pusher Channels, and its settings."""

from __future__ import annotations

from functools import partial

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = [
    "OPENHEART_PUSHER_CLUSTER",
    "OPENHEART_PUSHER_ENDPOINT",
    "OPENHEART_PUSHER_TIMEOUT",
    "PUSHER_APP_ID",
    "PUSHER_KEY",
    "PUSHER_SECRET",
    "ROW",
]

_option = partial(Option, group="pusher")

PUSHER_APP_ID: Option[str | None] = _option("PUSHER_APP_ID", casts.text(), None, "The application at Pusher.")
PUSHER_KEY: Option[str | None] = _option(
    "PUSHER_KEY", casts.text(), None, "The key of the application at Pusher, which browsers may know."
)
PUSHER_SECRET: Option[str | bytes | None] = _option(
    "PUSHER_SECRET", casts.secret_text(), None, "The secret of the application at Pusher.", secret=True
)
OPENHEART_PUSHER_CLUSTER: Option[str | None] = _option(
    "OPENHEART_PUSHER_CLUSTER", casts.word(), None, "The cluster of the application at Pusher; unset is mt1."
)
OPENHEART_PUSHER_ENDPOINT: Option[str | None] = _option(
    "OPENHEART_PUSHER_ENDPOINT",
    casts.http_url(),
    None,
    "The URL of a Pusher-compatible server to use instead of Pusher's.",
)
OPENHEART_PUSHER_TIMEOUT: Option[float] = _option(
    "OPENHEART_PUSHER_TIMEOUT", casts.duration(0.1), 5.0, "How long to wait for Pusher."
)

ROW = Row(
    "pusher",
    "openheart.batteries.pusher.battery:Pusher",
    needs=[PUSHER_APP_ID, PUSHER_KEY, PUSHER_SECRET],
    library="pusher",
    extra="pusher",
    settings=[
        PUSHER_APP_ID,
        PUSHER_KEY,
        PUSHER_SECRET,
        OPENHEART_PUSHER_CLUSTER,
        OPENHEART_PUSHER_ENDPOINT,
        OPENHEART_PUSHER_TIMEOUT,
    ],
    place=22,
    modules=["pusher.requests"],
)
