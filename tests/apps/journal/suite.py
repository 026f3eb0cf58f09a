"""The journal's own tests; they know nothing of openheart. Run: pytest journal/suite.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from . import create_app, db


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    app = create_app({"TESTING": True, "DATABASE": str(tmp_path / "journal.sqlite")})
    with app.app_context():
        db.create()
    client: FlaskClient = app.test_client()
    return client


def join(client: FlaskClient, name: str = "ann") -> None:
    client.post("/auth/join", data={"name": name, "password": "x"})
    client.post("/auth/login", data={"name": name, "password": "x"})


def test_a_member_writes_and_everyone_reads(client: FlaskClient) -> None:
    join(client)
    assert client.post("/write", data={"title": "First", "body": "Hello"}).status_code == 302
    client.get("/auth/logout")
    assert 'href="/entries/1"' in client.get("/").text
    assert "Hello" in client.get("/entries/1").text


def test_who_is_not_a_member_is_sent_to_the_log_in(client: FlaskClient) -> None:
    assert client.get("/write").headers["Location"] == "/auth/login"


def test_only_its_author_removes_an_entry(client: FlaskClient) -> None:
    join(client)
    client.post("/write", data={"title": "First", "body": ""})
    join(client, "bob")
    assert client.post("/entries/1/remove").status_code == 403
    client.post("/auth/login", data={"name": "ann", "password": "x"})
    assert client.post("/entries/1/remove").status_code == 302
    assert client.get("/entries/1").status_code == 404


def test_what_is_missing_or_wrong_is_refused(client: FlaskClient) -> None:
    assert client.post("/auth/join", data={"name": ""}).status_code == 400
    join(client)
    assert client.post("/auth/join", data={"name": "ann", "password": "y"}).status_code == 409
    assert client.post("/auth/login", data={"name": "ann", "password": "y"}).status_code == 403
    assert client.post("/write", data={"title": "", "body": ""}).status_code == 400
    assert client.get("/nothing").status_code == 404
    assert client.post("/").status_code == 405
