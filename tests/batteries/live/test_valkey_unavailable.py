"""Live events between processes, through a real Valkey that becomes unavailable, or is a cluster."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import openheart
from openheart.batteries import battery_of
from openheart.batteries.live.battery import Live
from openheart.errors import BatteryOutcomeUnknown, BatteryUnavailable

from ...child import run_child
from ...servers.process import frozen
from ...servers.valkey import Cluster, Server
from ...waiting import until
from .apps import Listen, Load, ask, publishes, texts

pytestmark = pytest.mark.slow

STEADY = "cluster-node-timeout 15000"
"""For a cluster that stays whole: in ms, more than a slow disk holds a node up."""

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
        address = openheart.live.live_url("news")
    chunks = app.test_client().get(address).iter_encoded()
    next(chunks)
    return chunks

before = listen()
desk = battery_of(Live).resource
child = os.fork()
if not child:
    own = listen()
    assert battery_of(Live).resource is not desk
    openheart.live.emit("news", "of the child")
    assert b"of the child" in next(own)
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert b"of the child" in next(before)
openheart.live.emit("news", "of the parent")
assert b"of the parent" in next(before)
assert battery_of(Live).resource is desk
openheart.unload()
print("both")
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "valkey") as made:
        yield made


def test_reactions_go_on_and_when_it_is_back_so_do_events(
    server: Server, load: Load, listen: Listen, caplog: pytest.LogCaptureFixture
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
        openheart.live.emit("news", 1, app=app)
    until(lambda: ask(app, "news").status_code == 503, "it takes listeners that it cannot serve")
    refused = ask(app, "news")
    assert refused.headers["Retry-After"] == "5"
    assert app.test_client().get("/openheart/-/readyz").json["batteries"]["live"] == "failing"  # type: ignore[index]
    server.start()

    # It came back empty, so nobody can tell what was in it.
    assert stream.next()[:2] == ("reset", {"channel": "news"})
    openheart.live.emit("news", 2, app=app)
    assert texts(stream, 1) == [2]
    listen(app, "news")
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len([line for line in said if "Valkey is unavailable" in line]) == 1
    assert len([line for line in said if "notifying other processes failed" in line]) == 1


def test_one_that_answers_nothing_holds_nobody_up(server: Server, load: Load, listen: Listen) -> None:
    app = load(valkey_timeout="1s")
    stream = listen(app, "news", target="hello")
    assert stream.next().type == "reaction"
    with frozen(server):
        with app.app_context():
            assert openheart.react("hello", "🥨") == {"🥨": 1}
        assert stream.next().data["counts"] == {"🥨": 1}
        with pytest.raises(BatteryOutcomeUnknown):
            openheart.live.emit("news", 1, app=app)
        app.extensions["openheart"].close()
    assert stream.end() == []


def test_one_that_says_nothing_any_more_is_left(
    server: Server, load: Load, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openheart.batteries.live.valkey_bus.QUIET", 0.3)
    monkeypatch.setattr("openheart.batteries.live.valkey_bus.POLL", 0.1)
    app = load(valkey_timeout="1s")
    stream = listen(app, "news")
    bus: Any = battery_of(Live, app).resource.bus
    with frozen(server):
        until(lambda: bus._failure is not None, "it did not notice")
    until(lambda: publishes(app, "again"), "it did not come back")
    assert texts(stream, 1) == ["again"]


def test_a_fork_listens_for_itself(server: Server) -> None:
    assert run_child(FORK, server.uri) == "both\n"


def test_a_cluster_takes_events_from_any_process_to_any_other(
    tmp_path: Path, load: Load, listen: Listen
) -> None:
    with Cluster(tmp_path / "cluster", STEADY, replicas=0) as cluster:
        one, two = load(redistogo_url=cluster.uri), load(redistogo_url=cluster.uri)
        stream = listen(two, "a", "b", target="hello")
        assert stream.next().type == "reaction"
        for number in range(6):
            openheart.live.emit("ab"[number % 2], number, app=one)
        assert texts(stream, 6) == list(range(6))
        last = stream.id
        openheart.live.emit("a", 6, app=two)
        assert texts(listen(one, "a", "b", last=last), 1) == [6]
        for app in (one, two):
            app.extensions["openheart"].close()


def test_nodes_of_a_cluster_that_lose_sight_of_each_other_lose_no_event(
    tmp_path: Path, load: Load, listen: Listen
) -> None:
    with Cluster(tmp_path / "cluster", "enable-debug-command yes", STEADY, replicas=0) as cluster:
        apps = [load(redistogo_url=cluster.uri) for _ in range(6)]
        streams = [listen(app, "news") for app in apps]
        ids = [node.do("CLUSTER MYID") for node in cluster.nodes]
        for number in range(20):
            for node, other in itertools.permutations(range(3), 2):
                cluster.nodes[node].do("DEBUG CLUSTERLINK", "KILL", "ALL", ids[other])
            openheart.live.emit("news", number, app=apps[0])
        openheart.live.emit("news", "end", app=apps[0])
        for stream in streams:
            assert texts(stream, 21) == [*range(20), "end"]
        for app in apps:
            app.extensions["openheart"].close()


def test_a_cluster_whose_node_is_killed_goes_on_with_another(
    tmp_path: Path, load: Load, listen: Listen
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
