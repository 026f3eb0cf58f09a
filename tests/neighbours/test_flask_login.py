"""Flask-Login: its user as ours, and a login that is required for everything or for our view."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user

import openheart
from openheart import OpenHeart

from .host import add_pages, assert_all_works, host, react


class User(UserMixin):
    def __init__(self, name: str) -> None:
        self.id = name


def site() -> tuple[Flask, LoginManager]:
    app = host()
    manager = LoginManager(app)
    manager.user_loader(User)
    oh = OpenHeart(app, env=False, uri="memory:")
    oh.user_loader(lambda: current_user)
    add_pages(app)

    @app.post("/login/<name>")
    def login(name: str) -> str:
        login_user(User(name))
        openheart.set_user(current_user)
        return name

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        openheart.set_user(None)
        return ""

    @app.get("/me")
    def me() -> list[str | None]:
        user = openheart.get_user()
        return [user.id if user.is_authenticated else None]

    @app.post("/notes/<note>")
    def react_to_note(note: str) -> dict[str, int]:
        return openheart.scoped().react(f"notes/{note}", "🥨")

    return app, manager


def test_everything_works() -> None:
    assert_all_works(site()[0])


def test_its_user_is_ours_and_nobody_is_none() -> None:
    client = site()[0].test_client()
    assert client.get("/me").json == [None]
    assert client.post("/notes/1").status_code == 401
    client.post("/login/ann")
    assert client.get("/me").json == ["ann"]
    assert client.post("/notes/1").json == {"🥨": 1}
    client.post("/logout")
    assert client.get("/me").json == [None]
    client.post("/login/bob")
    assert client.post("/notes/1").json == {"🥨": 1}


def test_a_reaction_neither_loads_the_user_nor_sets_a_cookie() -> None:
    app, manager = site()
    client = app.test_client()
    client.post("/login/ann")
    manager.user_loader(lambda name: pytest.fail("the user was loaded"))
    answer = react(client)
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (200, [])


@pytest.mark.parametrize(("view", "status"), [(None, 401), ("front", 302)])
def test_where_everything_needs_a_login_a_page_can_read_that(view: str | None, status: int) -> None:
    app, manager = site()
    manager.login_view = view

    @app.before_request
    def require() -> ResponseReturnValue | None:
        return None if current_user.is_authenticated else manager.unauthorized()

    answer = react(app.test_client())
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")


def test_a_login_can_be_required_for_our_view() -> None:
    app, _ = site()
    app.view_functions["openheart.reactions"] = login_required(app.view_functions["openheart.reactions"])
    client = app.test_client()
    for address in ("/openheart/posts/rye", "/openheart?target=posts/rye"):
        assert react(client, address).status_code == 401
    client.post("/login/ann")
    for address in ("/openheart/posts/rye", "/openheart?target=posts/rye"):
        assert react(client, address).status_code == 200
