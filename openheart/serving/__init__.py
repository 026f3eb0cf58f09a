"""Serves an app until it is stopped. ``serve`` chooses the WSGI server by the setting SERVER; each server
has a file named after it."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable

from flask import Flask

from ..errors import MissingDependency
from ..settings import config as settings
from ..settings.config import Config
from ..system.hosts import is_loopback
from .listener import address_of, listen

__all__ = ["serve"]


def serve(app: Flask, config: Config, logger: logging.Logger, *, ready: Callable[[str], None]) -> None:
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
        debugging, local = config[settings.LEVEL] == "DEBUG", is_loopback(listener.getsockname()[0])
        develop = debugging and local and (name == "werkzeug" or config.is_default(settings.SERVER))
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
