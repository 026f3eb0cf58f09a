"""Werkzeug's server: for development with reloader and debugger, and plain for a small site."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

from flask import Flask
from werkzeug.serving import make_server, run_simple

from .. import config as settings
from ..config import Config
from ..state import state_of
from .listener import option_error
from .stopping import on_stop_signal

__all__ = ["develop", "serve"]


def serve(
    app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None], logger: logging.Logger
) -> None:
    """Serve with a thread for each request, until told to stop."""
    _refuse_options(config)
    server = make_server(
        config[settings.HOST], config[settings.PORT], app, threaded=True, fd=listener.fileno()
    )
    # Otherwise closing the server would leave running requests behind.
    server.daemon_threads = False  # type: ignore[attr-defined]
    stopping: list[bool] = []
    state_of(app).serving.is_stopping = lambda: bool(stopping)

    def stop() -> None:
        stopping.append(True)
        # shutdown() waits for the loop to end, which a signal handler would hold up.
        threading.Thread(target=server.shutdown).start()

    with on_stop_signal(stop):
        announce()
        server.serve_forever()
    server.server_close()


def develop(app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve with reloader and debugger; the caller has made sure that only this machine reaches it."""
    _refuse_options(config)
    app.debug = True
    host, port = listener.getsockname()[:2]
    # It opens the port itself, and hands it over to the process that it starts anew at each change.
    listener.close()
    announce()
    run_simple(host, port, app, use_reloader=True, use_debugger=True, threaded=True)


def _refuse_options(config: Config) -> None:
    for name in config.server_options:
        raise option_error(config, name, "werkzeug has none; SERVER=waitress, gunicorn or granian have")
