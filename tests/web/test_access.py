"""The lines of OPENHEART_ACCESS_LOG."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from flask import Flask

from openheart import OpenHeart


def site(**options: Any) -> Flask:
    app = Flask("site")
    OpenHeart(app, env=False, **{"uri": "memory:", "access_log": True, **options})
    app.add_url_rule("/host", "host", lambda: "host")
    return app


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.endswith(".access")]


def test_a_request_to_ours_is_one_line_of_json_with_the_id_of_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "openheart")
    client = site(name="blog").test_client()

    answer = client.post("/openheart/a?secret=1", data="🥨", headers={"X-Request-Id": "mine"})
    client.get("/host")

    (line,) = map(json.loads, lines(caplog))
    assert line.pop("ms") >= 0
    assert line == {
        "id": answer.headers["X-Request-Id"],
        "method": "POST",
        "path": "/openheart/a",
        "status": 200,
        "bytes": len(answer.data),
    }
    assert line["id"] != "mine"
    assert caplog.records[-1].name == "openheart.blog.access"
    assert caplog.records[-1].openheart["id"] == line["id"]  # type: ignore[attr-defined]


def test_no_two_requests_have_one_id(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "openheart")
    client = site().test_client()
    for _ in range(50):
        client.get("/openheart/a")
    assert len({json.loads(line)["id"] for line in lines(caplog)}) == 50


def test_nothing_of_a_visitor_reaches_the_line_unescaped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "openheart")
    client = site().test_client()

    client.get("/openheart/a%0a%1b%5b2J%7f%c2%85%e2%80%ae%22%5c%ff")

    (line,) = lines(caplog)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["path"] == '/openheart/a\n\x1b[2J\x7f\x85\u202e"\\\ufffd'


def test_a_failure_of_ours_is_logged_as_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "openheart")
    app = site()
    monkeypatch.setattr(app.extensions["openheart"].service, "read", lambda targets: 1 / 0)

    assert app.test_client().get("/openheart/a").status_code == 500

    assert json.loads(lines(caplog)[0])["status"] == 500


def test_it_is_off_by_default(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "openheart")
    answer = site(access_log=None).test_client().get("/openheart/a")
    assert lines(caplog) == []
    assert "X-Request-Id" not in answer.headers
