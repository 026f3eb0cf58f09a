"""Serves an app until it is stopped. ``serve`` chooses the WSGI server by the setting SERVER; each server
has a file named after it."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable

from flask import Flask

from ..errors import ConfigError, MissingDependency
from ..settings import config as settings
from ..settings.config import Config
from ..settings.instance import SERVERS
from ..system.hosts import is_loopback
from .listener import address_of, listening, unix_path

__all__ = ["serve"]

# Options of the servers with which they would listen elsewhere too, or instead.
PLACES = frozenset({"address", "bind", "host", "listen", "port", "sockets", "uds", "unix_socket"})


def serve(app: Flask, config: Config, logger: logging.Logger, *, ready: Callable[[str], None]) -> None:
    """Serve an app until SIGTERM or SIGINT, then finish the running requests (SERVER_GRACE).

    At LEVEL=DEBUG on a loopback address it is Werkzeug's development server with reloader and
    debugger, unless SERVER names another. If SERVER names a server that is not known, the default one serves.

    Args:
        app: the app.
        config: HOST, PORT, SERVER and SERVER_*.
        logger: where messages are logged.
        ready: called with the server's URL, or with ``unix:`` and a path, once it listens.

    Raises:
        ConfigError: the port is in use, the server is not installed or does not support an option.
    """
    is_default = config.is_default(settings.SERVER)
    if config[settings.SERVER] not in SERVERS:
        is_default, config = True, _with_default_server(config, logger)
    name = config[settings.SERVER]
    for option in sorted(PLACES & config.server_options.keys()):
        expected = "HOST and PORT instead, with every server; HOST=unix:/run/openheart.sock is a Unix socket"
        value = config.server_options[option]
        raise ConfigError(f"SERVER_{option.upper()}", value, "SERVER_* settings", expected)
    # Each server closes the socket itself; this is for a failure before that.
    with listening(config) as listener:
        url = address_of(listener, config)
        local = unix_path(config) is None and is_loopback(listener.getsockname()[0])
        debugging = config[settings.LEVEL] == "DEBUG"
        develop = debugging and local and (name == "werkzeug" or is_default)
        if debugging and not local:
            logger.warning("LEVEL=DEBUG: no debugger and no reloader, because HOST is not a loopback address")
        try:
            module = importlib.import_module(f".{'werkzeug' if develop else name}_server", __name__)
        except ImportError as error:
            expected = f"it to be installed: pip install 'openheart[{name}]'"
            raise MissingDependency("SERVER", name, config.source(settings.SERVER), expected) from error

        announce = functools.partial(ready, url)
        if develop:
            module.develop(app, config, listener, announce)
        else:
            module.serve(app, config, listener, announce, logger)


def _with_default_server(config: Config, logger: logging.Logger) -> Config:
    logger.warning(
        "SERVER=%s (from %s) is not a server that openheart knows: choose one of %s. %s serves now",
        config[settings.SERVER],
        config.source(settings.SERVER),
        ", ".join(SERVERS),
        settings.SERVER.default,
    )
    return config.override({settings.SERVER.name: settings.SERVER.default})
