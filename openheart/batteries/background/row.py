"""The row of the battery: work in the background, and its settings."""

from __future__ import annotations

from functools import partial

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = ["OPENHEART_BACKGROUND_QUEUE", "OPENHEART_BACKGROUND_THREADS", "OPENHEART_EXECUTION", "ROW"]

_option = partial(Option, group="background")

OPENHEART_EXECUTION: Option[bool] = _option(
    "OPENHEART_EXECUTION",
    casts.boolean(),
    True,
    "Whether work may run in the background; the same as load(execution=).",
)
OPENHEART_BACKGROUND_THREADS: Option[int] = _option(
    "OPENHEART_BACKGROUND_THREADS",
    casts.integer(1, 1024),
    1,
    "Threads that do work in the background, in each process; with more than one, work runs side by side.",
)
OPENHEART_BACKGROUND_QUEUE: Option[int] = _option(
    "OPENHEART_BACKGROUND_QUEUE",
    casts.integer(1, 10_000_000),
    1_000,
    "How much work may wait in the background of a process before more is refused.",
)

ROW = Row(
    "background",
    "openheart.batteries.background.battery:Background",
    settings=[OPENHEART_EXECUTION, OPENHEART_BACKGROUND_THREADS, OPENHEART_BACKGROUND_QUEUE],
    place=0,
)
