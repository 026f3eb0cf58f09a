from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme

from openheart.cli.conform import Request, Response, http_sender, patient, run_vectors
from openheart.cli.conform.exchange import RateLimited
from openheart.errors import ConfigError

from ...servers.web import HttpServer
from .peers import answering, served

GET = Request("GET", "/", {}, None)


def test_the_request_arrives_as_it_is_written() -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        seen.append({**environ, "body": body})
        start_response("200 OK", [("X-Seen", "a"), ("X-Seen", "b")])
        return [b"hello"]

    with served(app) as url:
        send = http_sender(f"{url}/prefix")
        response = send(Request("POST", "/a//b/../%C3%A9?x=%20", {"Content-Type": "text/x"}, "🥨".encode()))

    assert response.status == 200
    assert response.body == b"hello"
    assert response.header("x-seen") == "a, b"
    assert response.header("x-missing") is None
    assert seen[0]["REQUEST_METHOD"] == "POST"
    assert seen[0]["PATH_INFO"] == "/prefix/a//b/../\xc3\xa9"
    assert seen[0]["QUERY_STRING"] == "x=%20"
    assert seen[0]["CONTENT_TYPE"] == "text/x"
    assert seen[0]["body"] == "🥨".encode()


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with answering(b"HTTP/1.1 303 See Other\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n") as url:
        response = http_sender(url)(Request("GET", "/", {}, None))

    assert (response.status, response.header("Location")) == (303, "/elsewhere")


def test_a_server_that_refuses_a_long_body_unread_is_heard() -> None:
    with answering(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n") as url:
        response = http_sender(url)(Request("POST", "/", {}, b"x" * 10_000_000))

    assert response.status == 413


def test_nothing_that_listens_is_one_error_that_names_the_url() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/openheart"
        with pytest.raises(
            ConfigError, match=r"connecting failed \(.+\): start it or correct the URL"
        ) as caught:
            run_vectors(http_sender(url), ["required"])

    assert caught.value.value == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:5000",
        "ftp://example.com/",
        "http://",
        "http://[::1",
        "http://a:b/",
        "https://user:word@example.com/",
        "http://example.com/?a",
        "http://example.com/#a",
        "http://example.com/é",
    ],
)
def test_a_url_that_is_no_prefix_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        http_sender(url)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"])
def test_a_server_that_does_not_finish_its_answer_is_not_waited_for(raw: bytes) -> None:
    with answering(raw, pause=10) as url, pytest.raises(TimeoutError):
        http_sender(url, timeout=0.1)(Request("GET", "/", {}, None))


def test_an_answer_takes_its_time_once_and_not_for_each_byte() -> None:
    drops = [bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"]

    with answering(*drops, pause=0.05) as url, pytest.raises(TimeoutError, match="not complete after 0.3 s"):
        http_sender(url, timeout=0.3)(GET)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def https_url(authority: trustme.CA) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with HttpServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_certificate_is_trusted_where_its_authority_is_given(
    authority: trustme.CA, https_url: str, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    assert http_sender(https_url, ca=tmp_path / "ca.pem")(GET).status == 204


def test_a_certificate_that_is_not_trusted_is_said_with_what_to_do(https_url: str) -> None:
    with pytest.raises(
        ConfigError, match=r"the certificate is not trusted, .*; --ca names the file of its CA"
    ):
        http_sender(https_url)(GET)


def test_a_file_without_certificates_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")

    with pytest.raises(ConfigError, match="--ca=.*ca.pem.*expected a PEM file with certificates"):
        http_sender("https://127.0.0.1", ca=tmp_path / "ca.pem")


def test_a_server_that_was_there_and_is_gone_is_no_answer() -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as url:
        send = http_sender(url)
        assert send(GET).status == 204

    with pytest.raises(ConnectionError, match="connecting failed"):
        send(GET)


class Sleeper:
    """A clock's sleep that only writes down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.mark.parametrize(
    ("status", "headers", "waits"),
    [
        (429, [("Retry-After", "7")], [7]),
        (503, [("Retry-After", "7")], [7]),
        (429, [], [1]),
        (429, [("Retry-After", "soon")], [1]),
        (429, [("Retry-After", formatdate(0, usegmt=True))], [0]),
        (503, [], []),
        (400, [("Retry-After", "7")], []),
    ],
)
def test_a_limit_is_obeyed_as_the_server_says(
    status: int, headers: list[tuple[str, str]], waits: list[float]
) -> None:
    answers = [Response(status, headers, b""), Response(200, [], b"")]
    sleep = Sleeper()
    told: list[str] = []

    response = patient(lambda _: answers.pop(0), tell=told.append, sleep=sleep)(GET)

    assert response.status == (200 if waits else status)
    assert sleep.slept == waits
    assert len(told) == len(waits)


@pytest.mark.parametrize("asked", ["3600", formatdate(4102444800, usegmt=True)])
def test_a_limit_that_takes_too_long_is_given_up(asked: str) -> None:
    sleep = Sleeper()

    with pytest.raises(RateLimited, match="it answered 429 and asked to wait for"):
        patient(lambda _: Response(429, [("Retry-After", asked)], b""), sleep=sleep)(GET)

    assert sleep.slept == []


def test_a_limit_that_never_ends_is_given_up() -> None:
    with pytest.raises(RateLimited, match="--delay sends more slowly"):
        patient(lambda _: Response(429, [], b""), sleep=Sleeper())(GET)


def test_waits_are_told_once() -> None:
    answers = [Response(429, [("Retry-After", "3")], b"")] * 4 + [Response(200, [], b"")]
    told: list[str] = []

    patient(lambda _: answers.pop(0), tell=told.append, sleep=Sleeper())(GET)

    assert told == ["the server answered 429: waiting as it asks, now 3 s"]


def test_a_delay_comes_before_each_request() -> None:
    sleep = Sleeper()
    send = patient(lambda _: Response(200, [], b""), delay=0.5, sleep=sleep)

    send(GET)
    send(GET)

    assert sleep.slept == [0.5, 0.5]
