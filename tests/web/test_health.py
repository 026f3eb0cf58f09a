"""Alive and ready."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from openheart.errors import BackendUnusable
from openheart.storage.memory.backend import MemoryBackend


def test_a_server_whose_storage_works_is_alive_and_ready(client: FlaskClient) -> None:
    for name, status in (("healthz", "ok"), ("readyz", "ready")):
        answer = client.get(f"/openheart/-/{name}")
        assert (answer.status_code, answer.json) == (200, {"status": status})
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_server_whose_storage_is_unavailable_is_alive_and_not_ready(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: MemoryBackend) -> None:
        raise BackendUnusable("the disk is full; make room")

    monkeypatch.setattr(MemoryBackend, "check", fail)
    assert client.get("/openheart/-/healthz").status_code == 200
    answer = client.get("/openheart/-/readyz")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert "the disk is full" not in answer.text
    assert "the disk is full; make room" in caplog.text


def test_asking_leaves_no_count_behind(client: FlaskClient) -> None:
    client.get("/openheart/-/readyz")
    assert client.get("/openheart/?target=/&target=readyz").json == {"/": {}, "readyz": {}}
