from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkey.connection import Connection
from valkey.exceptions import ResponseError

from openheart.errors import (
    BackendError,
    BackendNotConnected,
    BackendUnavailable,
    BackendUnusable,
    ConfigError,
    OutcomeUnknown,
)
from openheart.storage import Change
from openheart.storage.contract_backend import in_threads
from openheart.storage.valkey.calls import Write
from openheart.storage.valkey.dispatcher import LARGEST_PIPELINE
from openheart.storage.valkey.script import Keys
from openheart.storage.valkey.server import Command, OpenConnection

from ...child import run_child
from ...engines import Engine, get_engine
from ...servers.ports import free_port
from ...servers.process import frozen
from ...servers.valkey import Cluster, Sentinels, Server
from ...waiting import until

# It breaks servers, which takes long; once, on one Python, is enough.
pytestmark = pytest.mark.slow

HEART, PRETZEL = "❤️", "🥨"
PASSWORD = "hunter2-secret"
GIVEN_UP = 3.0  # seconds: two tries with a timeout of 1 s each, and the pauses after them

FORK = """
import json, os, sys, threading
from openheart.storage import get_backend
backend = get_backend(sys.argv[1])
backend.connect()
backend.incr("page", "🥨")
stop = threading.Event()
def busy():
    while not stop.is_set():
        backend.counts(["page"])
        backend.incr("page", "🥨")
workers = [threading.Thread(target=busy) for _ in range(4)]
for worker in workers:
    worker.start()
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        for number in range(20):
            if backend.incr(f"child/{os.getpid()}", "🥨") != {"🥨": number + 1}:
                os._exit(1)
        backend.disconnect()
        os._exit(0)
    children.append(child)
ended = [os.waitpid(child, 0)[1] for child in children]
stop.set()
for worker in workers:
    worker.join()
print(json.dumps([ended, [backend.counts([f"child/{child}"])[0] for child in children]]))
backend.disconnect()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("valkey"), "databases 4") as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may stop and starve; what it acknowledged survives a kill, on a slow disk too."""
    with Server(tmp_path / "server", "appendonly yes", "appendfsync no") as server:
        yield server


@pytest.fixture
def backend(own: Server) -> Iterator[Engine]:
    with get_engine(own.uri, timeout=1, retries=1) as backend:
        yield backend


def refused(backend: Engine, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(BackendError):
            backend.counts(["page"])


def again(backend: Engine, target: str = "page") -> dict[str, int]:
    """React until the backend takes the server for present again."""
    answers = []

    def works() -> bool:
        try:
            answers.append(backend.incr(target, HEART))
        except BackendUnavailable:
            return False
        return True

    until(works, "the backend did not come back", 10)
    return answers[0]


def test_a_server_that_is_not_there_is_named_and_nothing_was_sent() -> None:
    port = free_port()
    with get_engine(f"valkey://user:{PASSWORD}@127.0.0.1:{port}", timeout=0.2, retries=0) as backend:
        for use in (lambda: backend.incr("page", HEART), lambda: backend.list(), lambda: backend.check()):
            with pytest.raises(BackendUnavailable, match=f"127.0.0.1:{port}") as caught:
                use()
            assert PASSWORD not in repr(caught.value) + str(caught.value.__cause__)


def test_a_server_that_comes_back_is_used_again_by_itself(own: Server, backend: Engine) -> None:
    backend.incr("page", HEART)
    own.kill()
    with pytest.raises(BackendUnavailable):
        backend.incr("page", HEART)
    own.start()
    assert again(backend) == {HEART: 2}


def test_a_server_that_restarts_between_two_calls_is_not_noticed(own: Server, backend: Engine) -> None:
    backend.incr("page", HEART)
    own.kill()
    own.start()
    assert backend.incr("page", HEART) == {HEART: 2}


def test_a_server_that_answers_nothing_is_an_unknown_outcome_within_the_stated_time(
    own: Server, backend: Engine
) -> None:
    backend.incr("page", HEART)
    with frozen(own):
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="may have been counted"):
            backend.incr("page", HEART)
        assert time.monotonic() - began < 3 * GIVEN_UP
    # The server carries out what it had in its sockets, each with the same nonce, so once.
    assert again(backend, "other") == {HEART: 1}
    assert backend.counts(["page"]) == [{HEART: 2}]


def test_while_the_server_is_unavailable_requests_end_at_once_and_do_not_pile_up(
    own: Server, backend: Engine
) -> None:
    backend.incr("page", HEART)
    with frozen(own):
        began = time.monotonic()
        in_threads(8, lambda: refused(backend, 200))
        # All but the few that look whether it is back are refused without a wait.
        assert time.monotonic() - began < 200 * GIVEN_UP / 9
    assert again(backend, "other") == {HEART: 1}


def test_more_threads_than_connections_wait_and_are_all_served(own: Server) -> None:
    with get_engine(own.uri, pool=2, timeout=20, retries=0) as backend:
        in_threads(12, lambda: [backend.incr("page", HEART) for _ in range(20)])
        assert backend.counts(["page"]) == [{HEART: 240}]
        assert int(own.do("INFO", "clients")["connected_clients"]) <= 2 + 1


def test_no_connection_in_time_names_the_setting(own: Server) -> None:
    with get_engine(own.uri, pool=1, timeout=2, retries=0) as backend:
        backend.incr("page", HEART)
        borrowed = backend._current().topology.server_of(b"").borrow()  # type: ignore[attr-defined]
        with pytest.raises(BackendUnavailable, match="raise OPENHEART_VALKEY_POOL"):
            backend.incr("page", HEART)
        backend._current().topology.server_of(b"").give_back(borrowed, is_usable=True)  # type: ignore[attr-defined]
        assert backend.incr("page", HEART) == {HEART: 2}


def test_a_connection_that_comes_back_after_closing_is_closed(own: Server) -> None:
    backend = get_engine(own.uri)
    backend.connect()
    server = backend._current().topology.server_of(b"")  # type: ignore[attr-defined]
    lent = [server.borrow() for _ in range(2)]
    server.give_back(lent[0], is_usable=True)
    backend.disconnect()
    until(lambda: clients(own) == 1, "the connection that was not lent stayed open")
    server.give_back(lent[1], is_usable=True)
    until(lambda: clients(own) == 0, "the connection that was lent stayed open")


def clients(server: Server) -> int:
    """Connections to a server, without the one that asks."""
    return int(server.do("INFO", "clients")["connected_clients"]) - 1


@pytest.mark.parametrize(
    ("uri", "mend"),
    [
        ("valkey://openheart:wrong@{}", "correct them in OPENHEART_URI"),
        ("valkey://nobody:wrong@{}", "correct them in OPENHEART_URI"),
        ("valkey://limited:hunter2-secret@{}", "ACL"),
        ("valkey://{}/9", "no database of this number"),
        ("valkey+cluster://{}", "use a valkey:// URI"),
    ],
)
def test_what_the_operator_set_wrong_is_unusable_and_says_what_to_do(
    server: Server, uri: str, mend: str
) -> None:
    server.do(
        "ACL", "SETUSER", "limited", "on", f">{PASSWORD}", "~*", "+@all", "-hincrby", "-hgetall", "-set"
    )
    with get_engine(uri.format(f"127.0.0.1:{server.port}")) as backend:
        for use in (lambda: backend.incr("page", HEART), lambda: backend.check()):
            began = time.monotonic()
            with pytest.raises(BackendUnusable, match=mend) as caught:
                use()
            assert time.monotonic() - began < 5.5
            assert "wrong" not in str(caught.value)
            assert PASSWORD not in str(caught.value)


def test_a_server_that_wants_a_password_is_unusable_without_one(tmp_path: Path) -> None:
    with Server(tmp_path / "server", f"requirepass {PASSWORD}") as server, get_engine(server.uri) as backend:
        with pytest.raises(BackendUnusable, match="correct them in OPENHEART_URI"):
            backend.incr("page", HEART)
        with get_engine(server.uri.replace("://", f"://:{PASSWORD}@")) as allowed:
            assert allowed.incr("page", HEART) == {HEART: 1}


@pytest.mark.parametrize(
    ("options", "kind", "uri"),
    [
        (["cluster-enabled yes"], "", "valkey+cluster://:wrong@{}"),
        ([], "sentinel", "valkey+sentinel://{}/hearts?sentinel_password=wrong"),
    ],
)
def test_a_node_and_a_sentinel_that_do_not_take_the_password_are_unusable_at_once(
    tmp_path: Path, options: list[str], kind: str, uri: str
) -> None:
    with Server(tmp_path, f"requirepass {PASSWORD}", *options, kind=kind) as server:
        place = uri.format(f"127.0.0.1:{server.port}")
        with get_engine(place) as backend:
            for use in (lambda: backend.incr("page", HEART), lambda: backend.check()):
                with pytest.raises(BackendUnusable, match="correct them in OPENHEART_URI"):
                    use()


def test_one_sentinel_that_refuses_the_password_is_passed_over(tmp_path: Path) -> None:
    locked = Server(tmp_path / "locked", f"requirepass {PASSWORD}", kind="sentinel")
    with locked, Sentinels(tmp_path, calm=True) as sentinels:
        first = f"valkey+sentinel://127.0.0.1:{locked.port},"
        with get_engine(sentinels.uri.replace("valkey+sentinel://", first)) as backend:
            assert backend.incr("page", HEART) == {HEART: 1}


def test_a_full_server_takes_nothing_and_says_what_to_do(own: Server, backend: Engine) -> None:
    backend.incr("page", HEART)
    own.do("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(BackendUnusable, match="raise maxmemory"):
        backend.apply([Change("other", HEART), Change("page", HEART)])
    assert backend.counts(["page"]) == [{HEART: 1}]
    own.do("CONFIG", "SET", "maxmemory", "0")
    assert backend.incr("page", HEART) == {HEART: 2}


def test_a_read_only_server_is_waited_for_and_then_named(own: Server, backend: Engine) -> None:
    backend.incr("page", HEART)
    own.do("REPLICAOF", "127.0.0.1", free_port())
    with pytest.raises(BackendUnavailable, match="read only replica"):
        backend.incr("page", HEART)
    assert backend.counts(["page"]) == [{HEART: 1}]
    own.do("REPLICAOF", "NO", "ONE")
    assert again(backend) == {HEART: 2}


def test_too_few_replicas_for_the_server_refuse_and_for_openheart_are_an_unknown_outcome(
    own: Server, backend: Engine
) -> None:
    with get_engine(own.uri, timeout=3, retries=0, wait=1) as careful:
        with pytest.raises(OutcomeUnknown, match="0 of 1 replicas confirmed it"):
            careful.incr("page", HEART)
        assert careful.counts(["page"]) == [{HEART: 1}]
    own.do("CONFIG", "SET", "min-replicas-to-write", 1)
    with pytest.raises(BackendUnavailable, match="replicas to write"):
        backend.incr("page", HEART)
    own.do("CONFIG", "SET", "min-replicas-to-write", 0)
    assert again(backend) == {HEART: 2}


def test_a_foreign_key_in_the_way_is_named_and_left_alone(own: Server, backend: Engine) -> None:
    key = Keys(None).of("page")
    own.do("SET", key, "theirs")
    for use in (lambda: backend.incr("page", HEART), lambda: backend.counts(["page"])):
        with pytest.raises(BackendUnusable, match="another program"):
            use()
    assert own.do("GET", key) == b"theirs"
    assert list(backend.iter_targets()) == []


def test_a_count_at_its_largest_refuses_the_whole_change(own: Server, backend: Engine) -> None:
    backend.incr("page", PRETZEL)
    own.do("HSET", Keys(None).of("page"), HEART, 2**63 - 1)
    with pytest.raises(BackendUnusable, match="nothing was added"):
        backend.apply([Change("page", PRETZEL), Change("page", "🎉"), Change("page", HEART)])
    assert backend.counts(["page"]) == [{PRETZEL: 1, HEART: 2**63 - 1}]


def test_some_of_several_targets_refused_is_an_unknown_outcome(own: Server, backend: Engine) -> None:
    own.do("SET", Keys(None).of("theirs"), "theirs")
    with pytest.raises(OutcomeUnknown, match="some of the changes are stored"):
        backend.apply([Change("ours", HEART), Change("theirs", HEART)])
    assert backend.counts(["ours"]) == [{HEART: 1}]


def test_a_batch_of_several_pipelines_that_is_refused_at_its_end_is_an_unknown_outcome(
    own: Server, backend: Engine
) -> None:
    own.do("SET", Keys(None).of("theirs"), "theirs")
    ours = [f"page/{number}" for number in range(LARGEST_PIPELINE)]
    with pytest.raises(OutcomeUnknown, match="some of the changes are stored"):
        backend.apply([Change(target, HEART) for target in [*ours, "theirs"]])
    own.do("DEL", Keys(None).of("theirs"))
    assert backend.counts([*ours, "theirs"]) == [{HEART: 1}] * len(ours) + [{}]


def test_a_script_that_the_server_forgot_is_brought_again(own: Server, backend: Engine) -> None:
    backend.incr("page", HEART)
    own.do("SCRIPT", "FLUSH")
    changes = [Change(f"page/{number}", HEART) for number in range(50)]
    assert backend.apply([*changes, *changes]) == [{HEART: 1}] * 50 + [{HEART: 2}] * 50


def test_a_try_that_comes_after_its_nonce_could_have_ended_is_refused(
    own: Server, backend: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.incr("page", HEART)
    # As when the server's clock, or a request in somebody's buffer, is a minute off.
    make = Write.command

    def late(call: Write, opened: OpenConnection) -> Command:
        made = make(call, opened)
        return (*made[:6], int(made[6]) - 60_000, *made[7:])

    monkeypatch.setattr(Write, "command", late)
    with pytest.raises(BackendUnavailable, match="came after its nonce"):
        backend.incr("page", HEART)
    assert backend.counts(["page"]) == [{HEART: 1}]


def test_a_retry_has_the_time_limit_of_the_first_try() -> None:
    opened = OpenConnection(Connection(), b"", 0.0, None)  # type: ignore[no-untyped-call]
    write = Write(b"key", b"nonce", 60, ("page", HEART, 1))
    first, begun = write.command(opened), time.monotonic()
    until(lambda: time.monotonic() > begun + 0.01, "the clock stands")
    assert write.command(opened) == first


def test_disconnecting_lets_what_runs_end(own: Server, backend: Engine) -> None:
    backend.incr("page", HEART)
    answers: list[object] = []
    with frozen(own):

        def react() -> None:
            with pytest.raises(OutcomeUnknown) as caught:
                backend.incr("page", HEART)
            answers.append(caught.value)

        running = threading.Thread(target=react)
        running.start()
        session = backend._current()  # type: ignore[attr-defined]
        until(lambda: session.running.calls == 1, "the reaction did not start")
        backend.disconnect()
        assert session.running.calls == 0
        running.join()
    assert len(answers) == 1
    with pytest.raises(BackendNotConnected):
        backend.incr("page", HEART)


def test_children_of_a_busy_process_use_connections_of_their_own(server: Server) -> None:
    ended, counts = json.loads(run_child(FORK, server.uri))
    assert ended == [0] * 5
    assert counts == [{PRETZEL: 20}] * 5


def test_nonces_that_end_before_the_retries_are_a_start_up_error() -> None:
    with pytest.raises(ConfigError, match="OPENHEART_NONCE_TTL='10s'.*at least 12s"):
        get_engine("valkey://127.0.0.1", nonce_ttl=10)
    get_engine("valkey://127.0.0.1", nonce_ttl=12)


def test_nonces_end_by_themselves(own: Server) -> None:
    with get_engine(own.uri, timeout=2, retries=0, nonce_ttl=6) as backend:
        backend.incr("page", HEART)
        assert own.do("DBSIZE") == 2
        until(lambda: bool(own.do("DBSIZE") == 1), "the nonce stayed")
        assert backend.counts(["page"]) == [{HEART: 1}]


def test_a_sentinel_that_knows_no_such_server_is_named(tmp_path: Path) -> None:
    with Server(tmp_path / "sentinel", kind="sentinel") as sentinel:
        uri = f"valkey+sentinel://127.0.0.1:{sentinel.port}/unheard"
        with (
            get_engine(uri, retries=0) as backend,
            pytest.raises(BackendUnavailable, match="'unheard'"),
        ):
            backend.incr("page", HEART)


def test_a_sentinel_that_is_unavailable_is_passed_over(tmp_path: Path) -> None:
    with Sentinels(tmp_path, calm=True) as sentinels:
        with get_engine(sentinels.uri, timeout=1) as backend:
            backend.incr("page", HEART)
            sentinels.sentinels[0].kill()
            sentinels.sentinels[1].freeze()
        with get_engine(sentinels.uri, timeout=1) as backend:
            assert backend.incr("page", HEART) == {HEART: 2}


def test_a_slot_on_its_way_to_another_node_is_read_on_and_written_once_it_arrived(tmp_path: Path) -> None:
    with Cluster(tmp_path, calm=True) as cluster, get_engine(cluster.uri, timeout=1, retries=1) as backend:
        backend.incr("page", HEART)
        key = Keys(None).of("page")
        slot = cluster.nodes[0].do("CLUSTER KEYSLOT", key)
        source = next(node for node in cluster.nodes[:3] if owns(node, key))
        aim = next(node for node in cluster.nodes[:3] if node is not source)
        source_id, aim_id = source.do("CLUSTER MYID"), aim.do("CLUSTER MYID")
        aim.do("CLUSTER SETSLOT", slot, "IMPORTING", source_id)
        source.do("CLUSTER SETSLOT", slot, "MIGRATING", aim_id)
        source.do("MIGRATE", "127.0.0.1", aim.port, key, 0, 5000)
        assert backend.counts(["page"]) == [{HEART: 1}]
        with pytest.raises(BackendUnavailable):
            backend.incr("page", HEART)
        for nonce in source.do("CLUSTER GETKEYSINSLOT", slot, 100):
            source.do("MIGRATE", "127.0.0.1", aim.port, nonce, 0, 5000)
        for node in (aim, source):
            node.do("CLUSTER SETSLOT", slot, "NODE", aim_id)
        assert again(backend) == {HEART: 2}
        assert backend.counts(["page"]) == [{HEART: 2}]


def owns(node: Server, key: bytes) -> bool:
    try:
        node.do("HGETALL", key)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("kind", [Cluster, Sentinels])
def test_while_everything_is_unavailable_requests_end_at_once(
    tmp_path: Path, kind: type[Cluster] | type[Sentinels]
) -> None:
    with kind(tmp_path) as group, get_engine(group.uri, timeout=1, retries=1) as backend:
        backend.incr("page", HEART)
        servers = group.nodes if isinstance(group, Cluster) else [*group.servers, *group.sentinels]
        for server in servers:
            server.freeze()
        began = time.monotonic()
        in_threads(8, lambda: refused(backend, 200))
        # One thread looks whether somebody is back, and the others are refused without a wait.
        assert time.monotonic() - began < 200 * GIVEN_UP / 9


def test_a_server_that_is_busy_with_a_script_is_waited_for_and_then_named(
    own: Server, backend: Engine
) -> None:
    own.do("CONFIG", "SET", "busy-reply-threshold", 1)
    with own.client() as client:
        connection = client.connection_pool.get_connection("EVAL")
        connection.send_command("EVAL", "while true do end", 0)
        until(lambda: is_busy(own), "the script did not run")
        with pytest.raises(BackendUnavailable, match="BUSY"):
            backend.incr("page", HEART)
        own.do("SCRIPT", "KILL")
        client.connection_pool.release(connection)
    assert again(backend) == {HEART: 1}


def is_busy(server: Server) -> bool:
    try:
        server.do("GET", "anything")
    except ResponseError:
        return True
    return False
