"""Flask-Limiter: limits and exemptions put on our view."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from openheart import OpenHeart

from .host import ADDRESSES, BLOG, add_pages, assert_all_works, host, react

VIEW = "openheart.reactions"


def site(*default_limits: str, **settings: Any) -> tuple[Flask, Limiter]:
    app = host()
    limiter = Limiter(
        get_remote_address,
        app=app,
        default_limits=list(default_limits),
        headers_enabled=True,
        storage_uri="memory://",
    )
    OpenHeart(app, env=False, uri="memory:", **settings)
    add_pages(app)
    return app, limiter


@pytest.mark.parametrize("access_log", [False, True])
def test_everything_works_below_a_limit(access_log: bool) -> None:
    app, limiter = site("1000/year", access_log=access_log)
    app.view_functions[VIEW] = limiter.limit("1000/year")(app.view_functions[VIEW])
    assert_all_works(app)


@pytest.mark.parametrize("access_log", [False, True])
@pytest.mark.parametrize("first", ADDRESSES)
def test_one_limit_is_that_of_all_addresses_and_the_page_can_read_it(first: str, access_log: bool) -> None:
    app, limiter = site(access_log=access_log)
    app.view_functions[VIEW] = limiter.limit("2/year", methods=["POST"])(app.view_functions[VIEW])
    client = app.test_client()
    assert [react(client, first).status_code for _ in range(2)] == [200, 200]
    for address in (*ADDRESSES, "/openheart/posts/oat"):
        answer = react(client, address)
        assert answer.status_code == 429, address
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert int(answer.headers["Retry-After"]) > 0
        assert client.get(address).status_code == 200
    assert client.get("/openheart/posts/rye").json == {"🥨": 2}
    assert client.get("/").status_code == 200


def test_a_limit_of_the_view_counts_a_batch_and_a_single_read_together() -> None:
    app, limiter = site()
    app.view_functions[VIEW] = limiter.limit("2/year")(app.view_functions[VIEW])
    client = app.test_client()
    addresses = ("/openheart/posts/rye", "/openheart?target=posts/rye", "/openheart/posts/rye")
    assert [client.get(address).status_code for address in addresses] == [200, 200, 429]


def test_the_default_limits_count_all_addresses_together_and_a_preflight_is_answered() -> None:
    app, _ = site("2/year")
    client = app.test_client()
    assert [react(client, address).status_code for address in ADDRESSES[2:]] == [200, 200, 429]
    headers = {"Origin": BLOG, "Access-Control-Request-Method": "POST"}
    assert client.options("/openheart/posts/rye", headers=headers).status_code == 204
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("access_log", [False, True])
def test_an_exemption_is_one_of_all_addresses(access_log: bool) -> None:
    app, limiter = site("1/year", access_log=access_log)
    limiter.exempt(app.view_functions[VIEW])
    client = app.test_client()
    for address in ADDRESSES:
        assert react(client, address).status_code == 200
        assert client.get(address).status_code == 200
    assert [client.get("/").status_code for _ in range(2)] == [200, 429]
