"""The way of a form without JavaScript, and where it leads afterwards."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from .conftest import MakeClient

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def submit(client: FlaskClient, back: str | None = None, referer: str | None = None) -> TestResponse:
    headers = {"Accept": ACCEPT, **({} if referer is None else {"Referer": referer})}
    query = {} if back is None else {"back": back}
    return client.post(
        "/openheart/hello", query_string=query, headers=headers, data="🥨=\r\n", content_type="text/plain"
    )


@pytest.fixture
def listed(make_client: MakeClient) -> FlaskClient:
    return make_client(origins="https://blog.example")


@pytest.mark.parametrize(
    "back",
    [
        "/",
        "/post?a=1&b=2#reactions",
        "https://blog.example/post",
        "http://localhost/page",
        "https://blog.example:443/",
    ],
)
def test_a_form_goes_back_to_our_own_pages_and_those_of_named_origins(listed: FlaskClient, back: str) -> None:
    for answer in (submit(listed, back=back), submit(listed, referer=back)):
        assert (answer.status_code, answer.headers["Location"]) == (303, back)
        assert answer.headers["Cache-Control"] == "no-store"
    assert listed.get("/openheart/hello").json == {"🥨": 2}


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example",
        "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", " //evil.example",
        "https:evil.example", "https:/evil.example", "https:///evil.example", "javascript:alert(1)",
        "data:text/html,x", "https://blog.example@evil.example/", "https://blog.example\\@evil.example/",
        "https://blog.example.evil.example/", "http://blog.example/", "https://blog.example:444/",
        "https://[blog.example/", "hello", "", "https://blog.example\u3002evil.example/",
        "https://blog\uff0eexample/", "/\u00e9\t", "/a\r\nSet-Cookie: a=b",
    ],
)  # fmt: skip
def test_a_form_never_goes_to_another_place(listed: FlaskClient, back: str) -> None:
    answer = submit(listed, back=back)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert answer.content_type == "text/html; charset=utf-8"


@pytest.mark.parametrize("place", ["/posts/caf\u00e9", "https://blog.example/\u2603?a=\u00e9#\u00fc"])
def test_a_place_in_any_script_is_written_as_a_header_needs_it(listed: FlaskClient, place: str) -> None:
    answer = submit(listed, back=place)
    assert answer.status_code == 303
    assert answer.headers["Location"].isascii()
    assert unquote(answer.headers["Location"]) == place


def test_a_star_in_the_origins_names_none_to_go_back_to(client: FlaskClient) -> None:
    assert submit(client, referer="https://blog.example/post").status_code == 200


def test_a_back_that_is_not_allowed_leaves_the_referer_to_go_to(client: FlaskClient) -> None:
    answer = submit(client, back="https://evil.example", referer="http://localhost/page")
    assert answer.headers["Location"] == "http://localhost/page"


def test_the_page_without_a_way_back_shows_the_counts_with_the_target_escaped(client: FlaskClient) -> None:
    answer = client.post("/openheart/<script>alert(1)", data="🥨", headers={"Accept": ACCEPT})
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script" not in answer.text
    assert "🥨 <b>1</b>" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_json_is_the_answer_unless_html_is_named(client: FlaskClient) -> None:
    answer = client.post("/openheart/a?back=/", data="🥨", headers={"Accept": "*/*"})
    assert answer.json == {"🥨": 1}


def test_a_refused_form_is_a_problem_document(client: FlaskClient) -> None:
    answer = client.post("/openheart/a?back=/", data="text", headers={"Accept": ACCEPT})
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
