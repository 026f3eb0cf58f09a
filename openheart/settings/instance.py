"""Settings of the instance and of the server that serves it."""

from __future__ import annotations

from functools import partial
from typing import Literal

from . import casts, net_casts
from .option import Option

__all__ = [
    "DEBUG",
    "HOST",
    "INSTANCE",
    "LEVEL",
    "NAME",
    "OPENHEART_ACCESS_LOG",
    "OPENHEART_BATTERIES",
    "OPENHEART_CONFIG",
    "OPENHEART_PROXIES",
    "OPENHEART_PROXY_HEADERS",
    "PORT",
    "SECRET_KEY",
    "SERVER",
    "SERVER_GRACE",
    "SERVER_THREADS",
    "SERVER_WORKERS",
]

_option = partial(Option, group="server")

_port = casts.integer(0, 65535)
_switch = casts.boolean()
_name = casts.text()

NAME: Option[str | None] = Option("NAME", _name, None, "The name of this site; used in the logs only.")
INSTANCE: Option[str | None] = Option(
    "INSTANCE",
    casts.word(),
    None,
    "Keeps the data and the logs of two instances on the same servers apart.",
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
HOST: Option[str] = _option(
    "HOST", _name, "127.0.0.1", "The address to listen on; unix:/run/openheart.sock is a Unix socket."
)
PORT: Option[int] = _option("PORT", _port, 5000, "The port to listen on; 0 picks a free one.")
SERVERS = ("waitress", "gunicorn", "granian", "werkzeug")
"""What SERVER may name. With another name a warning is logged, and the default serves."""
SERVER: Option[str] = _option(
    "SERVER",
    casts.Cast(f"one of {', '.join(SERVERS)}", lambda value: casts.text()(value).lower()),
    "waitress",
    "The WSGI server that run() starts; other SERVER_* variables are passed to it as its options.",
)
SERVER_THREADS: Option[int] = _option(
    "SERVER_THREADS", casts.integer(1, 1024), 16, "Threads that answer requests, in each worker."
)
SERVER_WORKERS: Option[int] = _option(
    "SERVER_WORKERS", casts.integer(1, 1024), 1, "Worker processes, where the server has them."
)
SERVER_GRACE: Option[float] = _option(
    "SERVER_GRACE",
    casts.duration(),
    30.0,
    "How long a stopping server waits for running requests, and then for work in the background.",
)
OPENHEART_PROXIES: Option[list[str]] = _option(
    "OPENHEART_PROXIES",
    net_casts.network_list(),
    [],
    "The proxies that say from where and by which scheme a visitor comes.",
)
OPENHEART_PROXY_HEADERS: Option[Literal["x-forwarded", "forwarded"]] = _option(
    "OPENHEART_PROXY_HEADERS",
    casts.choice("x-forwarded", "forwarded"),
    "x-forwarded",
    "Where they say it: X-Forwarded-For and X-Forwarded-Proto (x-forwarded), or Forwarded.",
)
OPENHEART_BATTERIES: Option[list[str]] = Option(
    "OPENHEART_BATTERIES",
    casts.text_list(),
    [],
    "Batteries of other packages to switch on, by the names of their entry points.",
)
