"""An app on memory storage for each test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from openheart.testing import create_app

MakeClient = Callable[..., FlaskClient]


@pytest.fixture
def make_client() -> MakeClient:
    """Makes a client of a fresh app with the settings given."""

    def make(**settings: Any) -> FlaskClient:
        return create_app(**settings).test_client()

    return make


@pytest.fixture
def client(make_client: MakeClient) -> FlaskClient:
    """A client of a fresh app with default settings."""
    return make_client()
