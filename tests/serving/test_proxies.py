"""The visitor's address and scheme behind a real nginx, with each server."""

from __future__ import annotations

import tempfile

import httpx
import pytest

from .conftest import StartNginx, StartServer

SERVERS = ["waitress", "gunicorn", "granian", "werkzeug"]
HEADERS = (
    "proxy_set_header Host $host;"
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    "proxy_set_header X-Forwarded-Proto $scheme;"
)
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.8"}


@pytest.fixture
def app() -> str:
    return """
from flask import Flask, request
import openheart

app = openheart.load(Flask("served"))

@app.get("/seen")
def seen():
    return f"{request.remote_addr} {request.scheme}"

if __name__ == "__main__":
    openheart.run(ready=lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("server", SERVERS)
def test_a_visitor_is_seen_behind_nginx_and_forged_headers_are_not(
    server: str, start_server: StartServer, start_nginx: StartNginx
) -> None:
    served = start_server(SERVER=server, OPENHEART_PROXIES="127.0.0.1").url
    # Two proxies: the outer one is at an address of its own, and trusted by nobody.
    inner = start_nginx("/", f"proxy_pass {served}; {HEADERS}")
    outer = start_nginx("/", f"proxy_pass {inner}; proxy_bind 127.0.0.9; {HEADERS}")

    assert httpx.get(f"{inner}/seen").text == "127.0.0.1 http"
    assert httpx.get(f"{inner}/seen", headers=FORGED).text == "203.0.113.9 http"
    assert httpx.get(f"{outer}/seen", headers=FORGED).text == "127.0.0.9 http"


@pytest.mark.parametrize("server", SERVERS)
def test_nobody_is_trusted_who_is_not_named(server: str, start_server: StartServer) -> None:
    served = start_server(SERVER=server).url

    assert httpx.get(f"{served}/seen", headers=FORGED).text == "127.0.0.1 http"


@pytest.mark.parametrize("server", ["waitress", "gunicorn", "granian"])
def test_a_proxy_at_a_unix_socket_is_loopback(
    server: str, start_server: StartServer, start_nginx: StartNginx
) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own paths may be too long
        path = f"{folder}/http.sock"
        start_server(SERVER=server, HOST=f"unix:{path}", OPENHEART_PROXIES="loopback")
        outer = start_nginx("/", f"proxy_pass http://unix:{path}; {HEADERS}")

        answer = httpx.get(f"{outer}/seen", headers={"X-Forwarded-For": "203.0.113.9"})

    assert answer.text == "203.0.113.9 http"
