"""Flask-WTF: CSRFProtect, with and without the exemption that our docs name."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_wtf import CSRFProtect

from openheart import OpenHeart

from .host import ADDRESSES, add_pages, assert_all_works, host, react

VIEW = "openheart.reactions"


def site(*, first: str = "openheart", **settings: object) -> tuple[Flask, CSRFProtect]:
    app = host()
    csrf = CSRFProtect()
    if first == "csrf":
        csrf.init_app(app)
    OpenHeart(app, env=False, uri="memory:", **settings)
    if first != "csrf":
        csrf.init_app(app)
    add_pages(app)
    return app, csrf


@pytest.mark.parametrize("access_log", [False, True])
@pytest.mark.parametrize("first", ["openheart", "csrf"])
def test_the_exemption_of_the_view_is_one_of_all_its_addresses(first: str, access_log: bool) -> None:
    app, csrf = site(first=first, access_log=access_log)
    csrf.exempt(app.view_functions[VIEW])
    assert_all_works(app)
    assert app.test_client().post("/posts/rye/").status_code == 400


def test_the_exemption_by_its_name_does_the_same() -> None:
    app, csrf = site()
    csrf.exempt("openheart.web.reactions.reactions")
    assert_all_works(app)


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_it_a_page_can_read_that_the_token_is_missing(address: str) -> None:
    app, _ = site()
    answer = react(app.test_client(), address)
    assert answer.status_code == 400
    assert "CSRF token is missing" in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert app.test_client().get(address).status_code == 200


def test_reactions_set_no_cookie() -> None:
    app, csrf = site()
    csrf.exempt(app.view_functions[VIEW])
    assert react(app.test_client()).headers.getlist("Set-Cookie") == []
