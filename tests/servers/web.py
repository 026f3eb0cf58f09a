"""HTTP servers in threads of this process that break what is open when they stop."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import ThreadingHTTPServer
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ..waiting import PATIENCE

__all__ = ["Breakable", "HttpServer", "WsgiServer"]


class Breakable:
    """Knows the connections that are open; goes before a server of the standard library's socketserver."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)  # type: ignore[misc]

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)  # type: ignore[misc]

    def server_close(self) -> None:
        """Listen no more, and break what is open before its threads are waited for."""
        for each in [*self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        super().server_close()  # type: ignore[misc]


class HttpServer(Breakable, ThreadingHTTPServer):
    """One whose threads are waited for when it is closed."""

    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that did not wait for its answer is part of the tests.
        pass


class _Handler(WSGIRequestHandler):
    # A browser opens connections that it may need and sends nothing.
    timeout = PATIENCE


class WsgiServer(Breakable, ThreadedWSGIServer):
    """A WSGI application on a free port of this machine, from when this is made until ``stop()``.

    Args:
        app: the application.

    Attributes:
        url: where it listens.
    """

    daemon_threads = False

    def __init__(self, app: Any) -> None:
        super().__init__("127.0.0.1", 0, app, handler=_Handler)
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        """Break every connection and listen no more."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
            self.server_close()
