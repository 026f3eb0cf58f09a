"""An S3 server that becomes unavailable, comes back, refuses, or does not answer, under use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import openheart
from openheart.batteries import battery_of
from openheart.batteries.amazon.battery import Amazon
from openheart.batteries.amazon.key import AmazonKey
from openheart.errors import BatteryError, BatteryOutcomeUnknown, BatteryUnavailable

from ...servers.s3 import S3Server, make_bucket
from ...waiting import PATIENCE

ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>no</Message></Error>"


@pytest.fixture
def server(s3_server: S3Server) -> Iterator[S3Server]:
    """A server that runs, with an empty bucket, and runs after the test too."""
    s3_server.empty()
    make_bucket(s3_server.endpoint, "bucket")
    yield s3_server
    if not s3_server.is_running:
        s3_server.start()


def load(endpoint: str, timeout: float = PATIENCE) -> Flask:
    settings: dict[str, Any] = {"amazon_bucket": "bucket", "amazon_id": "me", "amazon_secret": "s3cret"}
    return openheart.load(name="one", uri="memory:", s3_endpoint=endpoint, s3_timeout=timeout, **settings)


class Answers:
    """A server that answers every request in one way.

    Args:
        status: the status.
        body: the body.
        promised: the Content-Length, where it is not the body's.
    """

    def __init__(self, status: int, body: str, promised: int | None = None) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked.append(self.command)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data) if promised is None else promised))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)
                self.close_connection = True

            do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self.asked = asked
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Answers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_server_that_stops_and_starts_again_under_use(server: S3Server) -> None:
    app = load(server.endpoint)
    openheart.amazon.put_amazon_key("a", "1")
    server.stop()
    for call in (openheart.amazon.exists_amazon_key, openheart.amazon.delete_amazon_key):
        with pytest.raises(BatteryUnavailable, match="cannot be reached"):
            call("a")
    assert "cannot be reached" in (battery_of(Amazon, app).diagnose() or "")
    server.start()
    make_bucket(server.endpoint, "bucket")
    openheart.amazon.put_amazon_key("a", "2")
    assert openheart.amazon.get_amazon_key("a").read() == b"2"
    assert battery_of(Amazon, app).diagnose() is None


def test_a_server_that_does_not_answer_costs_three_times_the_timeout_and_not_more(server: S3Server) -> None:
    app = load(server.endpoint, timeout=1)
    openheart.amazon.put_amazon_key("a", "1")
    server.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(BatteryUnavailable, match="did not answer"):
            openheart.amazon.get_amazon_key("a").read()
        with pytest.raises(BatteryOutcomeUnknown, match="doing it again is safe"):
            openheart.amazon.put_amazon_key("a", "2")
        with pytest.raises(BatteryOutcomeUnknown, match="done or not"):
            openheart.amazon.delete_amazon_key("a")
        assert "did not answer" in (battery_of(Amazon, app).diagnose() or "")
        assert time.monotonic() - began < 40
    finally:
        server.thaw()


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_a_refusal_says_what_to_correct(code: str) -> None:
    with Answers(403, ERROR.format(code)) as answers:
        load(answers.endpoint)
        with pytest.raises(
            BatteryError, match=rf"refuses access \({code}\): correct AMAZON_ID and AMAZON_SECRET"
        ):
            openheart.amazon.put_amazon_key("a", "1")
        with pytest.raises(BatteryError, match=r"refuses access \(403\)") as caught:
            openheart.amazon.exists_amazon_key("a")
        openheart.unload()
    assert "s3cret" not in str(caught.value)


def test_a_server_that_is_too_busy_is_asked_three_times() -> None:
    with Answers(503, ERROR.format("SlowDown")) as answers:
        load(answers.endpoint)
        with pytest.raises(BatteryUnavailable, match=r"is temporarily unavailable \(SlowDown\): try again"):
            openheart.amazon.delete_amazon_key("a")
        openheart.unload()
    assert answers.asked == ["DELETE"] * 3


def test_data_that_ends_early_is_an_error_and_no_file(tmp_path: Path) -> None:
    with Answers(200, "half", promised=8) as answers:
        load(answers.endpoint)
        with pytest.raises(BatteryUnavailable):
            openheart.amazon.get_amazon_key("a").save(tmp_path / "a")
        openheart.unload()
    assert list(tmp_path.iterdir()) == []


class Parts(AmazonKey):
    """A key whose data are given; a function among them is called where it stands."""

    def __init__(self, *parts: bytes | Callable[[], object]) -> None:
        self._parts = parts

    def chunks(self) -> Iterator[bytes]:
        for part in self._parts:
            if callable(part):
                part()
            else:
                yield part


def test_saves_to_one_path_at_once_leave_the_data_of_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def fail() -> None:
        raise RuntimeError("no more")

    def meanwhile() -> None:
        Parts(b"s" * 1000).save(path)
        with pytest.raises(RuntimeError, match="no more"):
            Parts(b"b" * 100_000, fail).save(path)
        assert path.read_bytes() == b"s" * 1000

    Parts(b"l" * 100_000, meanwhile, b"l" * 100_000).save(path)
    assert path.read_bytes() == b"l" * 200_000
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_s3_at_all_is_an_error_of_ours() -> None:
    with Answers(400, "what?") as answers:
        load(answers.endpoint)
        with pytest.raises(BatteryError):
            openheart.amazon.put_amazon_key("a", "1")
        with pytest.raises(BatteryError):
            list(openheart.amazon.list_amazon_keys())
        openheart.unload()
