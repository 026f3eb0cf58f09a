from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from openheart.cli.conform import Request, Response, http_sender, run_vectors
from openheart.testing import create_app

from ...wsgi_client import wsgi_sender
from .peers import Foreign, answering, change, failures


def test_where_a_redirect_leads_is_said() -> None:
    outcomes = run_vectors(lambda _: Response(308, [("Location", "https://h/a")], b""), ["required"])

    assert "got 308 to 'https://h/a'" in failures(outcomes)["each reaction adds one"]


def test_counts_in_another_encoding_fail() -> None:
    server = type("Utf16", (Foreign,), {"encode": lambda self, it: json.dumps(it).encode("utf-16")})()

    found = failures(run_vectors(server, ["required"]))

    assert "expected JSON in UTF-8" in found["an emoji as the body is counted"]


def test_a_byte_order_mark_is_no_other_encoding() -> None:
    server = type("Mark", (Foreign,), {"encode": lambda self, it: json.dumps(it).encode("utf-8-sig")})()

    assert failures(run_vectors(server, ["required"])) == {}


def test_counts_that_are_zero_are_as_none() -> None:
    server = type("Zero", (Foreign,), {"shown": lambda self, target: {"👍": 0, **self.counts[target]}})()

    assert failures(run_vectors(server, ["required"])) == {}


def test_an_unknown_target_may_be_unknown() -> None:
    server = Foreign()

    def send(request: Request) -> Response:
        if request.method == "GET" and request.path not in server.counts:
            return Response(404, [], b"")
        return server(request)

    outcomes = run_vectors(send, ["required", "robustness"])

    assert failures([each for each in outcomes if each.case.group == "required"]) == {}
    assert "a target without reactions has no counts" not in failures(outcomes)


def test_a_known_target_may_not_be_unknown() -> None:
    class Forgetful(Foreign):
        def __call__(self, request: Request) -> Response:
            known = request.path.endswith("-0000") or request.method == "POST"
            return super().__call__(request) if known else Response(404, [], b"")

    found = failures(run_vectors(Forgetful(), ["required"]))

    assert "expected the counts {'🥨': 1}, got 404" in found["an emoji as the body is counted"]


def test_what_is_answered_to_text_is_for_the_server_to_say() -> None:
    def send(request: Request) -> Response:
        response = server(request)
        return change(response, status=500) if response.status == 400 else response

    server = Foreign()

    assert failures(run_vectors(send, ["required"])) == {}


@pytest.mark.parametrize(
    ("method", "spoilt", "case", "words"),
    [
        ("step", lambda self: 2, "an emoji as the body is counted", r"expected the counts {'🥨': 1}, got '{"),
        ("step", lambda self: 0, "each reaction adds one", "expected the counts"),
        ("read", lambda self, body: body.decode(), "text after the emoji is ignored", "expected the counts"),
        ("read", lambda self, body: body.decode(), "text is not counted", "expected the counts {}"),
        (
            "read",
            lambda self, body: Foreign().read(body) if len(body) < 5 else None,
            "text after the emoji is ignored",
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

    failure = failures(run_vectors(send, ["required"]))["each reaction adds one"]

    assert "expected JSON in UTF-8, got '<p>hello" in failure
    assert "and more (1008 bytes)" in failure
    assert len(failure) < 400


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
    get = Request("GET", "/", {}, None)
    with answering(raw) as url:

        def send(request: Request) -> Response:
            is_first = request.path.endswith("-0002") and request.method == "POST"
            return http_sender(url)(get) if is_first else Response(200, [], b"{}")

        failure = run_vectors(send, ["required"])[0].failure

    assert failure is not None
    assert words in failure


def test_json_that_is_nested_without_end_fails_the_case_only() -> None:
    def send(request: Request) -> Response:
        return Response(200, [], b"[" * 500_000)

    assert not any(outcome.passed for outcome in run_vectors(send, ["required"]))
