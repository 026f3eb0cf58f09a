"""Serves an app until it is stopped. ``serve`` chooses the WSGI server by the setting SERVER; each server
has a file named after it."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import MissingDependency
from ..settings import config as settings
from ..settings.config import Config
from ..system.hosts import is_loopback
from .listener import address_of, listen

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["serve"]

SERVERS = {
    "waitress": "waitress_server",
    "gunicorn": "gunicorn_server",
    "granian": "granian_server",
    "werkzeug": "werkzeug_server",
}


def serve(
    app: Flask, config: Config, logger: logging.Logger, *, ready: Callable[[str], None] | None = None
) -> None:
    """Serve an app until SIGTERM or SIGINT, then finish the running requests (SERVER_GRACE).

    At LEVEL=DEBUG on a loopback address it is Werkzeug's development server with reloader and
    debugger, unless SERVER names another.

    Args:
        app: the app.
        config: HOST, PORT, SERVER and SERVER_*.
        logger: where messages are logged.
        ready: called with the server's URL once the port is open.

    Raises:
        ConfigError: the port is in use, the server is not installed or does not support an option.
    """
    name = config[settings.SERVER]
    listener = listen(config)
    # Each server closes the socket itself; this is for a failure before that.
    with listener:
        url = f"http://{address_of(listener, config[settings.HOST])}"
        debugging = config[settings.LEVEL] == "DEBUG" and is_loopback(listener.getsockname()[0])
        develop = debugging and (name == "werkzeug" or config.is_default(settings.SERVER))
        if config[settings.LEVEL] == "DEBUG" and not is_loopback(listener.getsockname()[0]):
            logger.warning("LEVEL=DEBUG: no debugger and no reloader, because HOST is not a loopback address")
        try:
            module = importlib.import_module(f".{SERVERS['werkzeug' if develop else name]}", __name__)
        except ImportError as error:
            raise MissingDependency(
                "SERVER",
                name,
                config.source(settings.SERVER),
                f"it to be installed: pip install 'openheart[{name}]'",
            ) from error

        def announce() -> None:
            if ready is not None:
                ready(url)

        if develop:
            module.develop(app, config, listener, announce)
        else:
            module.serve(app, config, listener, announce, logger)
