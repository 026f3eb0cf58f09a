"""Flask-Talisman: HTTPS, its headers on our answers, and a policy that lets the tag work."""

from __future__ import annotations

from flask import Flask
from flask_talisman import Talisman

from openheart import OpenHeart

from .host import BLOG, add_pages, assert_all_works, host

HTTPS = "https://localhost"


def site() -> Flask:
    app = host()
    Talisman(app, content_security_policy={"default-src": "'self'"})
    OpenHeart(app, env=False, uri="memory:")
    add_pages(app)
    return app


def test_everything_works_over_https() -> None:
    app = site()
    # It redirects neither tests nor debug servers.
    app.testing = False
    assert_all_works(app, base_url=HTTPS)


def test_http_is_redirected_and_the_page_may_follow() -> None:
    app = site()
    answer = app.test_client().post("/openheart/posts/rye", data="🥨", headers={"Origin": BLOG})
    assert (answer.status_code, answer.location) == (302, f"{HTTPS}/openheart/posts/rye")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_its_headers_are_on_our_answers() -> None:
    client = site().test_client()
    form = {"Accept": "text/html"}
    read = client.get("/openheart/posts/rye", base_url=HTTPS)
    page = client.post("/openheart/posts/rye", data="🥨", headers=form, base_url=HTTPS)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    for answer in (read, page):
        assert "max-age=" in answer.headers["Strict-Transport-Security"]
        assert answer.headers.getlist("Content-Security-Policy") == ["default-src 'self'"]
