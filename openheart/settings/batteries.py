"""Settings of the batteries: what load() can switch on. All are off until they are configured."""

from __future__ import annotations

from typing import Literal

from . import casts
from .option import Option

__all__ = [
    "AMAZON_BUCKET",
    "AMAZON_ID",
    "AMAZON_SECRET",
    "CLOUDAMQP_URL",
    "MONGOHQ_URL",
    "MONGO_DATABASE",
    "OPENHEART_AMQP_TIMEOUT",
    "OPENHEART_BACKGROUND_QUEUE",
    "OPENHEART_BACKGROUND_THREADS",
    "OPENHEART_BATTERIES",
    "OPENHEART_EXECUTION",
    "OPENHEART_LIVE",
    "OPENHEART_LIVE_BACKLOG",
    "OPENHEART_LIVE_HEARTBEAT",
    "OPENHEART_LIVE_LIFE",
    "OPENHEART_LIVE_LISTENERS",
    "OPENHEART_LOCALES",
    "OPENHEART_PUSHER_CLUSTER",
    "OPENHEART_PUSHER_ENDPOINT",
    "OPENHEART_PUSHER_TIMEOUT",
    "OPENHEART_REDIS_SESSION",
    "OPENHEART_S3_ENDPOINT",
    "OPENHEART_S3_REGION",
    "OPENHEART_S3_TIMEOUT",
    "OPENHEART_SMTP_CA",
    "OPENHEART_SMTP_TIMEOUT",
    "OPENHEART_SMTP_TLS",
    "OPENHEART_WEBHOOK",
    "OPENHEART_WEBHOOK_PRIVATE",
    "OPENHEART_WEBHOOK_QUEUE",
    "OPENHEART_WEBHOOK_SECRET",
    "OPENHEART_WEBHOOK_TIMEOUT",
    "OPENHEART_WEBHOOK_TRIES",
    "OPENHEART_WEBHOOK_WAIT",
    "PUSHER_APP_ID",
    "PUSHER_KEY",
    "PUSHER_SECRET",
    "REDISTOGO_URL",
    "SMTP_HOST",
    "SMTP_PASSWORD",
    "SMTP_USER",
]

_switch = casts.boolean()
_name = casts.text()

OPENHEART_BATTERIES: Option[list[str]] = Option(
    "OPENHEART_BATTERIES",
    casts.text_list(),
    [],
    "Batteries of other packages to switch on, by the names of their entry points.",
    group="batteries",
)
OPENHEART_EXECUTION: Option[bool] = Option(
    "OPENHEART_EXECUTION",
    _switch,
    True,
    "Whether work may run in the background; load(execution=) is the same.",
    group="batteries",
)
OPENHEART_BACKGROUND_THREADS: Option[int] = Option(
    "OPENHEART_BACKGROUND_THREADS",
    casts.integer(1, 1024),
    4,
    "Threads that do work in the background, in each process.",
    group="batteries",
)
OPENHEART_BACKGROUND_QUEUE: Option[int] = Option(
    "OPENHEART_BACKGROUND_QUEUE",
    casts.integer(1, 10_000_000),
    1_000,
    "How much work may wait in the background of a process before more of it is refused.",
    group="batteries",
)
OPENHEART_LOCALES: Option[list[str] | None] = Option(
    "OPENHEART_LOCALES",
    casts.locale_list(),
    None,
    "The languages of the app, the default first; load(locales=) is the same. Unset is English.",
    group="batteries",
)
MONGOHQ_URL: Option[str | None] = Option(
    "MONGOHQ_URL",
    casts.uri(),
    None,
    "The MongoDB of the app, for openheart.mongodb; the counts are there only if OPENHEART_URI=$MONGOHQ_URL.",
    group="data",
)
MONGO_DATABASE: Option[str | None] = Option(
    "MONGO_DATABASE",
    casts.word(),
    None,
    "The MongoDB database where a URI names none; load(mongo_database=) is the same. Unset is openheart.",
    group="data",
)
REDISTOGO_URL: Option[str | None] = Option(
    "REDISTOGO_URL",
    casts.uri(),
    None,
    "The Valkey of the app, for openheart.valkey, sessions and live events; the counts are elsewhere.",
    group="data",
)
OPENHEART_REDIS_SESSION: Option[bool] = Option(
    "OPENHEART_REDIS_SESSION",
    _switch,
    False,
    "Keeps sessions in the Valkey of REDISTOGO_URL; load(redis_session=) is the same.",
    group="data",
)
SMTP_HOST: Option[str | None] = Option(
    "SMTP_HOST",
    casts.address(),
    None,
    "The mail server, with its port after a colon where that is not the usual one.",
    group="mail",
)
SMTP_USER: Option[str | None] = Option(
    "SMTP_USER",
    _name,
    None,
    "The user at the mail server, and the sender of mail that names none.",
    group="mail",
)
SMTP_PASSWORD: Option[str | bytes | None] = Option(
    "SMTP_PASSWORD", casts.secret_text(), None, "The password at the mail server.", secret=True, group="mail"
)
OPENHEART_SMTP_TLS: Option[Literal["auto", "starttls", "tls", "off"]] = Option(
    "OPENHEART_SMTP_TLS",
    casts.choice("auto", "starttls", "tls", "off"),
    "auto",
    "STARTTLS where it is offered (auto) or always (starttls), TLS from the first byte (tls), or none.",
    group="mail",
)
OPENHEART_SMTP_CA: Option[str | None] = Option(
    "OPENHEART_SMTP_CA",
    _name,
    None,
    "A file of the certificates of those who sign the mail server's; unset takes the system's.",
    group="mail",
)
OPENHEART_SMTP_TIMEOUT: Option[float] = Option(
    "OPENHEART_SMTP_TIMEOUT",
    casts.duration(0.1),
    10.0,
    "How long to wait for the mail server, at each step.",
    group="mail",
)
CLOUDAMQP_URL: Option[str | None] = Option(
    "CLOUDAMQP_URL",
    casts.uri(),
    None,
    "The AMQP broker of the app, such as amqp://user:password@host/vhost.",
    group="amqp",
)
OPENHEART_AMQP_TIMEOUT: Option[float] = Option(
    "OPENHEART_AMQP_TIMEOUT",
    casts.duration(0.1),
    10.0,
    "How long to wait for a connection to the broker, and for what it confirms.",
    group="amqp",
)
AMAZON_ID: Option[str | None] = Option(
    "AMAZON_ID", _name, None, "The access key at the S3 store.", group="s3"
)
AMAZON_SECRET: Option[str | bytes | None] = Option(
    "AMAZON_SECRET", casts.secret_text(), None, "The secret key at the S3 store.", secret=True, group="s3"
)
AMAZON_BUCKET: Option[str | None] = Option(
    "AMAZON_BUCKET", casts.word(), None, "The bucket of the app.", group="s3"
)
OPENHEART_S3_ENDPOINT: Option[str | None] = Option(
    "OPENHEART_S3_ENDPOINT",
    casts.http_url(),
    None,
    "The address of an S3 store that is not Amazon's.",
    group="s3",
)
OPENHEART_S3_REGION: Option[str] = Option(
    "OPENHEART_S3_REGION", casts.word(), "us-east-1", "The region of the S3 store.", group="s3"
)
OPENHEART_S3_TIMEOUT: Option[float] = Option(
    "OPENHEART_S3_TIMEOUT",
    casts.duration(0.1),
    10.0,
    "How long to wait for the S3 store, at each step.",
    group="s3",
)
PUSHER_APP_ID: Option[str | None] = Option(
    "PUSHER_APP_ID", _name, None, "The application at Pusher.", group="pusher"
)
PUSHER_KEY: Option[str | None] = Option(
    "PUSHER_KEY",
    _name,
    None,
    "The key of the application at Pusher, which browsers may know.",
    group="pusher",
)
PUSHER_SECRET: Option[str | bytes | None] = Option(
    "PUSHER_SECRET",
    casts.secret_text(),
    None,
    "The secret of the application at Pusher.",
    secret=True,
    group="pusher",
)
OPENHEART_PUSHER_CLUSTER: Option[str | None] = Option(
    "OPENHEART_PUSHER_CLUSTER",
    casts.word(),
    None,
    "The cluster of the application at Pusher; unset is mt1.",
    group="pusher",
)
OPENHEART_PUSHER_ENDPOINT: Option[str | None] = Option(
    "OPENHEART_PUSHER_ENDPOINT",
    casts.http_url(),
    None,
    "The address of a server that speaks as Pusher's does, in its place.",
    group="pusher",
)
OPENHEART_PUSHER_TIMEOUT: Option[float] = Option(
    "OPENHEART_PUSHER_TIMEOUT", casts.duration(0.1), 5.0, "How long to wait for Pusher.", group="pusher"
)
OPENHEART_WEBHOOK: Option[str | None] = Option(
    "OPENHEART_WEBHOOK", casts.http_url(), None, "The address that is told of reactions.", group="webhook"
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
    _switch,
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
    "How often a notice is sent before it is given up.",
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
    "How many reactions may wait to be told of before the oldest are given up.",
    group="webhook",
)
OPENHEART_LIVE: Option[bool] = Option(
    "OPENHEART_LIVE",
    _switch,
    False,
    "Sends events to browsers as they happen, at <prefix>/-/live.",
    group="live",
)
OPENHEART_LIVE_LISTENERS: Option[int | None] = Option(
    "OPENHEART_LIVE_LISTENERS",
    casts.integer(1, 1_000_000),
    None,
    "How many browsers may listen to each process at once; unset is half of SERVER_THREADS.",
    group="live",
)
OPENHEART_LIVE_HEARTBEAT: Option[float] = Option(
    "OPENHEART_LIVE_HEARTBEAT",
    casts.duration(0.1),
    15.0,
    "How often a browser that hears nothing is told that the server is there.",
    group="live",
)
OPENHEART_LIVE_LIFE: Option[float] = Option(
    "OPENHEART_LIVE_LIFE",
    casts.duration(1.0),
    86_400.0,
    "How long a browser may listen with the address that live_url() made for its page.",
    group="live",
)
OPENHEART_LIVE_BACKLOG: Option[int] = Option(
    "OPENHEART_LIVE_BACKLOG",
    casts.integer(1, 1_000_000),
    100,
    "How many events are kept of each channel for a browser that comes back, and wait for a slow one.",
    group="live",
)
