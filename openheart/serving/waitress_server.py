"""Waitress, the default: pure Python, one process, a pool of threads."""

from __future__ import annotations

import copy
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask

from ..core.state import state_of
from ..settings import config as settings
from ..settings.config import Config
from .listener import option_error
from .stopping import on_stop_signal

__all__ = ["serve"]

# In seconds. A signal just before the poll does not interrupt it, so each poll has a timeout.
IDLE_POLL, POLL = 1.0, 0.05
MEGABYTE = 2**20
CONNECTIONS = 1000  # those of clients, besides listeners
OTHER_FILES = 500  # those that the app and the storage open
AHEAD = 65_536  # bytes of a stream that may be buffered for a slow browser before the stream blocks


class _Task(WSGITask):
    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["openheart.socket"] = self.channel.socket
        environ["openheart.send_at_once"] = self._send_at_once
        return environ

    def _send_at_once(self) -> None:
        # For a stream: each part is sent as soon as it is there, by the thread that produces it.
        adjustments = copy.copy(self.channel.adj)
        adjustments.send_bytes = 1
        adjustments.outbuf_high_watermark = AHEAD
        adjustments.log_socket_errors = False
        self.channel.adj = adjustments


class _Channel(HTTPChannel):
    task_class = _Task


def serve(
    app: Flask, config: Config, listener: socket.socket, announce: Callable[[], None], logger: logging.Logger
) -> None:
    """Serve until stopped; then accept no more connections, and finish the running requests."""
    threads = config[settings.SERVER_THREADS]
    given = config.server_options.get("connection_limit", "")
    connections = int(given) if given.isdecimal() else CONNECTIONS + threads
    options: dict[str, Any] = {
        "threads": threads,
        "ident": None,
        # Browsers keep their connections for a while, and each listener of live events has one and a thread.
        "connection_limit": _with_files_for(connections),
        # It would remove them before openheart sees them; see OPENHEART_PROXIES.
        "clear_untrusted_proxy_headers": "trusted_proxy" in config.server_options,
    }
    # Waitress has announced its removal.
    if hasattr(Adjustments, "send_bytes"):
        # The main thread sends small answers. If the other threads send them, the main thread polls without a
        # pause meanwhile, and they have to wait for the interpreter lock.
        options["send_bytes"] = 18_000
    own = state_of(app)
    if own.standalone:
        # Waitress reads a whole body before the app sees its length, so an endless body must be cut here.
        options["max_request_body_size"] = config[settings.OPENHEART_MAX_BODY] + MEGABYTE
    for name, value in config.server_options.items():
        try:
            # Together with the previous options, because trusted_proxy_headers needs trusted_proxy.
            Adjustments(sockets=[listener], **{**options, name: value})
        except (ValueError, TypeError) as error:
            raise option_error(config, name, error) from None
        options[name] = value
    # Waitress warns whenever a request waits for a thread, which under load is every request.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    server = create_server(app, map=sockets, sockets=[listener], asyncore_use_poll=True, **options)
    # With one socket it is this class; with several it would be another.
    assert isinstance(server, BaseWSGIServer)
    server.channel_class = _Channel
    own.serving.threads = server.adj.threads
    with on_stop_signal(server.pull_trigger) as is_stopping:
        own.serving.is_stopping = is_stopping
        announce()
        was_full = False
        while not is_stopping():
            if server.in_connection_overflow and not was_full:
                logger.warning(
                    "%d connections are open, and others wait until one is closed: "
                    "set SERVER_CONNECTION_LIMIT higher, or use a proxy that keeps those of browsers",
                    server.adj.connection_limit,
                )
            was_full = server.in_connection_overflow
            wasyncore.loop(timeout=IDLE_POLL, use_poll=True, map=sockets, count=1)
        logger.info("Stopping: accepting no more connections, finishing the running requests")
        deadline = time.monotonic() + config[settings.SERVER_GRACE]
        # Not server.close(): it also closes the trigger, which wakes this loop when an answer is ready.
        wasyncore.dispatcher.close(server)
        while _is_busy(sockets) and time.monotonic() < deadline:
            wasyncore.loop(timeout=POLL, use_poll=True, map=sockets, count=1)
        server.task_dispatcher.shutdown(timeout=max(0, round(deadline - time.monotonic())))
        wasyncore.close_all(sockets)


def _with_files_for(connections: int) -> int:
    """How many connections this process may have open, after its limit of open files was raised for them."""
    try:
        import resource
    except ImportError:  # Windows
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted, endless = connections + OTHER_FILES, resource.RLIM_INFINITY
    if soft == endless or soft >= wanted:
        return connections
    allowed = wanted if hard == endless else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(CONNECTIONS // 10, allowed - OTHER_FILES)


def _is_busy(sockets: dict[int, Any]) -> bool:
    return any(
        channel.requests or channel.total_outbufs_len or channel.request is not None
        for channel in sockets.values()
        if isinstance(channel, HTTPChannel)
    )
