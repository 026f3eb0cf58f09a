"""Whatever a client sends: no failure of the server, and nothing counted by a request that was refused."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

import hypothesis
import pytest
from flask import Flask
from hypothesis import strategies as st

from openheart.storage import Change, Counts
from openheart.storage.memory.backend import MemoryBackend
from openheart.testing import create_app

EMOJI = [
    *("🥨", "❤", "❤️", "👍🏽", "🏳️‍🌈", "👩‍👩‍👧‍👦", "🇵🇹", "1️⃣"),
    *("5", "#", "🇵", "🏽", "❤\N{VARIATION SELECTOR-15}"),
]
TYPES = [
    "",
    "text/plain",
    "text/plain; charset=latin-1",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/octet-stream",
    "image/png",
    ";;=",
]
HEADERS = [
    "HTTP_ACCEPT",
    "HTTP_ORIGIN",
    "HTTP_REFERER",
    "HTTP_IF_NONE_MATCH",
    "HTTP_HOST",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
    "HTTP_TRANSFER_ENCODING",
]
VALUES = ["text/html", "*/*", "null", "https://blog.example", "localhost", "*"]
MULTIPART = '--x\r\nContent-Disposition: form-data; name="emoji"\r\n\r\n%s\r\n--x--\r\n'
BODIES = ["%s", "%s=", "emoji=%s", '{"emoji": "%s"}', "%s and more", MULTIPART]
PARTS = [b"hello", b"", b".", b"..", b"-", b"https:", b"EXAMPLE.com:80", "é".encode(), b"%2e", b"\xff"]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"listing": True, "emoji": "🥨 ❤️", "origins": "https://blog.example"},
    {"write_only": True, "skin_tones": "fold"},
    {"hold": True, "max_body": 20},
]

header_text = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40)
path_part = st.one_of(st.sampled_from(PARTS), st.binary(max_size=12))
emoji_body = st.builds(lambda form, emoji: form % emoji, st.sampled_from(BODIES), st.sampled_from(EMOJI))
parameter = st.builds(
    lambda name, value: f"{name}={value}",
    st.sampled_from(["target", "list", "cursor", "back", "x"]),
    header_text,
)
requests = st.fixed_dictionaries(
    {
        "method": st.one_of(
            st.sampled_from(["GET", "GET", "POST", "POST", "POST", "HEAD", "OPTIONS"]),
            st.from_regex(r"[A-Z]{1,8}", fullmatch=True),
        ),
        "path": st.lists(path_part, max_size=5).map(b"/".join),
        "query": st.one_of(st.just(""), st.lists(parameter, max_size=4).map("&".join), header_text),
        "body": st.one_of(st.binary(max_size=200), emoji_body.map(str.encode)),
        "content_type": st.one_of(st.sampled_from(TYPES), header_text),
        "headers": st.dictionaries(
            st.sampled_from(HEADERS), st.one_of(st.sampled_from(VALUES), header_text), max_size=4
        ),
        "terminated": st.booleans(),
    }
)


def send(app: Flask, request: dict[str, Any]) -> int:
    environ = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": (b"/openheart/" + request["path"]).decode("latin-1"),
        "QUERY_STRING": request["query"],
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request["body"]),
        "wsgi.errors": io.StringIO(),
        **request["headers"],
    }
    if request["content_type"]:
        environ["CONTENT_TYPE"] = request["content_type"]
    if request["terminated"]:
        environ["wsgi.input_terminated"] = True
    else:
        environ["CONTENT_LENGTH"] = str(len(request["body"]))
    seen: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        seen.append(status)
        for name, value in headers:
            assert "\n" not in name + value
            assert "\r" not in name + value
        return seen.append

    answer = app(environ, start_response)
    b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return int(seen[0].split()[0])


def check_requests(settings: dict[str, Any], cases: int, monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Send generated requests; how often each status was answered."""
    stored: list[Change] = []
    apply = MemoryBackend.apply

    def counted(self: MemoryBackend, changes: Sequence[Change]) -> list[Counts]:
        stored.extend(changes)
        return apply(self, changes)

    monkeypatch.setattr(MemoryBackend, "apply", counted)
    app = create_app(**settings)
    statuses: dict[int, int] = {}

    @hypothesis.given(request=requests)
    @hypothesis.settings(max_examples=cases, suppress_health_check=list(hypothesis.HealthCheck))
    def run(request: dict[str, Any]) -> None:
        before = len(stored)
        status = send(app, request)
        statuses[status] = statuses.get(status, 0) + 1
        if request["method"] == "POST" and status < 400 and not settings.get("hold"):
            assert len(stored) == before + 1
        else:
            assert len(stored) == before
        assert status < 500 or (status == 503 and settings.get("hold"))

    run()
    return statuses


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_refused_request_counts_nothing_and_none_breaks_the_server(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = check_requests(settings, 300, monkeypatch)
    assert 400 in statuses


@pytest.mark.torture
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_many_requests_break_nothing(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = check_requests(settings, int(os.environ.get("OPENHEART_TEST_CASES", "20000")), monkeypatch)
    print(f"{settings}: {sum(statuses.values())} generated requests, by status {statuses}")
