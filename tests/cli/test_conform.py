from __future__ import annotations

import itertools
import json
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import regex

from openheart.cli.conform import Outcome, Request, Response, http_sender, run_vectors, table
from openheart.errors import ConfigError
from openheart.testing import create_app

from ..wsgi_client import wsgi_sender

EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}{2}")


class Foreign:
    """A small server of someone else's, which keeps the protocol and no more; a test spoils one thing."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def read(self, body: bytes) -> str | None:
        cluster = regex.match(r"\X", body.decode(errors="replace"))
        return cluster[0] if cluster and EMOJI.match(cluster[0]) else None

    def shown(self, target: str) -> object:
        return self.counts[target]

    def step(self) -> int:
        return 1

    def __call__(self, request: Request) -> Response:
        target = request.path.partition("?")[0]
        if request.method == "GET":
            return Response(200, [], json.dumps(self.shown(target)).encode())
        emoji = self.read(request.body or b"")
        if emoji is None:
            return Response(400, [], b"")
        self.counts[target][emoji] += self.step()
        return Response(201, [], b"")


def failures(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.case.name: outcome.failure for outcome in outcomes if outcome.failure is not None}


@contextmanager
def served(app: Callable[..., Any]) -> Iterator[str]:
    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def answering(raw: bytes, *, then_wait: bool = False) -> Iterator[str]:
    """A server that answers one connection with these bytes, whatever it is asked."""
    done = threading.Event()

    def answer() -> None:
        connection, _ = listener.accept()
        # The client may have heard enough before all is said.
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(raw)
            if then_wait:
                done.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


def test_a_server_that_only_keeps_the_protocol_passes_what_is_required() -> None:
    outcomes = run_vectors(Foreign(), ["required"])

    assert failures(outcomes) == {}
    assert len(outcomes) >= 10


def test_a_server_that_hides_its_counts_passes_what_is_required() -> None:
    def send(request: Request) -> Response:
        return Response(404 if request.method == "GET" else 204, [], b"")

    assert failures(run_vectors(send, ["required"])) == {}


def test_openheart_keeps_more_than_a_server_that_only_keeps_the_protocol() -> None:
    outcomes = run_vectors(Foreign())

    assert {outcome.case.group for outcome in outcomes if not outcome.passed} == {"robustness", "extensions"}


@pytest.mark.parametrize(
    ("method", "spoilt", "case", "words"),
    [
        ("step", lambda self: 2, "an emoji as the body is counted", r"expected the counts {'🥨': 1}, got '{"),
        ("step", lambda self: 0, "each reaction adds one", "expected the counts"),
        ("read", lambda self, body: body.decode(), "text after the emoji is ignored", "expected the counts"),
        ("read", lambda self, body: body.decode(), "text is not counted", "expected the counts {}"),
        (
            "read",
            lambda self, body: None,
            "an emoji as the body is counted",
            "expected status 2xx or 3xx, got 400",
        ),
        (
            "read",
            lambda self, body: body.decode()[:1],
            "a flag is one emoji",
            "expected the counts {'🇺🇳': 1}",
        ),
        ("shown", lambda self, target: [], "reading adds nothing", "expected a JSON object"),
        ("shown", lambda self, target: {"🥨": True}, "reading adds nothing", "expected the counts"),
        ("shown", lambda self, target: {"🥨": "1"}, "reading adds nothing", "expected the counts"),
    ],
)
def test_a_server_that_is_wrong_fails_in_words(
    method: str, spoilt: Callable[..., object], case: str, words: str
) -> None:
    server = type("Spoilt", (Foreign,), {method: spoilt})()

    failure = failures(run_vectors(server, ["required"]))[case]

    assert words in failure.replace("\\n", "")
    assert "step" in failure


def test_a_body_that_is_no_json_fails_in_words() -> None:
    def send(request: Request) -> Response:
        return Response(200, [], b"<p>hello" + b"x" * 1000)

    failure = failures(run_vectors(send, ["required"]))["a target without reactions has no counts"]

    assert "expected JSON in UTF-8, got '<p>hello" in failure
    assert "and more (1008 bytes)" in failure
    assert len(failure) < 400


def change(response: Response, **changes: Any) -> Response:
    fields: dict[str, Any] = {"status": response.status, "headers": response.headers, "body": response.body}
    return Response(**(fields | changes))


@pytest.mark.parametrize(
    ("spoil", "case", "words"),
    [
        (lambda r: change(r, headers=[]), "OPTIONS tells what is allowed", "expected header Allow like"),
        (
            lambda r: change(r, headers=[*r.headers, ("Location", "https://attacker.example/")]),
            "a form does not go to another site's page",
            "expected no header Location",
        ),
        (
            lambda r: change(
                r, headers=[("Content-Type", "application/json"), ("Cache-Control", "no-store")]
            ),
            "text is an invalid-emoji problem",
            "expected application/problem+json, got 'application/json'",
        ),
        (
            lambda r: change(r, body=r.body.replace(b"invalid-emoji", b"about:blank")),
            "text is an invalid-emoji problem",
            "expected a problem of type invalid-emoji",
        ),
        (
            lambda r: change(r, body=r.body.replace(b'"detail"', b'"details"')),
            "text is an invalid-emoji problem",
            "expected a problem with its status, title and detail",
        ),
        (
            lambda r: change(r, body=r.body.replace(b"{}", b'{"x": 1}')),
            "many targets are read at once",
            "expected {",
        ),
        (
            lambda r: change(
                r, body=json.dumps(dict(reversed(json.loads(r.body or b"{}").items()))).encode()
            ),
            "counts come with the largest first",
            "expected the order 🥨 🍩 🍪, got 🍪 🍩 🥨",
        ),
        (
            lambda r: change(r, body=r.body or b"hello"),
            "HEAD answers as GET without a body",
            "expected no body",
        ),
    ],
)
def test_a_wrong_answer_of_our_own_would_be_found(
    spoil: Callable[[Response], Response], case: str, words: str
) -> None:
    send = wsgi_sender(create_app())
    assert failures(run_vectors(send)) == {}

    found = failures(run_vectors(lambda request: spoil_json(spoil, send(request))))

    assert words in found[case]


def spoil_json(spoil: Callable[[Response], Response], response: Response) -> Response:
    try:
        return spoil(response)
    except ValueError:
        return response


def test_the_table_counts_each_group_and_tells_each_failure() -> None:
    server = type("Spoilt", (Foreign,), {"step": lambda self: 2})()
    outcomes = run_vectors(server, ["required", "robustness"])

    text = table(outcomes)

    lines = text.splitlines()
    required = [outcome for outcome in outcomes if outcome.case.group == "required"]
    assert lines[0].split() == ["group", "passed", "failed"]
    assert lines[1].split() == [
        "required",
        str(sum(outcome.passed for outcome in required)),
        str(sum(not outcome.passed for outcome in required)),
    ]
    assert lines[2].split()[0] == "robustness"
    assert "required: each reaction adds one" in lines
    assert text.count("Why: ") == len(failures(outcomes))


def test_a_group_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no group 'all'"):
        run_vectors(Foreign(), ["all"])


def test_our_server_passes_everything_over_http() -> None:
    with served(create_app()) as url:
        outcomes = run_vectors(http_sender(f"{url}/openheart/", timeout=10))

    assert all(outcome.passed for outcome in outcomes), table(outcomes)


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


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "no answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no answer"),
        (
            b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000,
            "no answer (the answer is longer than 1048576 bytes)",
        ),
    ],
)
def test_an_answer_that_is_none_fails_the_case(raw: bytes, words: str) -> None:
    with answering(raw) as url:
        sent: list[Request] = []

        def send(request: Request) -> Response:
            if sent:
                raise ConnectionResetError("only the first one counts")
            sent.append(request)
            return http_sender(url)(Request("GET", "/", {}, None))

        failure = run_vectors(send, ["required"])[0].failure

    assert failure is not None
    assert words in failure


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"])
def test_a_server_that_does_not_finish_its_answer_is_not_waited_for(raw: bytes) -> None:
    with answering(raw, then_wait=True) as url, pytest.raises(TimeoutError):
        http_sender(url, timeout=0.1)(Request("GET", "/", {}, None))


def test_a_server_that_answers_drop_by_drop_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, step=6.0)
    monkeypatch.setattr("openheart.cli.conform.time", SimpleNamespace(monotonic=lambda: next(clock)))
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nx"
    with answering(raw) as url, pytest.raises(TimeoutError, match="took too long"):
        http_sender(url, timeout=5)(Request("GET", "/", {}, None))


def test_json_that_is_nested_without_end_fails_the_case_only() -> None:
    def send(request: Request) -> Response:
        return Response(200, [], b"[" * 500_000)

    assert not any(outcome.passed for outcome in run_vectors(send, ["required"]))
