"""Every setting once: name, type, default, one line of documentation, secret or not. The command
``openheart config`` and the reference page are made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from . import casts
from .casts import Cast, mask_uri, mask_uris

__all__ = [
    "BATTERY_VARIABLES",
    "DEBUG",
    "HOST",
    "INSTANCE",
    "LEVEL",
    "MONGOHQ_URL",
    "MONGO_DATABASE",
    "NAME",
    "OPENHEART_ACCESS_LOG",
    "OPENHEART_CONFIG",
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
    "OPTIONS",
    "PORT",
    "SECRET_KEY",
    "SERVER",
    "SERVER_GRACE",
    "SERVER_THREADS",
    "SERVER_WORKERS",
    "Option",
    "ReferenceRow",
    "reference_rows",
]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Option(Generic[T_co]):
    """One row of the table of settings.

    Attributes:
        name: the variable's name, such as ``PORT``.
        cast: from what is written to the value.
        default: the value when nobody sets it.
        doc: one line for the reference page.
        secret: whether the value may never be shown.
        group: the heading it stands under: instance, server, protocol, storage or batteries.
    """

    name: str
    cast: Cast[T_co]
    default: T_co
    doc: str
    secret: bool = False
    group: str = "instance"

    def show(self, value: object) -> str:
        """The value as text for people, with its secrets masked; None is ``unset``."""
        if value is None:
            return "unset"
        return "***" if self.secret else self.cast.show(value)

    def show_refused(self, value: object) -> object:
        """A value that could not be cast, as far as it may be shown."""
        if self.secret:
            return "***"
        if self.cast.expands:
            return mask_uri(value) if isinstance(value, str) else "***"
        return mask_uris(value)


_port = casts.integer(0, 65535)
_switch = casts.boolean()
_name: Cast[str] = casts.text()

NAME: Option[str | None] = Option(
    "NAME", _name, None, "The name of this site in the logs; no more than that."
)
INSTANCE: Option[str | None] = Option(
    "INSTANCE", casts.word(), None, "Keeps the data and the logs of two instances on one storage apart."
)
LEVEL: Option[str] = Option("LEVEL", casts.level(), "INFO", "The least severe level that is logged.")
DEBUG: Option[bool] = Option("DEBUG", _switch, False, "Deprecated: 1 means LEVEL=DEBUG.")
SECRET_KEY: Option[str | bytes | None] = Option(
    "SECRET_KEY",
    casts.secret_text(),
    None,
    "The key that Flask signs with; unset leaves app.secret_key.",
    secret=True,
)
OPENHEART_CONFIG: Option[str | None] = Option(
    "OPENHEART_CONFIG",
    _name,
    None,
    "A TOML file with settings, one a line; a relative path starts at the folder.",
)

OPENHEART_ACCESS_LOG: Option[bool] = Option(
    "OPENHEART_ACCESS_LOG", _switch, False, "Logs a line of JSON for each request to openheart's own routes."
)

HOST: Option[str] = Option("HOST", _name, "127.0.0.1", "The address to listen on.", group="server")
PORT: Option[int] = Option("PORT", _port, 5000, "The port to listen on; 0 takes a free one.", group="server")
SERVER: Option[Literal["waitress", "gunicorn", "granian", "werkzeug"]] = Option(
    "SERVER",
    casts.choice("waitress", "gunicorn", "granian", "werkzeug"),
    "waitress",
    "The WSGI server that run() starts; other SERVER_* variables are passed to it as its options.",
    group="server",
)
SERVER_THREADS: Option[int] = Option(
    "SERVER_THREADS",
    casts.integer(1, 1024),
    16,
    "Threads that answer requests, in each worker.",
    group="server",
)
SERVER_WORKERS: Option[int] = Option(
    "SERVER_WORKERS",
    casts.integer(1, 1024),
    1,
    "Worker processes, where the server has them.",
    group="server",
)
SERVER_GRACE: Option[float] = Option(
    "SERVER_GRACE",
    casts.duration(),
    30.0,
    "How long a stopping server waits for running requests.",
    group="server",
)

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

MONGOHQ_URL: Option[str | None] = Option(
    "MONGOHQ_URL",
    casts.uri(),
    None,
    "The MongoDB of the app, for openheart.mongodb; the counts are there only if OPENHEART_URI=$MONGOHQ_URL.",
    group="batteries",
)
MONGO_DATABASE: Option[str | None] = Option(
    "MONGO_DATABASE",
    casts.word(),
    None,
    "The MongoDB database where a URI names none; load(mongo_database=) is the same. Unset is openheart.",
    group="batteries",
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

OPTIONS: tuple[Option[Any], ...] = tuple(each for each in globals().values() if isinstance(each, Option))
"""The table of settings, in the order of the reference page."""

BATTERY_VARIABLES = frozenset(
    {
        "AMAZON_BUCKET",
        "AMAZON_ID",
        "AMAZON_SECRET",
        "CLOUDAMQP_URL",
        "PUSHER_APP_ID",
        "PUSHER_KEY",
        "PUSHER_SECRET",
        "REDISTOGO_URL",
        "SMTP_HOST",
        "SMTP_PASSWORD",
        "SMTP_USER",
    }
)
"""Variables that are no settings of the reaction server, and may stand in the config file."""


class ReferenceRow(NamedTuple):
    """One setting as the reference page shows it, all as text but for ``secret``."""

    name: str
    type: str
    default: str
    doc: str
    secret: bool
    group: str


def reference_rows() -> list[ReferenceRow]:
    """The table of settings as rows for the reference page, in the table's order."""
    return [
        ReferenceRow(
            each.name, each.cast.description, each.show(each.default), each.doc, each.secret, each.group
        )
        for each in OPTIONS
    ]
