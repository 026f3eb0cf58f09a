"""Live events on each server: sent at once, within the budget of threads, and ended when it stops."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ..batteries.live.sse import Browser
from ..servers.valkey import Server as ValkeyServer
from ..waiting import PATIENCE, until
from .conftest import Server, StartServer

APP = """
import os
from flask import request
import openheart
from openheart.batteries import battery_of
from openheart.batteries.live.battery import Live

app = openheart.load(name="served")

@app.get("/address")
def address():
    return openheart.live.live_url("news", target="hello")

@app.post("/publish")
def publish():
    openheart.live.emit("news", {"from": os.getpid(), "text": "x" * int(request.args.get("size", 1))})
    return ""

@app.get("/count")
def count():
    return str(battery_of(Live).resource.hub.count)

if __name__ == "__main__":
    openheart.run(ready=lambda url: print(url, flush=True))
    print("returned", flush=True)
"""
SERVERS = ["waitress", "gunicorn", "granian", "werkzeug"]

Listen = Callable[..., Browser]


@pytest.fixture
def app() -> str:
    return APP


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Opens a stream of a server; it is closed after the test."""
    with contextlib.ExitStack() as stack:

        def open_stream(served: Server, *, receive: int | None = None) -> Browser:
            browser = Browser(served.url + address(served), receive=receive)
            stack.callback(browser.close)
            return browser

        yield open_stream


def start(start_server: StartServer, server: str, **variables: str) -> Server:
    settings = {"OPENHEART_URI": "memory:", "OPENHEART_LIVE": "1", "SECRET_KEY": "not a secret"}
    served = start_server(**{"SERVER": server, **settings, **variables})

    def answers() -> bool:
        # A server may say where it listens a moment before it answers, and before it hears signals.
        try:
            return count(served) == 0
        except httpx.TransportError:
            return False

    until(answers, "it does not answer")
    return served


def address(served: Server) -> str:
    return httpx.get(f"{served.url}/address", timeout=PATIENCE).text.partition("#")[0]


def publish(served: Server, size: int = 1) -> None:
    httpx.post(f"{served.url}/publish?size={size}", timeout=PATIENCE).raise_for_status()


def count(served: Server) -> int:
    return int(httpx.get(f"{served.url}/count", timeout=PATIENCE).text)


@pytest.mark.parametrize("server", SERVERS)
def test_events_reactions_and_signs_of_life_are_sent_as_they_happen(
    start_server: StartServer, listen: Listen, server: str
) -> None:
    served = start(start_server, server, OPENHEART_LIVE_HEARTBEAT="200ms")
    browser = listen(served)
    assert browser.status == 200
    assert browser.head["content-type"] == "text/event-stream; charset=utf-8"
    assert browser.head["cache-control"] == "no-store"
    assert browser.head["x-accel-buffering"] == "no"
    assert browser.head["access-control-allow-origin"] == "*"
    stream = browser.stream.begin()
    assert stream.retry >= 2000
    assert stream.next().data == {"target": "hello", "counts": {}}
    publish(served)
    assert stream.next().data["channel"] == "news"
    stream.comment()
    httpx.post(f"{served.url}/openheart/hello", content="🥨", timeout=PATIENCE).raise_for_status()
    assert stream.next().data == {"target": "hello", "counts": {"🥨": 1}}
    stream.comment()


def test_gevent_takes_more_listeners_than_threads(start_server: StartServer, listen: Listen) -> None:
    served = start(
        start_server,
        "gunicorn",
        SERVER_WORKER_CLASS="gevent",
        SERVER_THREADS="2",
        OPENHEART_LIVE_LISTENERS="3",
    )
    browsers = [listen(served) for _ in range(4)]
    assert [browser.status for browser in browsers] == [200, 200, 200, 503]
    assert httpx.post(f"{served.url}/openheart/hello", content="🥨", timeout=PATIENCE).json() == {"🥨": 1}


def test_who_left_is_noticed_at_once_under_gevent_too(start_server: StartServer, listen: Listen) -> None:
    served = start(start_server, "gunicorn", SERVER_WORKER_CLASS="gevent", OPENHEART_LIVE_HEARTBEAT="300s")
    browser = listen(served)
    browser.stream.begin()
    assert count(served) == 1
    browser.close()
    until(lambda: count(served) == 0, "its slot was not freed")


@pytest.mark.parametrize("server", SERVERS)
def test_one_more_than_may_is_refused_and_one_that_goes_makes_room(
    start_server: StartServer, listen: Listen, server: str
) -> None:
    served = start(
        start_server,
        server,
        SERVER_THREADS="3",
        OPENHEART_LIVE_LISTENERS="2",
        OPENHEART_LIVE_HEARTBEAT="200ms",
    )
    first, second = listen(served), listen(served)
    first.stream.begin(), second.stream.begin()
    refused = listen(served)
    assert refused.status == 503
    assert refused.head["content-type"] == "application/problem+json"
    assert refused.head["retry-after"] == "15"
    assert b'"live-full"' in refused.body()
    # The third thread is there for what else there is.
    assert httpx.post(f"{served.url}/openheart/hello", content="🥨", timeout=PATIENCE).json() == {"🥨": 1}
    first.close()
    until(lambda: count(served) == 1, "its slot was not freed")
    third = listen(served)
    assert third.status == 200
    third.stream.begin()
    second.close()
    third.close()
    until(lambda: count(served) == 0, "their slots were not freed")


@pytest.mark.parametrize("server", ["waitress", "gunicorn", "werkzeug"])
def test_one_that_goes_is_noticed_without_anything_to_send(
    start_server: StartServer, listen: Listen, server: str
) -> None:
    served = start(start_server, server, OPENHEART_LIVE_HEARTBEAT="300s")
    browser = listen(served)
    assert browser.stream.begin().next().type == "reaction"
    browser.close()
    until(lambda: count(served) == 0, "its slot was not freed")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_stops_ends_the_streams_and_does_not_wait_for_them(
    start_server: StartServer, listen: Listen, server: str, number: signal.Signals
) -> None:
    # Both are longer than the test waits for the server.
    served = start(start_server, server, SERVER_GRACE="300s", OPENHEART_LIVE_HEARTBEAT="300s")
    browsers = [listen(served) for _ in range(2)]
    for browser in browsers:
        browser.stream.begin()
    assert served.stop(number) == 0
    for browser in browsers:
        with contextlib.suppress(ConnectionError):
            assert {event.type for event in browser.stream.end()} <= {"reaction"}
    assert served.line() == "returned"


@pytest.mark.slow
@pytest.mark.parametrize("server", ["waitress", "gunicorn", "werkzeug"])
def test_a_browser_that_reads_nothing_is_dropped_and_nobody_waits_for_it(
    start_server: StartServer, listen: Listen, server: str
) -> None:
    served = start(
        start_server, server, OPENHEART_LIVE_BACKLOG="20", OPENHEART_LIVE_HEARTBEAT="300s", SERVER_THREADS="6"
    )
    slow, quick = listen(served, receive=4096), listen(served)
    assert quick.stream.begin().next().type == "reaction"
    with httpx.Client(base_url=served.url, timeout=PATIENCE) as client:
        for sent in range(2000):
            client.post("/publish?size=60000").raise_for_status()
            assert len(quick.stream.next().data["data"]["text"]) == 60_000
            if sent % 20 == 0 and client.get("/count").text == "1":
                break
        assert client.get("/count").text == "1"
    publish(served, 1)
    assert quick.stream.next().data["data"]["text"] == "x"
    slow.close()


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
def test_after_hundreds_of_browsers_came_and_went_there_is_exactly_as_much_room(
    start_server: StartServer, listen: Listen, server: str
) -> None:
    served = start(
        start_server,
        server,
        SERVER_THREADS="8",
        OPENHEART_LIVE_LISTENERS="5",
        OPENHEART_LIVE_HEARTBEAT="100ms",
    )
    url = served.url + address(served)
    answers = [0, 0]
    for number in range(300):
        browser = Browser(url)
        answers[browser.status == 200] += 1
        if number % 3 == 0 and browser.status == 200:
            browser.stream.begin()
        browser.close()
    assert answers[1] >= 5
    until(lambda: count(served) == 0, "their slots were not freed")
    browsers = [listen(served) for _ in range(6)]
    assert [browser.status for browser in browsers] == [200] * 5 + [503]
    assert count(served) == 5


@pytest.mark.slow
def test_two_worker_processes_hear_each_other_through_valkey(
    start_server: StartServer, listen: Listen, tmp_path: Path
) -> None:
    with ValkeyServer(tmp_path / "valkey") as valkey:
        served = start(start_server, "gunicorn", SERVER_WORKERS="2", REDISTOGO_URL=valkey.uri)
        browser = listen(served)
        assert browser.stream.begin().next().type == "reaction"
        processes: set[int] = set()

        def both_were_heard() -> bool:
            publish(served)
            processes.add(browser.stream.next().data["data"]["from"])
            return len(processes) == 2

        until(both_were_heard, "the events of one process were not heard")
        assert os.getpid() not in processes
        assert served.stop() == 0


@pytest.mark.slow
def test_without_valkey_two_worker_processes_are_told_apart_in_the_log(
    start_server: StartServer, capfd: pytest.CaptureFixture[str]
) -> None:
    served = start(start_server, "gunicorn", SERVER_WORKERS="2")
    assert served.stop() == 0
    assert "set REDISTOGO_URL to a Valkey" in capfd.readouterr().err
