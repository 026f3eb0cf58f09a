"""What ``openheart doctor`` finds: whether the storage works, and what in the configuration is wrong,
slow or unsafe in production. Each finding names its fix."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from flask import Flask

from ..batteries.battery import battery_of
from ..batteries.registry import class_of, is_on, rows
from ..core.state import state_of
from ..errors import BackendError, BackendUnavailable, ConfigError
from ..settings import config as settings
from ..settings.app_config import APP_CONFIG
from ..settings.config import Config, unknown_variables
from ..settings.instance import SERVERS
from ..storage import Backend
from ..storage.capabilities import lacking
from ..system.finding import Finding
from ..system.hosts import is_loopback
from ..system.masks import mask_uri
from ..web.cors import own_hosts

__all__ = ["examine", "of_config_error"]

LEAST_SECRET = 16


def examine(app: Flask) -> list[Finding]:
    """Check the storage, the configuration and the batteries of an app. What is opened is closed again.

    Args:
        app: an app that openheart was added to.

    Returns:
        The findings, the storage first.

    Raises:
        OpenHeartError: openheart was not added to this app.
    """
    state = state_of(app)
    return [
        *_storage(state.make_backend(state.config)),
        *_variables(state.config),
        *_exposure(state.config),
        *_own_origin(app, state.config),
        *_modes(state.config),
        *_server(state.config),
        *_batteries(app, state.config),
    ]


def of_config_error(error: ConfigError) -> Finding:
    """The finding for a setting that keeps the app from starting."""
    return Finding("error", str(error), f"correct {error.key}, which is set in {error.source}")


def _storage(backend: Backend) -> list[Finding]:
    where = mask_uri(backend.uri)
    try:
        with backend:
            backend.check()
            # What a backend without a check of its own does is a read.
            works = "answers reads" if type(backend).check is Backend.check else "accepts writes and reads"
            return [Finding("ok", f"The storage {where} {works}"), *backend.examine(), *_lacking(backend)]
    except BackendUnavailable as error:
        wrong, fix = f"cannot be reached: {error}", "start it, or correct OPENHEART_URI"
    except BackendError as error:
        wrong, fix = f"does not work: {error}", "fix that, then run this command again"
    return [Finding("error", f"The storage {where} {wrong}", fix), *backend.examine(), *_lacking(backend)]


def _lacking(backend: Backend) -> Iterator[Finding]:
    fix = "if you need that, use another storage, or see “What more a backend can do” in the docs"
    for sentence in lacking(backend):
        yield Finding("note", sentence, fix)


def _variables(config: Config) -> Iterator[Finding]:
    for unknown in unknown_variables(config):
        fix = f"rename it to {unknown.nearest}" if unknown.nearest else "remove it"
        yield Finding(
            "warning", f"{unknown.name} (from {unknown.source}) is not a setting, so it has no effect", fix
        )
    source = config.source(settings.DEBUG)
    # In app.config it is Flask's own key.
    if config[settings.DEBUG] and source != APP_CONFIG:
        yield Finding("note", f"DEBUG (from {source}) is deprecated", "set LEVEL=DEBUG instead")
    if config.is_default(settings.OPENHEART_URI):
        for name in ("REDISTOGO_URL", "MONGOHQ_URL"):
            if config.variable(name):
                yield Finding(
                    "note",
                    f"{name} is set, but the counts are in SQLite: it configures other features only",
                    f"set OPENHEART_URI='${name}' if the counts should live there",
                )


def _exposure(config: Config) -> Iterator[Finding]:
    host, level = config[settings.HOST], config[settings.LEVEL]
    loopback = is_loopback(host)
    if level == "DEBUG" and not loopback:
        yield Finding(
            "warning",
            f"LEVEL=DEBUG on HOST={host}, which others can reach: the logs show much and grow fast",
            "set LEVEL=INFO, or HOST=127.0.0.1 while you develop",
        )
    elif level == "DEBUG":
        yield Finding(
            "note",
            "LEVEL=DEBUG: `openheart run` is a development server with reloader and debugger",
            "set LEVEL=INFO in production",
        )
    origins = config[settings.OPENHEART_ORIGINS]
    if not origins:
        yield Finding(
            "note",
            "OPENHEART_ORIGINS is empty: only pages of this server's own origin may react",
            "name the origins of your pages, if they are elsewhere",
        )
    if not loopback and "*" in origins:
        yield Finding(
            "warning",
            f"Others can reach HOST={host}, and OPENHEART_ORIGINS=* lets the pages of every site react",
            "name the origins of your own pages, such as OPENHEART_ORIGINS=https://example.org",
        )
    key = config[settings.SECRET_KEY]
    if key is not None and len(key) < LEAST_SECRET:
        yield Finding(
            "warning",
            f"SECRET_KEY has fewer than {LEAST_SECRET} characters, so it can be guessed",
            "make a new one: python -c 'import secrets; print(secrets.token_hex())'",
        )


def _own_origin(app: Flask, config: Config) -> Iterator[Finding]:
    if "*" not in config[settings.OPENHEART_ORIGINS] and not own_hosts(app):
        yield Finding(
            "note",
            "This server does not know its own host: a program whose Host and Origin are the same may react, "
            "whatever OPENHEART_ORIGINS names; a page in a browser cannot do that",
            "name the hosts of this server, such as OPENHEART_HOSTS=example.org",
        )


def _modes(config: Config) -> Iterator[Finding]:
    if config[settings.OPENHEART_HOLD]:
        yield Finding(
            "warning",
            "OPENHEART_HOLD is on: every reaction is answered with 503",
            "unset it when the data has moved",
        )
    if config[settings.OPENHEART_WRITE_ONLY]:
        yield Finding(
            "note", "OPENHEART_WRITE_ONLY is on: no visitor sees a count", "unset it to show counts"
        )


def _server(config: Config) -> Iterator[Finding]:
    server = config[settings.SERVER]
    if server not in SERVERS:
        yield Finding(
            "warning",
            f"SERVER={server} is not a server that openheart knows, so {settings.SERVER.default} serves",
            f"set SERVER to one of {', '.join(SERVERS)}",
        )
    elif server == "werkzeug":
        yield Finding(
            "warning",
            "SERVER=werkzeug is a server for development",
            "unset SERVER, or choose waitress, gunicorn or granian",
        )
    elif importlib.util.find_spec(server) is None:
        yield Finding("error", f"SERVER={server} is not installed", f"pip install 'openheart[{server}]'")
    if config[settings.SERVER_WORKERS] > 1 and server in ("waitress", "werkzeug"):
        yield Finding(
            "note",
            f"SERVER_WORKERS={config[settings.SERVER_WORKERS]} has no effect: {server} has one process",
            "set SERVER=gunicorn or SERVER=granian, or unset it",
        )


def _batteries(app: Flask, config: Config) -> Iterator[Finding]:
    there = [*rows(config)]
    switches = {row.needs[0].name for row in there if row.needs}
    for row in there:
        if is_on(row, config):
            wrong = battery_of(class_of(row), app).diagnose()
            if wrong is None:
                yield Finding("ok", f"The battery {row.name} works")
            else:
                yield Finding(
                    "error",
                    f"The battery {row.name} does not work: {wrong}",
                    "fix that, then run this command again",
                )
            continue
        idle = [option.name for option in row.needs[1:] if config[option] and option.name not in switches]
        if idle:
            verb = "is" if len(idle) == 1 else "are"
            yield Finding(
                "note",
                f"{' and '.join(idle)} {verb} set, and the battery {row.name} is off",
                f"set {row.needs[0].name} too, or unset {'it' if len(idle) == 1 else 'them'}",
            )
