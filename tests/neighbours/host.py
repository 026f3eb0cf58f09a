"""A site as our docs have it, and what visitors do with it."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import openheart

__all__ = ["ADDRESSES", "BLOG", "add_pages", "assert_all_works", "host", "react"]

BLOG = "https://blog.example"
ADDRESSES = (
    "/openheart/posts/rye",
    "/openheart/posts/rye/",
    "/openheart//posts/rye",
    "/openheart?target=posts/rye",
    "/openheart/?target=posts/rye",
)
"""The addresses at which one can react to one post."""


def host(name: str = "site", **config: Any) -> Flask:
    """An app with settings for the extensions, and without routes."""
    app = Flask(name)
    app.config.update({"SECRET_KEY": "for the test", "TESTING": True, **config})
    return app


def add_pages(app: Flask) -> None:
    """The pages of the site: a front page, and posts that have reactions. openheart was added before."""

    @app.get("/")
    def front() -> str:
        return "<html><body>The front page</body></html>"

    @app.get("/posts/<slug>/", openheart=True)
    def post(slug: str) -> str:
        return f"<html><body>{slug}: {openheart.page.reactions}</body></html>"

    @app.post("/posts/<slug>/")
    def change_post(slug: str) -> str:
        return "changed"


def react(client: FlaskClient, address: str = ADDRESSES[0], **options: Any) -> TestResponse:
    """React as the tag on another origin does."""
    headers = {"Origin": BLOG, "Content-Type": "text/plain;charset=UTF-8", **options.pop("headers", {})}
    return client.post(address, data="🥨", headers=headers, **options)


def assert_all_works(app: Flask, **options: Any) -> None:
    """The host's own pages, and each thing that a visitor does with reactions.

    Args:
        app: the app, whose post has no reactions yet.
        options: of each request, such as ``base_url``.
    """
    client = app.test_client()
    # Some extensions change the app at the first request.
    for _ in range(2):
        assert "The front page" in client.get("/", **options).text
    assert client.get("/nothing", **options).status_code == 404
    counted = 0
    for address in ADDRESSES:
        answer = react(client, address, **options)
        counted += 1
        assert (answer.status_code, answer.json) == (200, {"🥨": counted}), address
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert f"🥨': {counted}" in client.get("/posts/rye/", **options).text
    read = client.get("/openheart/posts/rye", headers={"Origin": BLOG}, **options)
    assert (read.json, read.headers.getlist("Access-Control-Allow-Origin")) == ({"🥨": counted}, ["*"])
    unchanged = client.get("/openheart/posts/rye", headers={"If-None-Match": read.headers["ETag"]}, **options)
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    batch = client.get("/openheart/?target=posts/rye&target=posts/oat", **options)
    assert batch.json == {"posts/rye": {"🥨": counted}, "posts/oat": {}}
    script = client.get("/openheart/-/openheart.js", **options)
    assert (script.status_code, script.mimetype) == (200, "text/javascript")
    form = {"Accept": "text/html,*/*;q=0.8", "Content-Type": "text/plain"}
    back = client.post("/openheart/posts/rye?back=/posts/rye/", data="🥨=\r\n", headers=form, **options)
    assert (back.status_code, back.location) == (303, "/posts/rye/")
    assert_errors_are_ours(client, options)


def assert_errors_are_ours(client: FlaskClient, options: dict[str, Any]) -> None:
    for method, address, body, status in (
        ("POST", "/openheart/posts/rye", "x", 400),
        ("GET", "/openheart/nothing", None, 404),
        ("PUT", "/openheart/posts/rye", "🥨", 405),
        ("PUT", "/openheart", "🥨", 405),
        ("POST", "/openheart/posts/rye", "🥨" * 100_000, 413),
    ):
        answer = client.open(address, method=method, data=body, **options)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), address
    asked = {"Origin": BLOG, "Access-Control-Request-Method": "POST"}
    preflight = client.options("/openheart/posts/rye", headers=asked, **options)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
