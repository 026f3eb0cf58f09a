"""The row of the battery: live events, and its settings."""

from __future__ import annotations

from functools import partial

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = [
    "OPENHEART_LIVE",
    "OPENHEART_LIVE_BACKLOG",
    "OPENHEART_LIVE_HEARTBEAT",
    "OPENHEART_LIVE_LIFE",
    "OPENHEART_LIVE_LISTENERS",
    "ROW",
]

_option = partial(Option, group="live")

OPENHEART_LIVE: Option[bool] = _option(
    "OPENHEART_LIVE", casts.boolean(), False, "Sends events to browsers as they happen, at <prefix>/-/live."
)
OPENHEART_LIVE_LISTENERS: Option[int | None] = _option(
    "OPENHEART_LIVE_LISTENERS",
    casts.integer(1, 1_000_000),
    None,
    "How many browsers may listen to each process at once; unset is half of SERVER_THREADS.",
)
OPENHEART_LIVE_HEARTBEAT: Option[float] = _option(
    "OPENHEART_LIVE_HEARTBEAT",
    casts.duration(0.1),
    15.0,
    "How long without events before a browser is sent a heartbeat.",
)
OPENHEART_LIVE_LIFE: Option[float] = _option(
    "OPENHEART_LIVE_LIFE",
    casts.duration(1.0),
    86_400.0,
    "How long a browser may listen with a URL of live_url().",
)
OPENHEART_LIVE_BACKLOG: Option[int] = _option(
    "OPENHEART_LIVE_BACKLOG",
    casts.integer(1, 1_000_000),
    100,
    "How many events are kept for each channel for browsers that reconnect, and may wait for a slow one.",
)

ROW = Row(
    "live",
    "openheart.batteries.live.battery:Live",
    needs=[OPENHEART_LIVE],
    settings=[
        OPENHEART_LIVE,
        OPENHEART_LIVE_LISTENERS,
        OPENHEART_LIVE_HEARTBEAT,
        OPENHEART_LIVE_LIFE,
        OPENHEART_LIVE_BACKLOG,
    ],
    place=4,
)
