"""Granian: an HTTP server in Rust with worker processes."""

from __future__ import annotations

import enum
import inspect
import logging
import math
import multiprocessing
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import granian
from flask import Flask

from ..core.state import state_of
from ..settings import config as settings
from ..settings.casts import boolean
from ..settings.config import Config
from ..system.exits import at_exit
from .listener import ANYBODY, option_error, unix_path
from .stopping import REPEAT, workers_end_early

__all__ = ["serve"]


def serve(
    app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None], logger: logging.Logger
) -> None:
    """Serve until stopped; granian itself drains its workers."""
    # Granian opens its own socket and does not accept another.
    path = unix_path(config)
    if path is None:
        place: dict[str, Any] = dict(zip(("address", "port"), listener.getsockname(), strict=False))
    else:
        place = {"uds": path, "uds_permissions": ANYBODY}
        path.unlink()
    listener.close()
    threads = config[settings.SERVER_THREADS]
    if config.is_default(settings.SERVER_THREADS):
        # Its threads hold the interpreter lock, so granian warns about more than this.
        threads = min(threads, 2 * (os.cpu_count() or 1) + 1)
    options: dict[str, Any] = {
        **place,
        "interface": granian.constants.Interfaces.WSGI,
        "workers": config[settings.SERVER_WORKERS],
        "blocking_threads": threads,
        # Once for the running requests, and once for the work in the background.
        "workers_kill_timeout": 2 * max(1, math.ceil(config[settings.SERVER_GRACE])) + 1,
        "log_level": granian.log.LogLevels.warning,
    }
    known = inspect.signature(granian.Granian.__init__).parameters
    for name, value in config.server_options.items():
        if name not in known:
            raise option_error(config, name, "granian has no such option")
        try:
            options[name] = _like(known[name].default, value)
        except ValueError as error:
            raise option_error(config, name, error) from None
    serving = state_of(app).serving
    serving.threads = options["blocking_threads"]

    def load() -> Flask:
        # In a worker, before it sets its signal handlers; Python reports each signal that they handle.
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.detach())
        serving.is_stopping = lambda: bool(select.select([reader], [], [], 0)[0])

        def repeat_signal() -> None:
            select.select([reader], [], [])
            while True:
                time.sleep(REPEAT)
                os.kill(os.getpid(), signal.SIGTERM)

        # Granian loses a signal that comes after its worker accepts requests and before it waits for signals.
        threading.Thread(target=repeat_signal, name="openheart-stop", daemon=True).start()
        # The worker ends without calling us.
        at_exit(state_of(app).close)
        return app

    announce()
    # The workers get the app by a fork; it cannot be pickled for a new process.
    multiprocessing.set_start_method("fork", force=True)
    with workers_end_early():
        granian.Granian("openheart", **options).serve(target_loader=load, wrap_loader=False)


def _like(default: object, value: str) -> object:
    if isinstance(default, bool):
        return boolean()(value)
    if isinstance(default, int):
        return int(value)
    if isinstance(default, enum.Enum):
        return type(default)(value)
    return int(value) if value.isdecimal() else value
