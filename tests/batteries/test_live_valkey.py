"""Live events between processes, through a real Valkey that comes and goes."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import valkey
from flask import Flask
from werkzeug.test import TestResponse

import openheart
from openheart.batteries import battery_of
from openheart.batteries.live.battery import Live
from openheart.batteries.live.hub import Listener
from openheart.errors import BatteryOutcomeUnknown, BatteryUnavailable

from ..servers.process import frozen, until
from ..servers.valkey import Cluster, Server
from ..storage.child import run_child
from .sse import Stream

FORK = """
import os, sys
import openheart
from openheart.batteries import battery_of
from openheart.batteries.live.battery import Live

app = openheart.load(
    name="one", uri="memory:", live=True, secret_key="k", redistogo_url=sys.argv[1], live_heartbeat="50s"
)

def listen():
    with app.test_request_context():
        address = openheart.live_url("news")
    chunks = app.test_client().get(address).iter_encoded()
    next(chunks)
    return chunks

before = listen()
desk = battery_of(Live).resource
child = os.fork()
if not child:
    own = listen()
    assert battery_of(Live).resource is not desk
    openheart.publish("news", "of the child")
    assert b"of the child" in next(own)
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert b"of the child" in next(before)
openheart.publish("news", "of the parent")
assert b"of the parent" in next(before)
assert battery_of(Live).resource is desk
openheart.unload()
print("both")
"""

NEWS = "openheart:live:0::c:news"
"""The topic of the channel ``news``."""

Load = Callable[..., Flask]
Listen = Callable[..., Stream]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("valkey")) as made:
        yield made


@pytest.fixture
def load(server: Server) -> Iterator[Load]:
    """Makes an app of the same name, as another process would."""
    server.do("FLUSHALL")
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        given = {"redistogo_url": server.uri, "secret_key": "k", "live_heartbeat": "50s", **settings}
        app = openheart.load(Flask("one"), **{"uri": "memory:", "live": True, **given})
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["openheart"].close()


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Opens a stream of an app."""
    answers: list[TestResponse] = []

    def open_stream(app: Flask, *channels: str, last: str = "", **options: Any) -> Stream:
        answer = ask(app, *channels, last=last, **options)
        answers.append(answer)
        assert answer.status_code == 200, answer.text
        return Stream(answer.iter_encoded()).begin()

    yield open_stream
    for each in answers:
        each.close()


def ask(app: Flask, *channels: str, last: str = "", **options: Any) -> TestResponse:
    with app.test_request_context():
        address = openheart.live_url(*channels, **options).partition("#")[0]
    return app.test_client().get(address, headers={"Last-Event-ID": last} if last else {})


def texts(stream: Stream, number: int) -> list[Any]:
    return [stream.next().data["data"] for _ in range(number)]


def publishes(app: Flask, text: str) -> bool:
    try:
        openheart.publish("news", text, app=app)
    except (BatteryUnavailable, BatteryOutcomeUnknown):
        return False
    return True


def subscribers(server: Server) -> int:
    return len(server.do("CLIENT LIST", "TYPE", "pubsub"))


def test_an_event_is_heard_in_every_process_in_the_same_order(load: Load, listen: Listen) -> None:
    apps = [load() for _ in range(3)]
    streams = [listen(app, "news") for app in apps]
    ids = [openheart.publish("news", number, app=apps[number % 3]) for number in range(30)]
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
    openheart.publish("news", 1, app=two)
    assert texts(stream, 1) == [1]


@pytest.mark.parametrize("other", [{"instance": "staging"}, {"database": "/1"}])
def test_another_instance_and_another_database_are_not_heard(
    server: Server, load: Load, listen: Listen, other: dict[str, str]
) -> None:
    one = load()
    two = load(redistogo_url=server.uri + other.pop("database", ""), **other)
    streams = listen(one, "news"), listen(two, "news")
    for number, app in enumerate((one, two)):
        openheart.publish("news", number, app=app)
    assert [texts(stream, 1) for stream in streams] == [[0], [1]]


def test_a_process_has_one_subscriber_for_all_and_only_to_what_is_listened_to(
    server: Server, load: Load
) -> None:
    app = load(live_listeners=20)
    before = subscribers(server)
    answers = [ask(app, f"channel {number % 5}", "shared") for number in range(10)]
    assert subscribers(server) == before + 1
    topics = server.do("PUBSUB CHANNELS", "openheart:live:0::c:*")
    assert sorted(topics) == [
        *(b"openheart:live:0::c:channel %d" % number for number in range(5)),
        b"openheart:live:0::c:shared",
    ]
    for answer in answers:
        answer.close()
    until(lambda: not server.do("PUBSUB CHANNELS", "openheart:live:0::c:*"), "it is subscribed for nobody")
    app.extensions["openheart"].close()
    until(lambda: subscribers(server) == before, "the connection was not closed")


def test_who_comes_back_to_another_process_misses_nothing(load: Load, listen: Listen) -> None:
    one, two = load(), load()
    stream = listen(one, "a", "b")
    openheart.publish("a", 1, app=two)
    last = stream.next().id
    for number in range(2, 8):
        openheart.publish("ab"[number % 2], number, app=one)
    assert texts(listen(two, "a", "b", last=last), 6) == [2, 3, 4, 5, 6, 7]


def test_ids_hold_when_every_process_started_anew(load: Load, listen: Listen) -> None:
    one = load()
    last = listen(one, "a").id
    openheart.publish("a", 1, app=one)
    one.extensions["openheart"].close()
    two = load()
    openheart.publish("a", 2, app=two)
    assert texts(listen(two, "a", last=last), 2) == [1, 2]


def test_what_is_no_longer_kept_is_told_by_a_reset_of_that_channel(load: Load, listen: Listen) -> None:
    app = load(live_backlog=3)
    # The first event of a channel cannot tell what was before it, so there is one that was heard.
    openheart.publish("a", "heard", app=app)
    openheart.publish("b", "heard", app=app)
    last = listen(app, "a", "b").id
    for number in range(4):
        openheart.publish("a", number, app=app)
    openheart.publish("b", "kept", app=app)
    stream = listen(app, "a", "b", last=last)
    assert stream.next()[:2] == ("reset", {"channel": "a"})
    assert texts(stream, 4) == [1, 2, 3, "kept"]


def test_as_many_as_are_kept_are_no_gap(load: Load, listen: Listen) -> None:
    app = load(live_backlog=3)
    openheart.publish("a", "heard", app=app)
    last = listen(app, "a").id
    for number in range(3):
        openheart.publish("a", number, app=app)
    assert texts(listen(app, "a", last=last), 3) == [0, 1, 2]


def test_who_was_away_for_longer_than_events_are_kept_is_told_a_reset(load: Load, listen: Listen) -> None:
    app = load()
    era, _, number = openheart.publish("a", 1, app=app).partition(".")
    for seconds, expected in ((3000, "message"), (4000, "reset")):
        last = f"{era}.{int(number) - seconds * 1_000_000}"
        assert listen(app, "a", last=last).next().type == expected
    stream = listen(app, "never", last=f"{era}.{int(number) - 4000 * 1_000_000}")
    assert stream.next()[:2] == ("reset", {"channel": "never"})


def test_events_are_not_kept_for_ever(server: Server, load: Load) -> None:
    app = load(live_backlog=5)
    for number in range(20):
        openheart.publish("a", number, app=app)
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
            openheart.publish("news", [who, number], app=apps[who % 2])

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
    unsubscribe: Any = valkey.client.PubSub.unsubscribe

    def was_asked() -> int:
        found = server.do("INFO", "commandstats")
        return sum(found.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "publish"))

    def late(feed: Any, *topics: str) -> None:
        monkeypatch.undo()
        before = was_asked()
        coming.append(pool.submit(ask, there, "news", last=last))
        until(lambda: was_asked() > before, "nobody came")
        unsubscribe(feed, *topics)
        until(lambda: server.do("PUBSUB", "NUMSUB", *topics)[1] == 0, "the last one did not go")
        openheart.publish("news", "meanwhile", app=here)

    monkeypatch.setattr(valkey.client.PubSub, "unsubscribe", late)
    with ThreadPoolExecutor(1) as pool:
        first.close()
        openheart.publish("news", "gone", app=here)
        until(lambda: bool(coming), "nobody unsubscribed")
        with closing(coming[0].result()) as second:
            until(lambda: server.do("PUBSUB", "NUMSUB", NEWS)[1] == 1, "nobody subscribed anew")
            openheart.publish("news", "after", app=here)
            assert texts(Stream(second.iter_encoded()), 2) == ["gone", "meanwhile"]


def test_a_connection_that_broke_is_made_anew_and_nothing_was_missed(
    server: Server, load: Load, listen: Listen
) -> None:
    app = load()
    openheart.publish("news", "before", app=app)
    stream = listen(app, "news")
    for round_ in range(3):
        assert server.do("CLIENT KILL", "TYPE", "pubsub") >= 1
        numbers = [openheart.publish("news", [round_, number], app=app) and number for number in range(5)]
        assert texts(stream, 5) == [[round_, number] for number in numbers]


def test_what_comes_while_a_connection_is_made_anew_does_not_hide_what_was_missed(
    server: Server, load: Load, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = load(), load()
    openheart.publish("news", "before", app=there)
    stream = listen(here, "news")
    hub = battery_of(Live, here).resource.hub
    subscribe: Any = valkey.client.PubSub.subscribe

    def watched(feed: Any, *topics: str) -> None:
        if NEWS not in topics:
            subscribe(feed, *topics)
            return
        monkeypatch.undo()
        openheart.publish("news", "missed", app=there)
        subscribe(feed, *topics)
        until(lambda: server.do("PUBSUB", "NUMSUB", NEWS)[1] == 1, "nobody subscribed anew")
        openheart.publish("news", "new", app=there)
        # So there is one channel more to wait for.
        hub.join(Listener(["c:more"], 10, lambda: None), 10)

    monkeypatch.setattr(valkey.client.PubSub, "subscribe", watched)
    assert server.do("CLIENT KILL", "TYPE", "pubsub") == 1
    assert stream.next().data["data"] == "missed"
    assert stream.next().data["data"] == "new"


@pytest.mark.slow
class TestAServerThatGoesAway:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[Server]:
        with Server(tmp_path / "valkey") as made:
            yield made

    def test_reactions_go_on_and_when_it_is_back_so_do_events(
        self, server: Server, load: Load, listen: Listen, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "openheart")
        app = load()
        stream = listen(app, "news", target="hello")
        assert stream.next().type == "reaction"
        server.kill()
        with app.app_context():
            for number in range(1, 30):
                assert openheart.react("hello", "🥨") == {"🥨": number}
        while stream.next().data["counts"] != {"🥨": 29}:
            pass
        with pytest.raises(BatteryUnavailable, match="Valkey cannot be reached"):
            openheart.publish("news", 1, app=app)
        until(lambda: ask(app, "news").status_code == 503, "it takes listeners that it cannot serve")
        refused = ask(app, "news")
        assert refused.headers["Retry-After"] == "5"
        assert app.test_client().get("/openheart/-/readyz").json["batteries"]["live"] == "failing"  # type: ignore[index]
        server.start()

        # It came back empty, so nobody can tell what was in it.
        assert stream.next()[:2] == ("reset", {"channel": "news"})
        openheart.publish("news", 2, app=app)
        assert texts(stream, 1) == [2]
        listen(app, "news")
        said = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert len([line for line in said if "Valkey is away" in line]) == 1
        assert len([line for line in said if "telling other processes failed" in line]) == 1

    def test_one_that_answers_nothing_holds_nobody_up(
        self, server: Server, load: Load, listen: Listen
    ) -> None:
        app = load(valkey_timeout="300ms")
        stream = listen(app, "news", target="hello")
        assert stream.next().type == "reaction"
        with frozen(server):
            with app.app_context():
                assert openheart.react("hello", "🥨") == {"🥨": 1}
            assert stream.next().data["counts"] == {"🥨": 1}
            with pytest.raises(BatteryOutcomeUnknown):
                openheart.publish("news", 1, app=app)
            app.extensions["openheart"].close()
        assert stream.end() == []

    def test_one_that_says_nothing_any_more_is_left(
        self, server: Server, load: Load, listen: Listen, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("openheart.batteries.live.valkey.QUIET", 0.3)
        monkeypatch.setattr("openheart.batteries.live.valkey.GLANCE", 0.1)
        app = load(valkey_timeout="300ms")
        listen(app, "news")
        bus: Any = battery_of(Live, app).resource.bus
        with frozen(server):
            until(lambda: bus._failure is not None, "it did not notice")
        until(lambda: bus._failure is None, "it did not come back")
        stream = listen(app, "news")
        openheart.publish("news", 1, app=app)
        assert texts(stream, 1) == [1]

    def test_a_fork_listens_for_itself(self, server: Server) -> None:
        assert run_child(FORK, server.uri) == "both\n"

    def test_a_cluster_takes_events_from_any_process_to_any_other(
        self, tmp_path: Path, load: Load, listen: Listen
    ) -> None:
        with Cluster(tmp_path / "cluster", replicas=0) as cluster:
            one, two = load(redistogo_url=cluster.uri), load(redistogo_url=cluster.uri)
            stream = listen(two, "a", "b", target="hello")
            assert stream.next().type == "reaction"
            for number in range(6):
                openheart.publish("ab"[number % 2], number, app=one)
            assert texts(stream, 6) == list(range(6))
            last = stream.id
            openheart.publish("a", 6, app=two)
            assert texts(listen(one, "a", "b", last=last), 1) == [6]
            for app in (one, two):
                app.extensions["openheart"].close()

    def test_nodes_of_a_cluster_that_lose_sight_of_each_other_lose_no_event(
        self, tmp_path: Path, load: Load, listen: Listen
    ) -> None:
        with Cluster(tmp_path / "cluster", "enable-debug-command yes", replicas=0) as cluster:
            apps = [load(redistogo_url=cluster.uri) for _ in range(6)]
            streams = [listen(app, "news") for app in apps]
            ids = [node.do("CLUSTER MYID") for node in cluster.nodes]
            for number in range(20):
                for node, other in itertools.permutations(range(3), 2):
                    cluster.nodes[node].do("DEBUG CLUSTERLINK", "KILL", "ALL", ids[other])
                openheart.publish("news", number, app=apps[0])
            openheart.publish("news", "end", app=apps[0])
            for stream in streams:
                assert texts(stream, 21) == [*range(20), "end"]
            for app in apps:
                app.extensions["openheart"].close()

    def test_a_cluster_whose_node_is_killed_goes_on_with_another(
        self, tmp_path: Path, load: Load, listen: Listen
    ) -> None:
        with Cluster(tmp_path / "cluster") as cluster:
            apps = [load(redistogo_url=cluster.uri) for _ in range(2)]
            for _ in range(2):
                streams = [listen(app, "news") for app in apps]
                owner = next(node for node in cluster.primaries() if node.do("KEYS", "openheart:*"))
                owner.kill()
                until(lambda: publishes(apps[0], "again"), "nobody took its place")
                for stream in streams:
                    assert stream.next().data["data"] == "again"
                cluster.start_again(owner)
                cluster.wait_until_whole()
            for app in apps:
                app.extensions["openheart"].close()
