"""A server that checks requests as Pusher's documentation says Pusher does ("HTTP API", "Authentication").

Pusher is a hosted service: there is no server of it to start, and a test that needs an account there
would fail for everybody who has none. So this one is written from the documentation, and not from the
library that the tests use to talk to it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..waiting import PATIENCE
from .ports import free_port
from .web import HttpServer

__all__ = ["PusherServer"]

CLOCKS_DIFFER = 600  # seconds that auth_timestamp may be away from the server's time


@dataclass
class PusherServer:
    """One application at a server on a free port.

    Attributes:
        events: the bodies of what was triggered, in order.
        faults: what is wrong with the requests that were refused with 401.
        answers: (status, body) of the next requests whose signature is right; then 200 and ``{}``.
        tls: its certificate, where it speaks HTTPS.
        hold: cleared, no request is answered until it is set or the server stops.
    """

    app_id: str = "123456"
    key: str = "278d425bdf160c739803"
    secret: str = "7ad3773142a6692b25b8"
    events: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.hold = threading.Event()
        self.hold.set()
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def settings(self) -> dict[str, str]:
        """The keyword arguments of load() for this application."""
        return {
            "pusher_app_id": self.app_id,
            "pusher_key": self.key,
            "pusher_secret": self.secret,
            "pusher_endpoint": self.url,
        }

    def start(self) -> None:
        """Listen, after ``stop`` at the same port."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            # Kept open, as Pusher does, so that a stop breaks what is kept.
            protocol_version = "HTTP/1.1"
            timeout = PATIENCE

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def do_GET(self) -> None:
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                server.hold.wait(PATIENCE)
                status, text = server.answer(self.command, self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if 300 <= status < 400:
                    self.send_header("Location", f"{server.url}{self.path}")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = HttpServer(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            self._http.socket = self.tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="pusher")
        self._thread.start()

    def stop(self) -> None:
        """Break every connection and listen no more."""
        self.hold.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, str]:
        url = urlsplit(target)
        fault = self._fault(method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), body)
        if fault is not None:
            self.faults.append(fault)
            return 401, fault
        if self.answers:
            return self.answers.pop(0)
        if method == "POST" and url.path == f"/apps/{self.app_id}/events":
            self.events.append(json.loads(body))
            return 200, "{}"
        if method == "GET" and url.path == f"/apps/{self.app_id}/channels":
            return 200, '{"channels": {}}'
        return 404, "Not found"

    def _fault(self, method: str, path: str, query: dict[str, str], body: bytes) -> str | None:
        signature = query.pop("auth_signature", "")
        if query.get("auth_key") != self.key:
            return "Unknown auth_key"
        if query.get("auth_version") != "1.0":
            return "auth_version should be 1.0"
        if abs(time.time() - int(query.get("auth_timestamp", "0"))) > CLOCKS_DIFFER:
            return "auth_timestamp is too far away"
        if body and query.get("body_md5") != hashlib.md5(body).hexdigest():
            return "body_md5 is not that of the body"
        pairs = sorted((name.lower(), value) for name, value in query.items())
        signed = f"{method}\n{path}\n" + "&".join(f"{name}={value}" for name, value in pairs)
        right = hmac.new(self.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(right, signature) else "Invalid signature"
