"""Our own server passes every conformance vector, on every storage that needs no server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from openheart.cli.conform import run_vectors, table
from openheart.protocol.vectors import GROUPS
from openheart.testing import create_app

from ..wsgi_client import wsgi_sender


@pytest.fixture(params=["memory:", "sqlite"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/openheart.db" if request.param == "sqlite" else str(request.param)


@pytest.fixture
def app(uri: str) -> Iterator[Flask]:
    app = create_app(uri=uri)
    yield app
    app.extensions["openheart"].service.close()


@pytest.mark.parametrize("group", GROUPS)
def test_every_vector_passes(app: Flask, group: str) -> None:
    outcomes = run_vectors(wsgi_sender(app), [group])

    assert all(outcome.passed for outcome in outcomes), table(outcomes)


@pytest.mark.parametrize(
    "settings",
    [
        {"skin_tones": "fold"},
        {"origins": "https://example.com"},
        {"max_age": "60s"},
        {"listing": True},
    ],
    ids=str,
)
def test_the_protocol_holds_whatever_the_settings(settings: dict[str, object]) -> None:
    outcomes = run_vectors(wsgi_sender(create_app(**settings)), ["required"])

    assert all(outcome.passed for outcome in outcomes), table(outcomes)


def test_every_vector_passes_on_a_server_with_data_in_it() -> None:
    app = create_app()
    for _ in range(2):
        outcomes = run_vectors(wsgi_sender(app))

        assert all(outcome.passed for outcome in outcomes), table(outcomes)
