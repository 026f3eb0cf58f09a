"""Settings of reactions: the protocol over HTTP, and where counts live."""

from __future__ import annotations

from typing import Literal

from . import casts
from .option import Option

__all__ = [
    "OPENHEART_EMOJI",
    "OPENHEART_EMOJI_DENY",
    "OPENHEART_HOLD",
    "OPENHEART_LISTING",
    "OPENHEART_MAX_AGE",
    "OPENHEART_MAX_BODY",
    "OPENHEART_MONGODB_POOL",
    "OPENHEART_MONGODB_TIMEOUT",
    "OPENHEART_NONCE_TTL",
    "OPENHEART_OPEN_TARGETS",
    "OPENHEART_ORIGINS",
    "OPENHEART_QUEUE",
    "OPENHEART_SKIN_TONES",
    "OPENHEART_SQLITE_BUSY_TIMEOUT",
    "OPENHEART_SQLITE_SYNCHRONOUS",
    "OPENHEART_STALE",
    "OPENHEART_URI",
    "OPENHEART_URL_PREFIX",
    "OPENHEART_VALKEY_POOL",
    "OPENHEART_VALKEY_RETRIES",
    "OPENHEART_VALKEY_TIMEOUT",
    "OPENHEART_VALKEY_WAIT",
    "OPENHEART_WRITE_ONLY",
]

_switch = casts.boolean()

OPENHEART_URL_PREFIX: Option[str] = Option(
    "OPENHEART_URL_PREFIX",
    casts.url_prefix(),
    "/openheart",
    "The path in front of every target.",
    group="protocol",
)
OPENHEART_ORIGINS: Option[list[str]] = Option(
    "OPENHEART_ORIGINS",
    casts.origin_list(),
    ["*"],
    "The origins whose pages may react; * is any.",
    group="protocol",
)
OPENHEART_EMOJI: Option[list[str]] = Option(
    "OPENHEART_EMOJI",
    casts.text_list(),
    [],
    "The only emoji that are taken; empty takes all.",
    group="protocol",
)
OPENHEART_EMOJI_DENY: Option[list[str]] = Option(
    "OPENHEART_EMOJI_DENY", casts.text_list(), [], "Emoji that are never taken.", group="protocol"
)
OPENHEART_SKIN_TONES: Option[Literal["keep", "fold"]] = Option(
    "OPENHEART_SKIN_TONES",
    casts.choice("keep", "fold"),
    "keep",
    "Whether 👍🏽 counts as itself (keep) or as 👍 (fold).",
    group="protocol",
)
OPENHEART_MAX_BODY: Option[int] = Option(
    "OPENHEART_MAX_BODY", casts.size(), 16384, "The largest body of a reaction, in bytes.", group="protocol"
)
OPENHEART_MAX_AGE: Option[float] = Option(
    "OPENHEART_MAX_AGE",
    casts.duration(),
    0.0,
    "How long a cache may answer with old counts; 0 asks the server every time.",
    group="protocol",
)
OPENHEART_WRITE_ONLY: Option[bool] = Option(
    "OPENHEART_WRITE_ONLY", _switch, False, "Takes reactions and shows no counts.", group="protocol"
)
OPENHEART_HOLD: Option[bool] = Option(
    "OPENHEART_HOLD", _switch, False, "Takes no reactions for now (503), shows counts.", group="protocol"
)
OPENHEART_LISTING: Option[bool] = Option(
    "OPENHEART_LISTING",
    _switch,
    False,
    "Lets everyone list the targets that have reactions.",
    group="protocol",
)
OPENHEART_OPEN_TARGETS: Option[bool | None] = Option(
    "OPENHEART_OPEN_TARGETS",
    _switch,
    None,
    "Whether any address is a target; unset is on until a route of the app is marked with openheart=.",
    group="protocol",
)
OPENHEART_URI: Option[str | None] = Option(
    "OPENHEART_URI",
    casts.uri(),
    None,
    "Where the counts live; unset is an SQLite file. $REDISTOGO_URL takes the value of that variable.",
    group="storage",
)
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
OPENHEART_STALE: Option[float] = Option(
    "OPENHEART_STALE",
    casts.duration(),
    0.0,
    "How old the counts may be that are shown while the storage is away, marked so; 0 answers 503.",
    group="storage",
)
OPENHEART_QUEUE: Option[int] = Option(
    "OPENHEART_QUEUE",
    casts.integer(1, 10_000_000),
    10_000,
    "How many reactions may wait for the storage before more are answered with 503.",
    group="storage",
)
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
    "Connections to each MongoDB server at the most, in each process.",
    group="storage",
)
OPENHEART_VALKEY_TIMEOUT: Option[float] = Option(
    "OPENHEART_VALKEY_TIMEOUT",
    casts.duration(0.01),
    2.0,
    "How long to wait for a connection to Valkey, and for an answer.",
    group="storage",
)
OPENHEART_VALKEY_RETRIES: Option[int] = Option(
    "OPENHEART_VALKEY_RETRIES",
    casts.integer(0, 100),
    2,
    "How many more times that long Valkey is asked again before a request is answered with 503.",
    group="storage",
)
OPENHEART_VALKEY_POOL: Option[int] = Option(
    "OPENHEART_VALKEY_POOL",
    casts.integer(1, 10_000),
    16,
    "How many connections a process opens to each Valkey server; as many as SERVER_THREADS is enough.",
    group="storage",
)
OPENHEART_VALKEY_WAIT: Option[int] = Option(
    "OPENHEART_VALKEY_WAIT",
    casts.integer(0, 100),
    0,
    "How many replicas must have a reaction before it is acknowledged (WAIT); 0 asks the primary only.",
    group="storage",
)
OPENHEART_NONCE_TTL: Option[float] = Option(
    "OPENHEART_NONCE_TTL",
    casts.duration(0.1),
    60.0,
    "How long Valkey remembers a reaction, so that a repeated one counts once.",
    group="storage",
)
