"""Werkzeug's server: for development with reloader and debugger, or without them for a small site."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, is_running_from_reloader, run_simple

from ..core.state import state_of
from ..settings import config as settings
from ..settings.config import Config
from .listener import option_error, unix_path
from .stopping import on_stop_signal

__all__ = ["develop", "serve"]


class _RequestHandler(WSGIRequestHandler):
    server: _Server

    def handle_one_request(self) -> None:
        # A browser opens connections in advance and sends nothing, so most time is spent waiting here.
        self.rfile.peek(1)  # type: ignore[attr-defined]
        self.server.begin(self.connection)
        super().handle_one_request()


class _Server(ThreadedWSGIServer):
    """Knows the open connections, and which of them have not received a request yet."""

    # Closing would wait without a limit for threads that are not daemons.
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
        """A request arrives on this connection."""
        with self._changed:
            self._idle.discard(request)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._idle.discard(request)
            self._changed.notify_all()

    def drain(self, grace: float) -> None:
        """Close idle connections at once, and the others when answered or after ``grace`` seconds."""
        with self._changed:
            # For reading only: a request that has just arrived is still read and answered.
            _shut(self._idle, socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._open, grace)
            _shut(self._open, socket.SHUT_RDWR)


def _shut(connections: set[socket.socket], how: int) -> None:
    for each in connections:
        # Its client or its thread may have closed it already.
        with contextlib.suppress(OSError):
            each.shutdown(how)


def serve(
    app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None], logger: logging.Logger
) -> None:
    """Serve with a thread for each request, until stopped; then finish the running requests."""
    _refuse_options(config)
    path = unix_path(config)
    host = config[settings.HOST] if path is None else f"unix://{path}"
    server = _Server(host, config[settings.PORT], app, _RequestHandler, fd=listener.fileno())
    # The server has duplicated it, and would not close this one.
    listener.close()
    # shutdown() waits for the loop to end, which a signal handler would block.
    with on_stop_signal(lambda: threading.Thread(target=server.shutdown).start()) as is_stopping:
        state_of(app).serving.is_stopping = is_stopping
        announce()
        server.serve_forever()
        # It no longer listens.
        server.drain(config[settings.SERVER_GRACE])


def develop(app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve with reloader and debugger; the caller must ensure that only this machine can reach it."""
    _refuse_options(config)
    app.debug = True
    host, port = listener.getsockname()[:2]
    # Werkzeug opens the port itself, and passes it to the process that it restarts at each change.
    listener.close()
    announce()
    if not is_running_from_reloader():
        # From now on only the process that the reloader starts does the work in the background.
        state_of(app).close()
    run_simple(host, port, app, use_reloader=True, use_debugger=True, threaded=True)


def _refuse_options(config: Config) -> None:
    for name in config.server_options:
        raise option_error(config, name, "werkzeug has no options; use SERVER=waitress, gunicorn or granian")
