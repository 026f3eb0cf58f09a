"""Live events between processes, through a real Valkey that stays."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import valkey
from werkzeug.test import TestResponse

import openheart
from openheart.batteries import battery_of
from openheart.batteries.live.battery import Live
from openheart.batteries.live.hub import Listener
from openheart.storage.backend import Change, Counts
from openheart.storage.memory.backend import MemoryBackend

from ...servers.valkey import Server
from ...waiting import PATIENCE, until
from .apps import Listen, Load, ask, no_threads, texts
from .sse import Stream

NEWS = "openheart:live:0::c:news"
"""The topic of the channel ``news``."""


def subscribers(server: Server) -> set[str]:
    return {each["id"] for each in server.do("CLIENT LIST", "TYPE", "pubsub")}


def test_an_event_is_heard_in_every_process_in_the_same_order(load: Load, listen: Listen) -> None:
    apps = [load() for _ in range(3)]
    streams = [listen(app, "news") for app in apps]
    ids = [openheart.live.emit("news", number, app=apps[number % 3]) for number in range(30)]
    for stream in streams:
        heard = [stream.next() for _ in range(30)]
        assert [event.data["data"] for event in heard] == list(range(30))
        assert [event.id for event in heard] == ids


def test_a_reaction_in_one_process_is_seen_in_another(server: Server, load: Load, listen: Listen) -> None:
    one, two = load(uri=server.uri), load(uri=server.uri)
    stream = listen(two, target="hello")
    assert stream.next().data["counts"] == {}
    with one.app_context():
        openheart.react("hello", "🥨")
    assert stream.next().data == {"target": "hello", "counts": {"🥨": 1}}


def test_where_the_counts_are_in_valkey_that_one_is_used(server: Server, load: Load, listen: Listen) -> None:
    one, two = (load(uri=server.uri, redistogo_url=None) for _ in range(2))
    stream = listen(one, "news")
    openheart.live.emit("news", 1, app=two)
    assert texts(stream, 1) == [1]


@pytest.mark.parametrize("other", [{"instance": "staging"}, {"database": "/1"}])
def test_another_instance_and_another_database_are_not_heard(
    server: Server, load: Load, listen: Listen, other: dict[str, str]
) -> None:
    one = load()
    two = load(redistogo_url=server.uri + other.pop("database", ""), **other)
    streams = listen(one, "news"), listen(two, "news")
    for number, app in enumerate((one, two)):
        openheart.live.emit("news", number, app=app)
    assert [texts(stream, 1) for stream in streams] == [[0], [1]]


def test_a_process_has_one_subscriber_for_all_and_only_to_what_is_listened_to(
    server: Server, load: Load
) -> None:
    app = load(live_listeners=20)
    before = subscribers(server)
    answers = [ask(app, f"channel {number % 5}", "shared") for number in range(10)]
    assert len(subscribers(server) - before) == 1
    topics = server.do("PUBSUB CHANNELS", "openheart:live:0::c:*")
    assert sorted(topics) == [
        *(b"openheart:live:0::c:channel %d" % number for number in range(5)),
        b"openheart:live:0::c:shared",
    ]
    for answer in answers:
        answer.close()
    until(lambda: not server.do("PUBSUB CHANNELS", "openheart:live:0::c:*"), "it is subscribed for nobody")
    app.extensions["openheart"].close()
    until(lambda: subscribers(server) <= before, "the connection was not closed")


def test_who_comes_back_to_another_process_misses_nothing(load: Load, listen: Listen) -> None:
    one, two = load(), load()
    stream = listen(one, "a", "b")
    openheart.live.emit("a", 1, app=two)
    last = stream.next().id
    for number in range(2, 8):
        openheart.live.emit("ab"[number % 2], number, app=one)
    assert texts(listen(two, "a", "b", last=last), 6) == [2, 3, 4, 5, 6, 7]


def test_ids_hold_when_every_process_started_anew(load: Load, listen: Listen) -> None:
    one = load()
    last = listen(one, "a").id
    openheart.live.emit("a", 1, app=one)
    one.extensions["openheart"].close()
    two = load()
    openheart.live.emit("a", 2, app=two)
    assert texts(listen(two, "a", last=last), 2) == [1, 2]


def test_what_is_no_longer_kept_is_told_by_a_reset_of_that_channel(load: Load, listen: Listen) -> None:
    app = load(live_backlog=3)
    # The first event of a channel cannot tell what was before it, so there is one that was heard.
    openheart.live.emit("a", "heard", app=app)
    openheart.live.emit("b", "heard", app=app)
    last = listen(app, "a", "b").id
    for number in range(4):
        openheart.live.emit("a", number, app=app)
    openheart.live.emit("b", "kept", app=app)
    stream = listen(app, "a", "b", last=last)
    assert stream.next()[:2] == ("reset", {"channel": "a"})
    assert texts(stream, 4) == [1, 2, 3, "kept"]


def test_as_many_as_are_kept_are_no_gap(load: Load, listen: Listen) -> None:
    app = load(live_backlog=3)
    openheart.live.emit("a", "heard", app=app)
    last = listen(app, "a").id
    for number in range(3):
        openheart.live.emit("a", number, app=app)
    assert texts(listen(app, "a", last=last), 3) == [0, 1, 2]


def test_who_was_away_for_longer_than_events_are_kept_is_told_a_reset(load: Load, listen: Listen) -> None:
    app = load()
    era, _, number = openheart.live.emit("a", 1, app=app).partition(".")
    for seconds, expected in ((3000, "message"), (4000, "reset")):
        last = f"{era}.{int(number) - seconds * 1_000_000}"
        assert listen(app, "a", last=last).next().type == expected
    stream = listen(app, "never", last=f"{era}.{int(number) - 4000 * 1_000_000}")
    assert stream.next()[:2] == ("reset", {"channel": "never"})


def test_events_are_not_kept_for_ever(server: Server, load: Load) -> None:
    app = load(live_backlog=5)
    for number in range(20):
        openheart.live.emit("a", number, app=app)
    assert server.do("XLEN", "openheart:{live:}:c:a") == 5
    assert 3_500_000 < server.do("PTTL", "openheart:{live:}:c:a") <= 3_600_000


def test_nobody_who_comes_and_goes_under_load_hears_anything_twice_or_misses_it(
    load: Load, listen: Listen
) -> None:
    apps = load(live_backlog=1000), load(live_backlog=1000)
    last = listen(apps[0], "news").id
    heard: list[Any] = []

    def publish(who: int) -> None:
        for number in range(50):
            openheart.live.emit("news", [who, number], app=apps[who % 2])

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(publish, who) for who in range(4)]
        while len(heard) < 200:
            answer = ask(apps[len(heard) % 2], "news", last=last)
            stream = Stream(answer.iter_encoded())
            for _ in range(min(7, 200 - len(heard))):
                event = stream.next()
                last = event.id
                heard.append(event.data["data"])
            answer.close()
        for each in running:
            each.result()
    for who in range(4):
        assert [number for other, number in heard if other == who] == list(range(50))


def test_who_comes_at_the_moment_the_last_one_goes_misses_nothing(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = load(), load()
    first = ask(there, "news")
    last = Stream(first.iter_encoded()).begin().id
    coming: list[Future[TestResponse]] = []
    gone = threading.Event()
    unsubscribe: Any = valkey.client.PubSub.unsubscribe

    def was_asked() -> int:
        found = server.do("INFO", "commandstats")
        return sum(found.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "publish"))

    def late(feed: Any, *topics: str) -> None:
        monkeypatch.undo()
        assert gone.wait(PATIENCE)
        before = was_asked()
        coming.append(pool.submit(ask, there, "news", last=last))
        until(lambda: was_asked() > before, "nobody came")
        unsubscribe(feed, *topics)
        until(lambda: server.do("PUBSUB", "NUMSUB", *topics)[1] == 0, "the last one did not go")
        openheart.live.emit("news", "meanwhile", app=here)

    monkeypatch.setattr(valkey.client.PubSub, "unsubscribe", late)
    with ThreadPoolExecutor(1) as pool:
        first.close()
        openheart.live.emit("news", "gone", app=here)
        gone.set()
        until(lambda: bool(coming), "nobody unsubscribed")
        with closing(coming[0].result()) as second:
            until(lambda: server.do("PUBSUB", "NUMSUB", NEWS)[1] == 1, "nobody subscribed anew")
            openheart.live.emit("news", "after", app=here)
            assert texts(Stream(second.iter_encoded()), 2) == ["gone", "meanwhile"]


def test_a_connection_that_broke_is_made_anew_and_nothing_was_missed(
    server: Server, load: Load, listen: Listen
) -> None:
    app = load()
    openheart.live.emit("news", "before", app=app)
    stream = listen(app, "news")
    for round_ in range(3):
        assert server.do("CLIENT KILL", "TYPE", "pubsub") >= 1
        numbers = [openheart.live.emit("news", [round_, number], app=app) and number for number in range(5)]
        assert texts(stream, 5) == [[round_, number] for number in numbers]


def test_what_comes_while_a_connection_is_made_anew_does_not_hide_what_was_missed(
    server: Server, load: Load, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = load(), load()
    openheart.live.emit("news", "before", app=there)
    stream = listen(here, "news")
    hub = battery_of(Live, here).resource.hub
    subscribe: Any = valkey.client.PubSub.subscribe

    def watched(feed: Any, *topics: str) -> None:
        if NEWS not in topics:
            subscribe(feed, *topics)
            return
        monkeypatch.undo()
        openheart.live.emit("news", "missed", app=there)
        subscribe(feed, *topics)
        until(lambda: server.do("PUBSUB", "NUMSUB", NEWS)[1] == 1, "nobody subscribed anew")
        openheart.live.emit("news", "new", app=there)
        # So there is one channel more to wait for.
        hub.join(Listener(["c:more"], 10, lambda: None), 10)

    monkeypatch.setattr(valkey.client.PubSub, "subscribe", watched)
    assert server.do("CLIENT KILL", "TYPE", "pubsub") == 1
    assert stream.next().data["data"] == "missed"
    assert stream.next().data["data"] == "new"


def test_who_is_cut_off_while_its_process_catches_up_misses_nothing(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = load(), load()
    for channel in "ab":
        openheart.live.emit(channel, "before", app=there)
    subscribe: Any = valkey.client.PubSub.subscribe
    # The reset, and three events.
    for cut in range(1, 5):
        with closing(ask(here, "a", "b")) as answer:
            stream = Stream(answer.iter_encoded()).begin()
            last = stream.id
            with monkeypatch.context() as patch:

                def late(feed: Any, *topics: str, cut: int = cut) -> None:
                    if NEWS.replace("news", "a") in topics:
                        for number in range(4):
                            openheart.live.emit("a", number, app=there)
                        server.do("XTRIM", "openheart:{live:}:c:a", "MAXLEN", "1")
                        for number in (4, 5):
                            openheart.live.emit("b", number, app=there)
                    subscribe(feed, *topics)

                patch.setattr(valkey.client.PubSub, "subscribe", late)
                assert server.do("CLIENT KILL", "TYPE", "pubsub") >= 1
                stream.read(cut)
            assert stream.heard[0][:2] == ("reset", {"channel": "a"})
        with closing(ask(here, "a", "b", last=stream.id or last)) as answer:
            again = Stream(answer.iter_encoded())
            openheart.live.emit("b", "end", app=there)
            while again.next().data.get("data") != "end":
                pass
        heard = [event.data["data"] for event in stream.heard + again.heard if event.type == "message"]
        assert heard == [3, 4, 5, "end"]


def test_who_was_told_that_all_is_gone_is_not_told_again(server: Server, load: Load, listen: Listen) -> None:
    app = load()
    stream = listen(app, "a", "b")
    last = stream.id
    server.do("FLUSHALL")
    assert server.do("CLIENT KILL", "TYPE", "pubsub") >= 1
    while stream.id == last:
        stream.read(1)
    assert [event.type for event in stream.heard] == ["reset", "reset"]
    again = listen(app, "a", "b", last=stream.id)
    openheart.live.emit("b", "next", app=app)
    assert texts(again, 1) == ["next"]


def test_without_a_thread_to_listen_with_nobody_is_taken_and_the_next_one_tries_again(
    load: Load, listen: Listen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    apps = load(), load()
    with no_threads(monkeypatch):
        for app in apps:
            refused = ask(app, "news")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
            assert "no thread can be started" in caplog.messages[-1]
            assert battery_of(Live, app).resource.hub.count == 0
    apps[0].extensions["openheart"].close()
    assert not [message for message in caplog.messages if "did not close" in message]
    stream = listen(apps[1], "news")
    openheart.live.emit("news", 1, app=apps[1])
    assert texts(stream, 1) == [1]


@pytest.mark.parametrize("what", ["the app", "the battery"])
def test_a_reaction_that_was_under_way_when_all_was_closed_opens_nothing_again(
    load: Load, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    app = load()
    state, live = app.extensions["openheart"], battery_of(Live, app)
    stored, goes_on = threading.Event(), threading.Event()
    apply = MemoryBackend.apply

    def gated(backend: MemoryBackend, changes: Sequence[Change]) -> list[Counts]:
        found = apply(backend, changes)
        stored.set()
        assert goes_on.wait(PATIENCE)
        return found

    def react() -> Counts:
        with app.app_context():
            return openheart.react("hello", "🥨")

    monkeypatch.setattr(MemoryBackend, "apply", gated)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(react)
        assert stored.wait(PATIENCE)
        assert not live.is_open
        (state if what == "the app" else live).close()
        goes_on.set()
        assert running.result() == {"🥨": 1}
    assert not live.is_open
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("openheart-live")]
    # Who uses the app after that opens it again.
    state.close()
    react()
    assert live.is_open
