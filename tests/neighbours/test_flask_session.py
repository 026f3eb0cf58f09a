"""Flask-Session: the host's sessions, ours in Valkey, and both in one process."""

from __future__ import annotations

from pathlib import Path

from cachelib import FileSystemCache
from flask import Flask, session
from flask_session import Session

import openheart
from openheart import OpenHeart

from ..servers.valkey import Server
from .host import add_pages, assert_all_works, host, react


def add_visits(app: Flask) -> None:
    @app.get("/visits")
    def visits() -> list[int]:
        session["visits"] = session.get("visits", 0) + 1
        return [session["visits"]]


def on_files(folder: Path) -> Flask:
    app = host(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(str(folder / "sessions")))
    OpenHeart(app, env=False, uri="memory:")
    Session(app)
    add_pages(app)
    add_visits(app)
    return app


def test_everything_works_and_sessions_are_kept(tmp_path: Path) -> None:
    app = on_files(tmp_path)
    assert_all_works(app)
    client = app.test_client()
    assert [client.get("/visits").json for _ in range(2)] == [[1], [2]]
    assert react(client).status_code == 200
    assert client.get("/visits").json == [3]
    answer = react(app.test_client())
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (200, [])


def test_an_app_on_files_and_one_with_our_sessions_in_valkey_live_together(
    tmp_path: Path, valkey_server: Server
) -> None:
    app = host("ours", REDISTOGO_URL=valkey_server.uri, SESSION_COOKIE_SECURE=False)
    openheart.load(app, uri="memory:", redis_session=True)
    add_visits(app)
    clients = [each.test_client() for each in (on_files(tmp_path), app)]
    for count in (1, 2):
        assert [client.get("/visits").json for client in clients] == [[count], [count]]
        assert [react(client, "/openheart/x").status_code for client in clients] == [404, 200]
