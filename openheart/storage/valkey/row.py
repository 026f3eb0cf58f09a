"""The row of the backend: Valkey and Redis, and its settings."""

from __future__ import annotations

from functools import partial

from ...settings import casts
from ...settings.option import Option
from ..row import BackendRow

__all__ = [
    "OPENHEART_NONCE_TTL",
    "OPENHEART_VALKEY_POOL",
    "OPENHEART_VALKEY_RETRIES",
    "OPENHEART_VALKEY_TIMEOUT",
    "OPENHEART_VALKEY_WAIT",
    "ROW",
]

_option = partial(Option, group="storage")

OPENHEART_VALKEY_TIMEOUT: Option[float] = _option(
    "OPENHEART_VALKEY_TIMEOUT",
    casts.duration(0.01),
    2.0,
    "How long to wait for a connection to Valkey, and for an answer.",
)
OPENHEART_VALKEY_POOL: Option[int] = _option(
    "OPENHEART_VALKEY_POOL",
    casts.integer(1, 10_000),
    16,
    "How many connections a process opens to each Valkey server; as many as SERVER_THREADS is enough.",
)
OPENHEART_VALKEY_RETRIES: Option[int] = _option(
    "OPENHEART_VALKEY_RETRIES",
    casts.integer(0, 100),
    2,
    "How many more times OPENHEART_VALKEY_TIMEOUT to keep trying before a request is answered with 503.",
)
OPENHEART_VALKEY_WAIT: Option[int] = _option(
    "OPENHEART_VALKEY_WAIT",
    casts.integer(0, 100),
    0,
    "How many replicas must have a reaction before it is acknowledged (WAIT); 0 waits for the primary only.",
)
OPENHEART_NONCE_TTL: Option[float] = _option(
    "OPENHEART_NONCE_TTL",
    casts.duration(0.1),
    60.0,
    "How long Valkey remembers a reaction, so that a repeated one counts once.",
)

ROW = BackendRow(
    "openheart.storage.valkey.backend:ValkeyBackend",
    extra="valkey",
    keywords={
        "timeout": OPENHEART_VALKEY_TIMEOUT,
        "pool": OPENHEART_VALKEY_POOL,
        "retries": OPENHEART_VALKEY_RETRIES,
        "wait": OPENHEART_VALKEY_WAIT,
        "nonce_ttl": OPENHEART_NONCE_TTL,
    },
)
