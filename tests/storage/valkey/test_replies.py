from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from openheart.errors import BackendUnavailable, OutcomeUnknown
from openheart.storage import Change
from openheart.storage.contract_backend import in_threads
from openheart.storage.valkey.moves import DROP, TAKE
from openheart.storage.valkey.script import ADD

from ...engines import Engine, get_engine
from ...servers.proxy import Proxy, certificate
from ...servers.valkey import Cluster, Sentinels, Server

# It breaks servers, which takes long; once, on one Python, is enough.
pytestmark = pytest.mark.slow

PAGES = ("one", "two", "three")
HEART, PRETZEL = "❤️", "🥨"

Served = tuple[str, Sequence[Proxy]]


def alone(folder: Path, stack: ExitStack) -> Served:
    proxy = stack.enter_context(Proxy(stack.enter_context(Server(folder)).port))
    return f"valkey://127.0.0.1:{proxy.port}", [proxy]


def behind_sentinels(folder: Path, stack: ExitStack) -> Served:
    sentinels = stack.enter_context(Sentinels(folder, proxied=True, calm=True))
    return sentinels.uri, sentinels.proxies[:1]


def in_a_cluster(folder: Path, stack: ExitStack) -> Served:
    cluster = stack.enter_context(Cluster(folder, proxied=True, calm=True))
    return cluster.uri, cluster.proxies[:3]


def with_tls(folder: Path, stack: ExitStack) -> Served:
    cluster = stack.enter_context(Cluster(folder, replicas=0, tls=certificate(folder), calm=True))
    return f"{cluster.uri.replace('valkey', 'valkeys')}?ssl_ca_certs={folder}/ca.pem", cluster.proxies


@pytest.fixture(
    scope="module",
    params=[alone, behind_sentinels, in_a_cluster, with_tls],
    ids=lambda serve: serve.__name__,
)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    serve: Callable[[Path, ExitStack], Served] = request.param
    with ExitStack() as stack:
        yield serve(tmp_path_factory.mktemp("valkey"), stack)


@pytest.fixture
def single(tmp_path: Path) -> Iterator[tuple[Server, Proxy]]:
    with Server(tmp_path / "server") as server, Proxy(server.port) as proxy:
        yield server, proxy


def lose_replies(served: Served, *, times: int, wait: int = 0) -> None:
    """React from several threads while replies get lost; what was acknowledged must be what is stored."""
    uri, proxies = served
    told: list[Change] = []
    refused: list[BackendUnavailable] = []
    with get_engine(uri, instance=f"lost-{times}-{wait}", retries=9, nonce_ttl=60, wait=wait) as backend:
        backend.incr("warm", HEART)
        before = sum(proxy.lost for proxy in proxies)
        for proxy in proxies:
            proxy.lose(b"EVAL", times, share=0.4)

        def react() -> None:
            turn = 0
            while sum(proxy.lost for proxy in proxies) - before < times:
                turn += 1
                changes = [Change(PAGES[turn % 3], HEART), Change(PAGES[(turn + 1) % 3], HEART, 2)]
                try:
                    backend.apply(changes)
                    told.extend(changes)
                except BackendUnavailable as error:
                    refused.append(error)
                    time.sleep(0.05)  # what a visitor's Retry-After stands for

        began = time.monotonic()
        in_threads(4, react)
        for proxy in proxies:
            proxy.lose(b"", 0)
        stored = {page: counts[HEART] for page, counts in backend.iter_targets() if page in PAGES}
    lost = sum(proxy.lost for proxy in proxies) - before
    print(
        json.dumps(
            {
                "replies lost": lost,
                "acknowledged": len(told),
                "refused": len(refused),
                "seconds": round(time.monotonic() - began, 1),
            }
        )
    )
    assert stored == {page: sum(change.delta for change in told if change.target == page) for page in PAGES}
    assert lost >= times


def test_a_reaction_whose_reply_was_lost_counts_once(served: Served) -> None:
    lose_replies(served, times=30)


@pytest.mark.torture
def test_a_thousand_lost_replies_count_once_each(served: Served) -> None:
    lose_replies(served, times=1000)


def test_a_retry_answers_what_the_first_try_would_have(single: tuple[Server, Proxy]) -> None:
    server, proxy = single
    with (
        get_engine(f"valkey://127.0.0.1:{proxy.port}") as backend,
        get_engine(server.uri) as other,
    ):
        backend.incr("page", HEART)
        proxy.lose(b"EVAL")
        assert backend.apply([Change("page", PRETZEL), Change("page", HEART)]) == [
            {HEART: 1, PRETZEL: 1},
            {HEART: 2, PRETZEL: 1},
        ]
        assert proxy.lost == 1
        assert other.counts(["page"]) == [{HEART: 2, PRETZEL: 1}]


def test_the_reply_of_a_read_may_get_lost_too(single: tuple[Server, Proxy]) -> None:
    _, proxy = single
    with get_engine(f"valkey://127.0.0.1:{proxy.port}") as backend:
        backend.incr("page", HEART)
        for command in (b"HGETALL", b"SCAN"):
            proxy.lose(command)
            assert backend.counts(["page"]) == [{HEART: 1}]
            assert backend.list().targets == [("page", {HEART: 1})]
        assert proxy.lost == 2


def test_a_reply_that_stays_lost_is_an_unknown_outcome_and_never_doubled(
    single: tuple[Server, Proxy],
) -> None:
    _, proxy = single
    with get_engine(f"valkey://127.0.0.1:{proxy.port}", timeout=0.5, retries=2) as backend:
        backend.incr("page", HEART)
        proxy.lose(b"EVAL", 1000)
        with pytest.raises(OutcomeUnknown, match="may have been counted"):
            backend.incr("page", HEART)
        proxy.lose(b"", 0)
        assert stored_after_the_pause(backend) == {HEART: 2}


@pytest.mark.parametrize("command", [b"EVAL", b"DEL", b"PEXPIRE"])
def test_moves_whose_replies_were_lost_move_once(served: Served, command: bytes) -> None:
    uri, proxies = served
    with get_engine(uri, instance=f"moves-{command.decode()}", retries=9, nonce_ttl=60) as backend:
        for proxy in proxies:
            proxy.lose(command, 15, share=0.5)
        for number in range(12):
            old, new = f"old/{number}", f"new/{number % 2}"
            backend.at_least([(old, {HEART: 2, PRETZEL: 1})])
            assert backend.rename(old, new)[HEART] == number // 2 * 2 + 2
            backend.at_least([(old, {HEART: 5})])
            backend.delete([old])
        for proxy in proxies:
            proxy.lose(b"", 0)
        found = dict(backend.iter_targets())
        assert found == {"new/0": {HEART: 12, PRETZEL: 6}, "new/1": {HEART: 12, PRETZEL: 6}}


def test_a_rename_that_broke_off_is_finished_by_the_next_one(single: tuple[Server, Proxy]) -> None:
    _, proxy = single
    with get_engine(f"valkey://127.0.0.1:{proxy.port}", timeout=2, retries=0) as backend:
        for step in range(1, 5):
            backend.apply([Change("old", HEART, 3), Change("new", HEART)])
            break_off(backend, proxy, step)
            # Reactions that came meanwhile are moved by the same call.
            stored_after_the_pause(backend)
            backend.incr("old", HEART)
            assert backend.rename("old", "new") == {HEART: 5 * step}
            assert list(backend.iter_targets()) == [("new", {HEART: 5 * step})]


def break_off(backend: Engine, proxy: Proxy, step: int) -> None:
    """Rename, and lose the reply of one of its steps for good."""
    proxy.lose([TAKE.sha, ADD.sha, DROP.sha, b"PEXPIRE"][step - 1], 100)
    with pytest.raises(OutcomeUnknown, match="Run it again"):
        backend.rename("old", "new")
    proxy.lose(b"", 0)


def test_connections_that_are_cut_under_load_lose_and_double_nothing(single: tuple[Server, Proxy]) -> None:
    _, proxy = single
    told: list[int] = []
    with get_engine(f"valkey://127.0.0.1:{proxy.port}", retries=9) as backend:

        def react() -> None:
            for _ in range(100):
                try:
                    backend.incr("page", HEART)
                except BackendUnavailable:
                    time.sleep(0.02)  # what a visitor's Retry-After stands for
                    continue
                told.append(1)
                if len(told) % 20 == 0:
                    proxy.cut()

        in_threads(4, react)
        assert stored_after_the_pause(backend) == {HEART: len(told)}
    assert len(told) > 200


def stored_after_the_pause(backend: Engine) -> dict[str, int]:
    """What is stored, once the backend takes the server for present again."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return backend.counts(["page"])[0]
        except BackendUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # between two tries
