"""Small servers of someone else's, right ones and wrong ones."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import regex

from openheart.cli.conform import Outcome, Request, Response

from ...servers.web import Breakable

__all__ = ["Foreign", "answering", "as_app", "change", "failures", "no_openheart", "served", "unchecked"]

EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}{2}")


class Foreign:
    """A server of someone else's, which keeps the protocol and no more; a test spoils one thing."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.lock = threading.Lock()

    def target(self, path: str) -> str:
        """The target of a request."""
        return path.partition("?")[0]

    def read(self, body: bytes) -> str | None:
        """The emoji in a body."""
        cluster = regex.match(r"\X", body.decode(errors="replace"))
        return cluster[0] if cluster and EMOJI.match(cluster[0]) else None

    def shown(self, target: str) -> object:
        """What the counts of a target are shown as."""
        return self.counts[target]

    def step(self) -> int:
        """What a reaction adds."""
        return 1

    def add(self, target: str, emoji: str) -> None:
        """Count a reaction."""
        with self.lock:
            self.counts[target][emoji] += self.step()

    def encode(self, document: object) -> bytes:
        """A document as bytes."""
        return json.dumps(document).encode()

    def __call__(self, request: Request) -> Response:
        target = self.target(request.path)
        if request.method == "GET":
            return Response(200, [], self.encode(self.shown(target)))
        emoji = self.read(request.body or b"")
        if emoji is None:
            return Response(400, [], b"")
        self.add(target, emoji)
        return Response(201, [], b"")


def no_openheart(post: int, get: int) -> Callable[[Request], Response]:
    """A server that always answers the same."""
    return lambda request: Response(post if request.method == "POST" else get, [], b"")


class _Server(Breakable, ThreadingMixIn, WSGIServer):
    """Gives an app the bytes of a path, as servers in production do and Werkzeug's does not."""

    daemon_threads = False
    request_queue_size = 128


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(app: Callable[..., Any]) -> Iterator[str]:
    """The URL at which an app answers, to several clients at once."""
    with make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def as_app(send: Callable[[Request], Response]) -> Callable[..., list[bytes]]:
    """A server of this module as a WSGI app."""

    def app(environ: Mapping[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
        path = quote(environ["PATH_INFO"].encode("latin-1")) + query
        answer = send(Request(environ["REQUEST_METHOD"], path, {"Host": environ["HTTP_HOST"]}, body))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
        return [answer.body]

    return app


@contextmanager
def answering(*parts: bytes, pause: float | None = None) -> Iterator[str]:
    """The URL of a server that answers one connection with these bytes, whatever it is asked.

    Args:
        parts: what it says, in order.
        pause: seconds between two parts, and after the last it leaves the connection open; None closes it.
    """
    done = threading.Event()

    def answer() -> None:
        connection, _ = listener.accept()
        # The client may have heard enough before all is said.
        with connection, suppress(OSError):
            connection.recv(65536)
            for part in parts:
                connection.sendall(part)
                if pause is not None:
                    done.wait(pause)
            if pause is not None:
                done.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


def change(response: Response, **changes: Any) -> Response:
    """An answer with some of its attributes replaced."""
    return replace(response, **changes)


def failures(outcomes: list[Outcome]) -> dict[str, str]:
    """Name of a case -> what was wrong."""
    return {outcome.case.name: outcome.failure for outcome in outcomes if outcome.failure is not None}


def unchecked(outcomes: list[Outcome]) -> dict[str, str]:
    """Name of a case -> why it cannot be checked."""
    return {outcome.case.name: outcome.unchecked for outcome in outcomes if outcome.unchecked is not None}
