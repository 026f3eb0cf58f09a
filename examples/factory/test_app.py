"""How to test an app that has reactions.

Shows: storage in memory for your own app, set by one environment variable.
Requires: pip install ../.. pytest
Run: pytest test_app.py
"""

from __future__ import annotations

import pytest
from app import create_app
from flask.testing import FlaskClient


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setenv("OPENHEART_URI", "memory:")
    return create_app("blog").test_client()


def test_a_reaction_shows_on_the_page(client: FlaskClient) -> None:
    client.post("/openheart/hello", data="🥨")

    assert client.get("/").json == {"🥨": 1}


def test_text_that_is_not_an_emoji_is_refused(client: FlaskClient) -> None:
    answer = client.post("/openheart/hello", data="hello")

    assert answer.status_code == 400
    assert client.get("/").json == {}
