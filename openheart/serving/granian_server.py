"""Granian: an HTTP server in Rust with worker processes."""

from __future__ import annotations

import logging
import multiprocessing
import socket
import types
import typing
from typing import Any

import granian
from flask import Flask

from .. import config as settings
from ..casts import boolean
from ..config import Config
from .listener import address_of, option_error

__all__ = ["serve"]


def serve(app: Flask, config: Config, listener: socket.socket, logger: logging.Logger) -> None:
    """Serve until told to stop; granian itself drains its workers."""
    host, _, port = address_of(listener, config[settings.HOST]).rpartition(":")
    # It opens its own socket, and takes no other.
    listener.close()
    options: dict[str, Any] = {
        "address": config[settings.HOST],
        "port": int(port),
        "interface": granian.constants.Interfaces.WSGI,
        "workers": config[settings.SERVER_WORKERS],
        "blocking_threads": config[settings.SERVER_THREADS],
        "workers_kill_timeout": max(1, int(config[settings.SERVER_GRACE])),
        "log_level": granian.log.LogLevels.warning,
    }
    hints = typing.get_type_hints(granian.Granian.__init__)
    for name, value in config.server_options.items():
        if name not in hints:
            raise option_error(config, name, "granian has no such option")
        try:
            options[name] = _cast(hints[name], value)
        except ValueError as error:
            raise option_error(config, name, error) from None
    # The workers get the app by being forked; it cannot be pickled for a fresh process.
    multiprocessing.set_start_method("fork", force=True)
    granian.Granian("openheart", **options).serve(target_loader=lambda: app, wrap_loader=False)


def _cast(hint: Any, value: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(each for each in hint.__args__ if each is not type(None))
    if hint is bool:
        return boolean()(value, {})
    return hint(value) if isinstance(hint, type) else value
