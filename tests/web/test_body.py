"""Reading bodies: the cap, chunks, and hooks of the host that read first."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from openheart import OpenHeart
from openheart.testing import create_app

from .conftest import MakeClient

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(("size", "status"), [(64, 200), (65, 413)])
def test_the_cap_holds_for_a_stated_length_and_for_chunks(
    make_client: MakeClient, size: int, status: int
) -> None:
    client = make_client(max_body=64)
    body = "🥨".encode().ljust(size, b" ")
    assert client.post("/openheart/a", data=body).status_code == status
    chunked = client.post(
        "/openheart/a",
        input_stream=io.BytesIO(body),
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert chunked.status_code == status


def test_no_more_than_the_cap_is_read_of_an_endless_body(client: FlaskClient) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            self.taken += len(buffer)
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    endless = Endless()
    answer = client.post(
        "/openheart/a",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": endless, "wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert endless.taken < 200_000


@pytest.mark.parametrize("reads", ["get_data", "form", "values", "stream"])
@pytest.mark.parametrize(("body", "kind"), [("🥨=", FORM), ("emoji=🥨", FORM), ("🥨", FORM)])
def test_a_hook_of_the_host_may_read_the_body_first(reads: str, body: str, kind: str) -> None:
    app = Flask("host")
    reading: dict[str, Callable[[], object]] = {
        "get_data": lambda: request.get_data(),
        "form": lambda: request.form,
        "values": lambda: request.values,
        "stream": lambda: request.stream,
    }

    @app.before_request
    def read() -> None:
        reading[reads]()

    OpenHeart(app, env=False, uri="memory:")
    answer = app.test_client().post("/openheart/a", data=body.encode(), content_type=kind)
    assert answer.json == {"🥨": 1}


def test_a_smaller_cap_of_the_host_is_answered_by_us(client: FlaskClient) -> None:
    app = create_app()
    app.config["MAX_CONTENT_LENGTH"] = 10
    answer = app.test_client().post("/openheart/a", data=b"x" * 11)
    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")


def test_a_body_that_arrives_in_parts_is_read_whole(client: FlaskClient) -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            byte = self.read(1)
            buffer[: len(byte)] = byte
            return len(byte)

    body = '{"emoji": "🥨"}'.encode()
    answer = client.post(
        "/openheart/a",
        content_type="application/json",
        environ_overrides={"wsgi.input": Slow(body), "CONTENT_LENGTH": str(len(body))},
    )
    assert answer.json == {"🥨": 1}


def test_a_body_that_breaks_off_is_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/openheart/a", environ_overrides={"wsgi.input": io.BytesIO("🥨".encode()), "CONTENT_LENGTH": "100"}
    )
    assert answer.status_code == 400
    assert client.get("/openheart/a").json == {}


class BadChunk(Exception):
    """What a server raises for chunks that are none; gunicorn's is no OSError either."""


class Broken(io.RawIOBase):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        raise self._error


@pytest.mark.parametrize("host_limit", [None, 1000])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadChunk(), 400),
        (OSError("no more data"), 400),
        (ValueError("no size of a chunk"), 400),
        (ClientDisconnected(), 400),
        (RequestEntityTooLarge(), 413),
    ],
)
def test_a_body_that_the_server_cannot_read_is_refused(
    error: Exception, status: int, host_limit: int | None
) -> None:
    app = create_app()
    app.config["MAX_CONTENT_LENGTH"] = host_limit
    client = app.test_client()
    answer = client.post(
        "/openheart/a",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": Broken(error), "wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert client.get("/openheart/a").json == {}
