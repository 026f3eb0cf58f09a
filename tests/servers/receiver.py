"""A receiver of webhooks: an HTTP or HTTPS server that keeps what it gets and answers as it is told."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from ..waiting import PATIENCE
from .ports import free_port
from .web import HttpServer

__all__ = ["Receiver", "Request"]


@dataclass(frozen=True)
class Request:
    """One request that came, with its headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server on a free port of 127.0.0.1.

    Args:
        tls: its certificate, where it speaks HTTPS.

    Attributes:
        requests: what came, in order.
        answers: (status, headers) of the next requests; then 204.
        hold: cleared, a request is kept without an answer until it is set, or the server stops.
        port: where it listens, also after it was stopped and started again.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.port = free_port()
        self._tls = tls
        self._came = threading.Condition()
        self._answering = 0
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/hook?key=1"

    def start(self) -> None:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = PATIENCE

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver.answering():
                    status, more = receiver.take(Request(self.path, headers, body))
                    self.send_response(status)
                    for name, value in more.items():
                        self.send_header(name, value)
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = HttpServer(("127.0.0.1", self.port), Handler)
        if self._tls is not None:
            self._http.socket = self._tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="receiver")
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; what came is answered before."""
        self.hold.set()
        self._http.shutdown()
        self._thread.join()
        with self._came:
            assert self._came.wait_for(lambda: self._answering == 0, PATIENCE)
        self._http.server_close()

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """While a request is answered."""
        with self._came:
            self._answering += 1
        try:
            yield
        finally:
            with self._came:
                self._answering -= 1
                self._came.notify_all()

    def take(self, request: Request) -> tuple[int, dict[str, str]]:
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
            answer = self.answers.pop(0) if self.answers else (204, {})
        self.hold.wait(PATIENCE)
        return answer

    def wait_for(self, number: int) -> list[Request]:
        """The requests, once there are so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.requests) >= number, PATIENCE), len(self.requests)
            return [*self.requests]
