"""Gunicorn: worker processes with threads, on POSIX systems."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import KNOWN_SETTINGS
from gunicorn.workers.base import Worker
from gunicorn.workers.base_async import AsyncWorker

from ..core.state import state_of
from ..errors import ConfigError
from ..settings import config as settings
from ..settings.config import Config
from .listener import option_error
from .stopping import workers_end_early

__all__ = ["serve"]


# Newer versions create a socket in the user's folder, which all servers of one user would compete for.
_NO_CONTROL_SOCKET = {
    setting.name: True for setting in KNOWN_SETTINGS if setting.name == "control_socket_disable"
}


class _GunicornApplication(BaseApplication):
    def __init__(self, app: Flask, options: dict[str, Any], config: Config) -> None:
        self._app = app
        self._options = options
        self._config = config
        self._refused: ConfigError | None = None
        super().__init__()
        if self._refused is not None:
            raise self._refused

    def load_config(self) -> None:
        # BaseApplication turns whatever is raised here into a traceback and an exit.
        for name, value in self._options.items():
            try:
                self.cfg.set(name, value)
            except Exception as error:
                self._refused = option_error(self._config, name, error)
                return

    def load(self) -> Any:
        return self._app


def serve(
    app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None], logger: logging.Logger
) -> None:
    """Serve until stopped; gunicorn itself drains its workers."""
    state = state_of(app)
    grace = max(1, math.ceil(config[settings.SERVER_GRACE]))

    def limit_requests(arbiter: Any, worker: Worker) -> None:
        if "graceful_timeout" not in config.server_options:
            worker.cfg.set("graceful_timeout", grace)

    def prepare(worker: Worker) -> None:
        # Ctrl-C also reaches the workers.
        signal.signal(signal.SIGINT, worker.handle_exit)
        # Gevent's workers have no threads: they serve this many connections at once.
        is_async = isinstance(worker, AsyncWorker)
        state.serving.threads = worker.cfg.worker_connections if is_async else worker.cfg.threads
        state.serving.is_stopping = lambda: not worker.alive

    options: dict[str, Any] = {
        # Gunicorn closes it.
        "bind": f"fd://{listener.detach()}",
        "workers": config[settings.SERVER_WORKERS],
        "threads": config[settings.SERVER_THREADS],
        "worker_class": "gthread",
        # The master waits for the running requests, and then for the work in the background.
        "graceful_timeout": 2 * grace + 1,
        "post_fork": limit_requests,
        "loglevel": "warning",
        "post_worker_init": prepare,
        # Otherwise a proxy on this machine is trusted; see OPENHEART_PROXIES.
        "forwarded_allow_ips": os.environ.get("FORWARDED_ALLOW_IPS", ""),
        "worker_exit": lambda arbiter, worker: state.close(),
        **({} if "control_socket" in config.server_options else _NO_CONTROL_SOCKET),
        **config.server_options,
    }
    application = _GunicornApplication(app, options, config)
    given = application.cfg.when_ready

    def begin(arbiter: Any) -> None:
        # SIGINT would quit at once, and a worker that starts a thread at that moment would never end.
        arbiter.handle_int = arbiter.handle_term
        given(arbiter)
        # Not before it handles signals: a program that reads the address may stop it at once.
        announce()

    application.cfg.set("when_ready", begin)
    master = os.getpid()
    try:
        with workers_end_early():
            application.run()
    except SystemExit as stopped:
        # A worker ends here; only the master returns to the caller.
        if os.getpid() != master or stopped.code not in (None, 0):
            raise
