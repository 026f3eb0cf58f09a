from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

import openheart

from ..servers.s3 import GIVEN, S3Server, make_bucket


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    server = S3Server()
    yield server.endpoint
    server.close()


@pytest.fixture
def app(endpoint: str) -> Flask:
    """An app with a bucket of its own."""
    name = f"openheart-{uuid.uuid4()}"
    make_bucket(endpoint, name)
    return openheart.load(name="one", uri="memory:", **settings(endpoint, name))


def settings(endpoint: str, bucket: str = "bucket") -> dict[str, Any]:
    return {
        "s3_endpoint": endpoint,
        "amazon_bucket": bucket,
        "amazon_id": os.environ.get("AWS_ACCESS_KEY_ID", "tests"),
        "amazon_secret": os.environ.get("AWS_SECRET_ACCESS_KEY", "tests"),
    }


@pytest.mark.usefixtures("app")
def test_a_key_is_stored_read_and_removed() -> None:
    openheart.put_amazon_key("a/b", "🥨")
    assert openheart.exists_amazon_key("a/b")
    assert openheart.get_amazon_key("a/b").read() == "🥨".encode()
    openheart.delete_amazon_key("a/b")
    assert not openheart.exists_amazon_key("a/b")
