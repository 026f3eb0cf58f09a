"""The row of the backend: SQLite, and its settings."""

from __future__ import annotations

from typing import Literal

from ...settings import casts
from ...settings.option import Option
from ..row import BackendRow

__all__ = ["OPENHEART_QUEUE", "OPENHEART_SQLITE_BUSY_TIMEOUT", "OPENHEART_SQLITE_SYNCHRONOUS", "ROW"]

OPENHEART_SQLITE_SYNCHRONOUS: Option[Literal["FULL", "NORMAL"]] = Option(
    "OPENHEART_SQLITE_SYNCHRONOUS",
    casts.choice("FULL", "NORMAL"),
    "FULL",
    "NORMAL is faster and may lose the last moments when the power fails.",
    group="storage",
)
OPENHEART_SQLITE_BUSY_TIMEOUT: Option[float] = Option(
    "OPENHEART_SQLITE_BUSY_TIMEOUT",
    casts.duration(),
    10.0,
    "How long to wait for another process that writes to the same SQLite file.",
    group="storage",
)
OPENHEART_QUEUE: Option[int] = Option(
    "OPENHEART_QUEUE",
    casts.integer(1, 10_000_000),
    10_000,
    "How many reactions may wait for the storage before more are answered with 503.",
    group="storage",
)

ROW = BackendRow(
    "openheart.storage.sqlite.backend:SqliteBackend",
    keywords={
        "synchronous": OPENHEART_SQLITE_SYNCHRONOUS,
        "busy_timeout": OPENHEART_SQLITE_BUSY_TIMEOUT,
        "queue": OPENHEART_QUEUE,
    },
)
