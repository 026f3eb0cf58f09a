"""The row of the backend: MongoDB, and its settings."""

from __future__ import annotations

from ...settings import casts
from ...settings.option import Option
from ..row import BackendRow

__all__ = ["MONGO_DATABASE", "OPENHEART_MONGODB_POOL", "OPENHEART_MONGODB_TIMEOUT", "ROW"]

OPENHEART_MONGODB_TIMEOUT: Option[float] = Option(
    "OPENHEART_MONGODB_TIMEOUT",
    casts.duration(0.1),
    5.0,
    "How long one call to MongoDB may take in all, retries included.",
    group="storage",
)
OPENHEART_MONGODB_POOL: Option[int] = Option(
    "OPENHEART_MONGODB_POOL",
    casts.integer(1, 10_000),
    32,
    "The most connections to each MongoDB server, in each process.",
    group="storage",
)
MONGO_DATABASE: Option[str | None] = Option(
    "MONGO_DATABASE",
    casts.word(),
    None,
    "The MongoDB database if a URI names none; load(mongo_database=) is the same. Unset is openheart.",
    group="data",
)

ROW = BackendRow(
    "openheart.storage.mongodb.backend:MongoBackend",
    extra="mongodb",
    keywords={
        "timeout": OPENHEART_MONGODB_TIMEOUT,
        "pool": OPENHEART_MONGODB_POOL,
        "database": MONGO_DATABASE,
    },
)
