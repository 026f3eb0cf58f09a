"""Werkzeug's server: for development with reloader and debugger, and plain for a small site."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, run_simple

from ..core.state import state_of
from ..settings import config as settings
from ..settings.config import Config
from .listener import option_error
from .stopping import on_stop_signal

__all__ = ["develop", "serve"]


class _RequestHandler(WSGIRequestHandler):
    server: _Server

    def handle_one_request(self) -> None:
        # A browser opens connections that it may need and sends nothing, so here is where most time goes.
        self.rfile.peek(1)  # type: ignore[attr-defined]
        self.server.begin(self.connection)
        super().handle_one_request()


class _Server(ThreadedWSGIServer):
    """Knows the connections that are open, and which of them nothing came over yet."""

    # Closing would wait for other threads without a limit.
    daemon_threads = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._open: set[socket.socket] = set()
        self._idle: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
            self._idle.add(request)
        super().process_request(request, client_address)

    def begin(self, request: socket.socket) -> None:
        """A request comes over this connection."""
        with self._changed:
            self._idle.discard(request)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._idle.discard(request)
            self._changed.notify_all()

    def drain(self, grace: float) -> None:
        """End what is idle at once, and what is not when it is answered or after some seconds."""
        with self._changed:
            # For reading only: a request that came this moment is still read and answered.
            _shut(self._idle, socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._open, grace)
            _shut(self._open, socket.SHUT_RDWR)


def _shut(connections: set[socket.socket], how: int) -> None:
    for each in connections:
        # Its client or its thread may have been faster.
        with contextlib.suppress(OSError):
            each.shutdown(how)


def serve(
    app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None], logger: logging.Logger
) -> None:
    """Serve with a thread for each request, until told to stop; then finish what was asked already."""
    _refuse_options(config)
    server = _Server(config[settings.HOST], config[settings.PORT], app, _RequestHandler, fd=listener.fileno())
    # The server has it under another number, and would not close this one.
    listener.close()
    stopping: list[bool] = []
    state_of(app).serving.is_stopping = lambda: bool(stopping)

    def stop() -> None:
        stopping.append(True)
        # shutdown() waits for the loop to end, which a signal handler would hold up.
        threading.Thread(target=server.shutdown).start()

    with on_stop_signal(stop):
        announce()
        server.serve_forever()
        # It listens no more.
        server.drain(config[settings.SERVER_GRACE])


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
