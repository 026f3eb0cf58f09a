from __future__ import annotations

import re
import socket
from typing import Any
from urllib.parse import parse_qs

import pytest

from openheart.cli.conform import Request, Response, http_sender, run_vectors, table
from openheart.cli.conform.placing import Placing
from openheart.errors import ConfigError

from .peers import Foreign, as_app, failures, served, unchecked


class Query(Foreign):
    """Has the target in ``?id=``, and none elsewhere."""

    def target(self, path: str) -> str:
        return parse_qs(path.partition("?")[2]).get("id", [""])[0]

    def __call__(self, request: Request) -> Response:
        return super().__call__(request) if self.target(request.path) else Response(400, [], b"id is missing")


class Domains(Foreign):
    """Has a page of a domain as the target."""

    def __call__(self, request: Request) -> Response:
        is_page = re.fullmatch(r"/[^/?]+\.[^/?]+/[^/?]+", request.path.partition("?")[0])
        return super().__call__(request) if is_page else Response(400, [], b"uid required.")


@pytest.mark.parametrize(
    ("server", "form"),
    [
        (Query(), "?id={target}"),
        (Query(), "api/react?v=1&id={target}"),
        (Domains(), "example.com/{target}"),
        (Domains(), "{target}.example/page"),
        (Foreign(), "a/b/{target}/c"),
    ],
)
def test_targets_are_where_the_server_has_them(server: Foreign, form: str) -> None:
    outcomes = run_vectors(server, ["required"], Placing(form))

    assert all(outcome.passed for outcome in outcomes), table(outcomes)


def test_segments_follow_a_target_that_is_a_host() -> None:
    seen: list[str] = []

    def send(request: Request) -> Response:
        seen.append(request.path)
        return server(request)

    server = Foreign()
    outcomes = run_vectors(send, ["robustness"], Placing("{target}.example"))

    assert "case matters in a path" not in failures(outcomes)
    assert any(re.fullmatch(r"/conform-[0-9a-f]+-\d{4}\.example/About", path) for path in seen)


def test_a_query_of_a_case_follows_the_one_of_the_form() -> None:
    seen: list[str] = []

    def send(request: Request) -> Response:
        seen.append(request.path)
        return server(request)

    server = Query()
    outcomes = run_vectors(send, ["robustness"], Placing("?id={target}"))

    assert "the query is not part of the target" not in failures(outcomes)
    assert any(re.fullmatch(r"/\?id=conform-[0-9a-f]+-\d{4}&utm_source=feed", path) for path in seen)


def test_a_whole_address_takes_the_place_of_the_prefix() -> None:
    server = Query()
    with served(as_app(server)) as url:
        outcomes = run_vectors(http_sender(url), ["required"], Placing(url + "/api?id={target}"))

    assert all(outcome.passed for outcome in outcomes), table(outcomes)


def test_a_target_can_be_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hosts(Foreign):
        def __call__(self, request: Request) -> Response:
            path = request.headers["Host"] if request.path == "/" else ""
            return super().__call__(Request(request.method, path, {}, request.body))

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **options: real("127.0.0.1", *more, **options)
    )
    with served(as_app(Hosts())) as url:
        port = url.rpartition(":")[2]
        form = "http://{target}.example:" + port
        outcomes = run_vectors(http_sender(form), ["required", "robustness"], Placing(form))

    required = [outcome for outcome in outcomes if outcome.case.group == "required"]
    assert all(outcome.passed for outcome in required), table(outcomes)
    assert (
        unchecked(outcomes)["case matters in a path"]
        == "its target has several segments, and --target is a host"
    )


def test_what_cannot_be_written_in_a_form_is_not_checked() -> None:
    outcomes = run_vectors(Query(), ["extensions"], Placing("http://h/?id={target}"))

    reason = unchecked(outcomes)["the process answers under -/healthz"]
    assert reason == "its address is not of the form of --target"


@pytest.mark.parametrize(
    "form", ["", "page", "{target}#a", "é/{target}", "ftp://h/{target}", "http:///{target}"]
)
def test_a_form_that_names_no_target_is_refused_with_examples(form: str) -> None:
    with pytest.raises(ConfigError, match=r"--target=.* such as example\.com/\{target\}"):
        Placing(form)


class Few(Foreign):
    """Accepts two emoji, and shows both from the start."""

    def read(self, body: bytes) -> str | None:
        emoji = super().read(body)
        return emoji if emoji in ("❤️", "👍") else None

    def shown(self, target: str) -> object:
        return {"❤️": 0, "👍": 0, **self.counts[target]}


def test_emoji_of_the_server_stand_for_those_of_the_cases() -> None:
    outcomes = run_vectors(Few(), ["required"], Placing(emoji=("❤️", "👍")))

    assert failures(outcomes) == {}
    assert list(unchecked(outcomes)) == ["an emoji of several code points is one", "a flag is one emoji"]
    reason = unchecked(outcomes)["a flag is one emoji"]
    assert reason == "it counts an emoji that --emoji does not name"


def test_one_emoji_is_enough_for_the_cases_of_one() -> None:
    outcomes = run_vectors(Few(), ["required"], Placing(emoji=("❤️",)))

    assert failures(outcomes) == {}
    assert "two emoji are counted apart" in unchecked(outcomes)
    assert sum(outcome.passed for outcome in outcomes) > 8


def test_emoji_are_exchanged_however_they_are_spelt() -> None:
    bodies: list[Any] = []

    def send(request: Request) -> Response:
        bodies.append(request.body or b"")
        return Response(200, [], b"{}")

    run_vectors(send, ["extensions"], Placing(emoji=("🍩", "🥨")))

    assert b"%F0%9F%8D%A9" in bodies
    assert b'{"emoji": "\\ud83c\\udf69"}' in bodies
    assert not any("🥨".encode() == body for body in bodies[:2])
