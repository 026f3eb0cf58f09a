from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from openheart.cli.conform import run_vectors, table
from openheart.cli.doctor import examine
from openheart.errors import BackendUnavailable, BackendUnusable
from openheart.storage import Change
from openheart.storage.valkey.script import Keys
from openheart.testing import create_app

from ...engines import get_engine
from ...servers.process import frozen
from ...servers.proxy import Proxy
from ...servers.valkey import Cluster, Sentinels, Server
from ...waiting import until
from ...wsgi_client import wsgi_sender

HEART, PRETZEL = "❤️", "🥨"


@pytest.fixture(scope="module")
def server(valkey_server: Server) -> Server:
    return valkey_server


@pytest.mark.parametrize("kind", ["valkey_server", "valkey_sentinels", "valkey_cluster"])
def test_every_conformance_vector_passes(request: pytest.FixtureRequest, kind: str) -> None:
    served: Server | Sentinels | Cluster = request.getfixturevalue(kind)
    app = create_app(uri=served.uri, instance=uuid.uuid4().hex)
    outcomes = run_vectors(wsgi_sender(app))
    app.extensions["openheart"].service.close()
    assert all(outcome.passed for outcome in outcomes), table(outcomes)


def test_the_doctor_names_the_server_and_never_the_password(tmp_path: Path) -> None:
    with Server(tmp_path, "requirepass hunter2") as server:
        findings = examine(create_app(uri=server.uri.replace("://", "://default:hunter2@")))
    assert any(finding.level == "ok" and "accepts writes and reads" in finding.what for finding in findings)
    assert not any("hunter2" in f"{finding}" for finding in findings)


@pytest.mark.parametrize(
    ("options", "kind", "form", "what"),
    [
        (
            ["cluster-enabled yes"],
            "",
            "valkey://{}",
            "it is a node of a cluster: use a valkey+cluster:// URI",
        ),
        ([], "", "valkey+cluster://{}", "cluster support disabled: it is not a cluster: use a valkey:// URI"),
        ([], "", "valkey+sentinel://{}/hearts", "it is not a sentinel: use the port of a sentinel"),
        ([], "sentinel", "valkey://{}", "it is a sentinel: use valkey+sentinel://host:26379/service"),
        ([], "sentinel", "valkey+cluster://{}", "it is a sentinel: use valkey+sentinel://"),
    ],
)
def test_a_server_of_another_kind_is_refused_with_the_uri_that_it_needs(
    tmp_path: Path, options: list[str], kind: str, form: str, what: str
) -> None:
    with Server(tmp_path, *options, kind=kind) as served:
        uri = form.format(f"127.0.0.1:{served.port}")
        findings = examine(create_app(uri=uri))
        with get_engine(uri) as backend:
            for use in (backend.check, lambda: backend.incr("page", HEART), lambda: backend.counts(["page"])):
                with pytest.raises(BackendUnusable, match=re.escape(what)):
                    use()
    assert any(finding.level == "error" and what in finding.what for finding in findings)


def test_the_doctor_warns_of_a_server_that_can_lose_counts(tmp_path: Path) -> None:
    with Server(tmp_path / "one", "maxmemory 100mb", "maxmemory-policy allkeys-lru") as served:
        warnings = [finding for finding in examine(create_app(uri=served.uri)) if finding.level == "warning"]
    assert [warning.fix for warning in warnings] == [
        "set maxmemory-policy noeviction on it",
        "set appendonly yes on it, or give it a replica",
    ]
    assert all(f"127.0.0.1:{served.port}" in warning.what for warning in warnings)


@pytest.mark.parametrize("kind", [Sentinels, Cluster])
def test_the_doctor_finds_nothing_to_warn_of_where_there_are_replicas(
    tmp_path: Path, kind: type[Sentinels] | type[Cluster]
) -> None:
    with kind(tmp_path) as served:
        findings = examine(create_app(uri=served.uri))
    assert [finding for finding in findings if finding.level == "warning"] == []


def test_a_name_that_no_sentinel_watches_is_said_with_the_setting_that_has_it(tmp_path: Path) -> None:
    with (
        Server(tmp_path, kind="sentinel") as served,
        get_engine(f"valkey+sentinel://127.0.0.1:{served.port}/stars", retries=0) as backend,
        pytest.raises(BackendUnavailable, match="does not watch 'stars', the name in OPENHEART_URI"),
    ):
        backend.incr("page", HEART)


def test_a_sentence_of_the_server_ends_with_one_full_stop(server: Server) -> None:
    uri = server.uri.replace("://", "://nobody:wrong@")
    with get_engine(uri) as backend, pytest.raises(BackendUnusable) as caught:
        backend.incr("page", HEART)
    assert "disabled: it does not accept this user and password" in str(caught.value)


def test_a_batch_is_sent_to_the_server_as_a_whole_before_anything_is_answered(server: Server) -> None:
    targets = [f"page/{number}" for number in range(100)]
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(server.port))
        uri = f"valkey://127.0.0.1:{proxy.port}"
        backend = stack.enter_context(get_engine(uri, instance=uuid.uuid4().hex, timeout=10))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        backend.apply([Change(target, HEART) for target in targets])
        before = proxy.taken
        assert backend.counts(targets[:1]) == [{HEART: 1}]
        one = proxy.taken - before
        with frozen(server):
            before = proxy.taken
            batch = pool.submit(backend.counts, targets)
            until(lambda: proxy.taken == before + 100 * one, "the batch was not sent")
            assert not batch.done()
        assert batch.result(10) == [{HEART: 1}] * 100


def test_one_hash_holds_a_target_with_its_counts_and_nothing_of_its_text_is_in_the_key(
    server: Server,
) -> None:
    instance = uuid.uuid4().hex
    with get_engine(server.uri, instance=instance) as backend:
        backend.apply([Change("a{b}*?[c]", PRETZEL, 2), Change("a{b}*?[c]", HEART)])
    key = Keys(instance).of("a{b}*?[c]")
    with server.client() as client:
        assert client.hgetall(key) == {
            b"": b"a{b}*?[c]",
            PRETZEL.encode(): b"2",
            HEART.encode(): b"1",
        }
        nonces = [name for name in client.keys("*") if name.startswith(key + b":")]
        assert len(nonces) == 1
        assert 0 < client.ttl(nonces[0]) <= 60
    assert re.fullmatch(rb"openheart:\{[\w-]{8}\.[\w-]{22}\}", key)


def test_what_a_target_and_a_nonce_take_of_the_servers_memory(server: Server) -> None:
    instance = uuid.uuid4().hex
    with get_engine(server.uri, instance=instance) as backend:
        backend.apply([Change("example.com/blog/2026/a-page", emoji) for emoji in (HEART, PRETZEL, "🎉")])
    key = Keys(instance).of("example.com/blog/2026/a-page")
    with server.client() as client:
        sizes = {name: client.memory_usage(name) for name in client.keys("*") if name.startswith(key)}
    assert sizes.pop(key) <= 256
    assert len(sizes) == 1
    assert max(sizes.values()) <= 192
