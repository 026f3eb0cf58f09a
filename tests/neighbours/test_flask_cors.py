"""Flask-CORS: our routes keep their own headers, each once, and those of the host are the host's."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, abort
from flask_cors import CORS

from openheart import OpenHeart

from .host import BLOG, add_pages, assert_all_works, host, react

EVERYWHERE: list[dict[str, Any]] = [
    {},
    {"origins": [BLOG], "supports_credentials": True},
    {"resources": {r"/api/*": {"origins": "*"}}},
]


def site(cors: dict[str, Any], *, first: str = "openheart", **settings: Any) -> Flask:
    app = host()
    if first == "cors":
        CORS(app, **cors)
    OpenHeart(app, env=False, uri="memory:", **settings)
    if first != "cors":
        CORS(app, **cors)
    add_pages(app)
    app.add_url_rule("/api/posts", "api", lambda: ["rye"])
    return app


@pytest.mark.parametrize("first", ["openheart", "cors"])
@pytest.mark.parametrize("cors", EVERYWHERE)
def test_everything_works(cors: dict[str, Any], first: str) -> None:
    app = site(cors, first=first)
    assert_all_works(app)
    api = app.test_client().get("/api/posts", headers={"Origin": BLOG})
    assert api.headers["Access-Control-Allow-Origin"] in ("*", BLOG)


@pytest.mark.parametrize("first", ["openheart", "cors"])
@pytest.mark.parametrize("cors", EVERYWHERE)
def test_our_answers_and_refusals_have_one_origin_and_never_credentials(
    cors: dict[str, Any], first: str
) -> None:
    app = site(cors, first=first, origins=BLOG)
    for refusal in (None, 429):
        if refusal:
            app = site(cors, first=first, origins=BLOG)
            app.before_request(lambda: abort(429))
        answer = react(app.test_client())
        assert answer.status_code == (refusal or 200)
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [BLOG]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        headers = {"Origin": BLOG, "Access-Control-Request-Method": "POST"}
        preflight = app.test_client().options("/openheart/posts/rye", headers=headers)
        assert preflight.status_code == 204
        assert preflight.headers.getlist("Access-Control-Allow-Origin") == [BLOG]
        assert preflight.headers.getlist("Access-Control-Allow-Methods") == ["GET, HEAD, OPTIONS, POST"]


def test_an_origin_that_is_not_ours_to_allow_is_refused_although_the_host_allows_everybody() -> None:
    app = site({}, origins=BLOG)
    answer = react(app.test_client(), headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert app.test_client().get("/openheart/posts/rye").json == {}
