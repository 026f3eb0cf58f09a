from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from openheart.errors import BackendUnavailable, OutcomeUnknown
from openheart.storage import Change
from openheart.storage.valkey.script import Keys

from ...engines import Engine, get_engine
from ...servers.valkey import Cluster, Sentinels, Server
from ...waiting import until

# It breaks servers, which takes long; once, on one Python, is enough.
pytestmark = pytest.mark.slow

HEART = "❤️"
THREADS = 6
RECOVERY = 60.0  # seconds that a failover may take at the most, with a node timeout of one second
LAG = 2.0  # seconds before the kill of which a server may lose what it acknowledged, without WAIT or its like


class Crowd:
    """Threads that react, each time to a page that many share and to a target of its own.

    Attributes:
        told: when each own target was acknowledged.
        unknown: own targets whose outcome is not known.
    """

    def __init__(self, backend: Engine, own: str, pages: list[str]) -> None:
        self.told: dict[str, float] = {}
        self.unknown: list[str] = []
        self._backend = backend
        self._own = own
        self._pages = pages
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._react, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, number: int, also: Callable[[], bool] = lambda: True) -> None:
        """Wait for so many more acknowledged reactions."""
        aim = len(self.told) + number
        until(lambda: len(self.told) >= aim and also(), "no more reactions were acknowledged", RECOVERY)

    def lost(self) -> list[str]:
        """Own targets that were acknowledged and are not stored; none may be stored twice."""
        stored = {target: counts[HEART] for target, counts in self._backend.iter_targets(self._own)}
        doubled = [target for target, count in stored.items() if count != 1]
        assert not doubled, f"{len(doubled)} reactions are counted more than once, such as {doubled[0]}"
        assert len(stored) <= len(self.told) + len(self.unknown)
        return [target for target in self.told if target not in stored]

    def _react(self, number: int) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            own = f"{self._own}{number}-{turn}"
            page = self._pages[turn % len(self._pages)]
            try:
                self._backend.apply([Change(own, HEART), Change(page, HEART)])
            except BackendUnavailable:
                time.sleep(0.02)  # what a visitor's Retry-After stands for
            except OutcomeUnknown:
                self.unknown.append(own)
            else:
                self.told[own] = time.monotonic()


def fail_over(group: Cluster | Sentinels, *, times: int, wait: int) -> None:
    """Kill a primary under load again and again, and compare what was acknowledged with what is stored."""
    kills: list[float] = []
    recoveries: list[float] = []
    lost: list[str] = []
    with get_engine(group.uri, timeout=1, retries=4, wait=wait) as backend:
        for number in range(times):
            group.wait_until_whole()
            victims = group.primaries() if isinstance(group, Cluster) else [group.master()]
            victim = victims[number % len(victims)]
            page = page_on(victim)
            with Crowd(backend, f"own/{number}/", [page, "elsewhere/1", "elsewhere/2"]) as crowd:
                crowd.wait_for_more(200)
                victim.kill()
                kills.append(time.monotonic())
                recoveries.append(recovery(backend, page, kills[-1]))
                crowd.wait_for_more(200)
            gone = crowd.lost()
            assert all(kills[-1] - LAG < crowd.told[target] < kills[-1] + LAG for target in gone)
            lost += gone
            group.start_again(victim)
    report({"killed": times, "wait": wait, "acknowledged and lost": len(lost), "doubled": 0}, recoveries)
    if wait:
        assert not lost


def restart(server: Server, *, times: int, may_lose: bool = False) -> None:
    """Kill a server that keeps a log, and start it again where it was."""
    recoveries: list[float] = []
    lost: list[str] = []
    with get_engine(server.uri, timeout=1, retries=4) as backend:
        for number in range(times):
            with Crowd(backend, f"own/{number}/", ["page/1", "page/2"]) as crowd:
                crowd.wait_for_more(200)
                server.kill()
                killed = time.monotonic()
                server.start()
                recoveries.append(recovery(backend, "elsewhere", killed))
                crowd.wait_for_more(200)
            gone = crowd.lost()
            assert all(killed - LAG < crowd.told[target] < killed + LAG for target in gone)
            lost += gone
    report({"killed and started again": times, "acknowledged and lost": len(lost), "doubled": 0}, recoveries)
    assert may_lose or not lost


def report(found: dict[str, int], recoveries: list[float]) -> None:
    spread = {"least": round(min(recoveries), 1), "most": round(max(recoveries), 1)}
    print(json.dumps(found | {"recovered after, in seconds": spread}))


def recovery(backend: Engine, page: str, since: float) -> float:
    """Seconds until a reaction on the killed server's page is acknowledged again."""

    def works() -> bool:
        try:
            backend.incr(page, HEART)
        except (BackendUnavailable, OutcomeUnknown):
            return False
        return True

    until(works, "no server took the place of the killed one", RECOVERY)
    return time.monotonic() - since


def page_on(server: Server) -> str:
    """A page whose counts are on this server."""
    for number in range(100):
        try:
            server.do("HGETALL", Keys(None).of(f"page/{number}"))
        except Exception:  # MOVED
            continue
        return f"page/{number}"
    raise AssertionError


def test_a_killed_cluster_primary_loses_nothing_that_a_replica_confirmed(tmp_path: Path) -> None:
    with Cluster(tmp_path, replicas=2) as cluster:
        fail_over(cluster, times=1, wait=1)


def test_a_killed_sentinel_master_loses_nothing_that_a_replica_confirmed(tmp_path: Path) -> None:
    with Sentinels(tmp_path) as sentinels:
        fail_over(sentinels, times=1, wait=1)


def test_a_killed_server_that_syncs_first_has_what_it_acknowledged_when_it_is_back(tmp_path: Path) -> None:
    with Server(tmp_path, "appendonly yes", "appendfsync always") as server:
        restart(server, times=1)


@pytest.mark.torture
@pytest.mark.parametrize("sync", ["always", "everysec"])
def test_a_server_that_is_killed_ten_times_has_what_it_promises(tmp_path: Path, sync: str) -> None:
    with Server(tmp_path, "appendonly yes", f"appendfsync {sync}") as server:
        restart(server, times=10, may_lose=sync == "everysec")


@pytest.mark.torture
@pytest.mark.parametrize("wait", [0, 1])
def test_ten_killed_cluster_primaries(tmp_path: Path, wait: int) -> None:
    with Cluster(tmp_path, replicas=2) as cluster:
        fail_over(cluster, times=10, wait=wait)


@pytest.mark.torture
@pytest.mark.parametrize("wait", [0, 1])
def test_ten_killed_sentinel_masters(tmp_path: Path, wait: int) -> None:
    with Sentinels(tmp_path) as sentinels:
        fail_over(sentinels, times=10, wait=wait)


def test_a_master_that_comes_back_where_it_was_is_not_written_to(tmp_path: Path) -> None:
    with (
        Sentinels(tmp_path) as sentinels,
        get_engine(sentinels.uri, timeout=1, retries=4) as busy,
        get_engine(sentinels.uri, timeout=1, retries=4) as idle,
    ):
        busy.incr("page", HEART)
        idle.incr("page", HEART)
        old = sentinels.master()
        old.kill()
        recovery(busy, "elsewhere", time.monotonic())
        # For some seconds it takes itself for the master, until the sentinels tell it.
        old.start()
        assert old.do("ROLE")[0] == b"master"
        answers = [backend.incr("page", HEART) for _ in range(10) for backend in (idle, busy)]
        assert answers == [{HEART: number} for number in range(3, 23)]
        assert old.do("ROLE")[0] == b"master"
