from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from openheart.conform import run_vectors, table
from openheart.doctor import examine
from openheart.storage import Change, get_backend
from openheart.storage.valkey_script import Keys
from openheart.testing import create_app

from ..servers.proxy import Proxy
from ..servers.valkey import Cluster, Sentinels, Server, frozen, until
from ..wsgi_client import wsgi_sender

HEART, PRETZEL = "❤️", "🥨"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.mark.parametrize("kind", [Server, Sentinels, Cluster])
def test_every_conformance_vector_passes(
    tmp_path: Path, kind: type[Server] | type[Sentinels] | type[Cluster]
) -> None:
    with kind(tmp_path) as served:
        app = create_app(uri=served.uri)
        outcomes = run_vectors(wsgi_sender(app))
        app.extensions["openheart"].service.close()
    assert all(outcome.passed for outcome in outcomes), table(outcomes)


def test_the_doctor_names_the_server_and_never_the_password(tmp_path: Path) -> None:
    with Server(tmp_path, "requirepass hunter2") as server:
        findings = examine(create_app(uri=server.uri.replace("://", "://default:hunter2@")))
    assert any(finding.level == "ok" and "takes a write and a read" in finding.what for finding in findings)
    assert not any("hunter2" in f"{finding}" for finding in findings)


def test_a_batch_is_sent_to_the_server_as_a_whole_before_anything_is_answered(server: Server) -> None:
    targets = [f"page/{number}" for number in range(100)]
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(server.port))
        uri = f"valkey://127.0.0.1:{proxy.port}"
        backend = stack.enter_context(get_backend(uri, instance=uuid.uuid4().hex, timeout=10))
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
    with get_backend(server.uri, instance=instance) as backend:
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
    with get_backend(server.uri, instance=instance) as backend:
        backend.apply([Change("example.com/blog/2026/a-page", emoji) for emoji in (HEART, PRETZEL, "🎉")])
    key = Keys(instance).of("example.com/blog/2026/a-page")
    with server.client() as client:
        sizes = {name: client.memory_usage(name) for name in client.keys("*") if name.startswith(key)}
    assert sizes.pop(key) <= 256
    assert len(sizes) == 1
    assert max(sizes.values()) <= 192
