"""Alive and ready."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import openheart
from openheart.errors import BackendUnusable
from openheart.storage.memory.backend import MemoryBackend
from openheart.system import probe


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


def test_a_process_probes_its_storage_once_for_many_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = openheart.load(name="site", uri=f"sqlite:///{tmp_path}/openheart.db").test_client()
    assert client.get("/openheart/-/readyz").status_code == 200
    with closing(sqlite3.connect("file:openheart.db?mode=ro", uri=True)) as other:
        version = other.execute("PRAGMA data_version").fetchone()
        assert [client.get("/openheart/-/readyz").status_code for _ in range(20)] == [200] * 20
        assert other.execute("PRAGMA data_version").fetchone() == version
        monkeypatch.setattr(probe, "LASTS", -1.0)
        assert client.get("/openheart/-/readyz").status_code == 200
        assert other.execute("PRAGMA data_version").fetchone() != version
