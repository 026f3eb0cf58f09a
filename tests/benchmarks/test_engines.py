"""The comparison of openheart's storages with the drivers alone, on a real Valkey server."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.engine_ways import MONGODB_WAYS, VALKEY_WAYS, TwoCalls, Way
from benchmarks.engines import HEADLINE, SINGLE, TOOL, Engine, EngineCell, engine_cells, measure_engine
from tests.servers.mongodb import MongoServer
from tests.servers.valkey import Cluster, Server

YARDSTICK = VALKEY_WAYS[0]


class Forgetful(TwoCalls):
    """Says that it counted, and forgets every second reaction."""

    turn = 0

    def react(self, page: int, emoji: str) -> object:
        self.turn += 1
        return super().react(page, emoji) if self.turn % 2 else {}


class Refusing(TwoCalls):
    """Answers nothing."""

    def react(self, page: int, emoji: str) -> object:
        raise ConnectionError("nobody is there")


@pytest.fixture
def uri(valkey_server: Server) -> str:
    valkey_server.empty()
    return valkey_server.uri


@pytest.fixture
def cluster(valkey_cluster: Cluster) -> Cluster:
    valkey_cluster.empty()
    return valkey_cluster


def engine(*ways: Way) -> Engine:
    def start(folder: Path) -> Server:  # not called here
        raise NotImplementedError

    return Engine(SINGLE, ways, start, None)  # type: ignore[arg-type]


def quiet(_text: str) -> None:
    pass


def test_every_way_stores_what_it_acknowledged_from_several_processes(uri: str) -> None:
    cell = EngineCell(processes=2, threads=2, pages=1)

    found = measure_engine(engine(*VALKEY_WAYS), uri, [cell], rounds=1, seconds=0.1, say=quiet)

    assert found.check.failures == []
    assert found.check.slices == 2  # the places where the ways count
    assert found.check.acknowledged > 0
    assert found.broken == {}
    assert all(found.rates[cell][way.name][0] > 0 for way in VALKEY_WAYS)
    assert found.ratios(cell, YARDSTICK.name, YARDSTICK.name) == [1.0]


def test_a_way_that_loses_reactions_is_found_out(uri: str) -> None:
    cell = EngineCell(processes=1, threads=1, pages=20)

    found = measure_engine(
        engine(Way("forgetful", "bare", Forgetful)), uri, [cell], rounds=1, seconds=0.1, say=quiet
    )

    (failure,) = found.check.failures
    assert failure.startswith("bare, 1 × 1 threads, 20 pages: the counts grew by ")


def test_reactions_without_an_answer_are_reported_with_the_last_error(uri: str) -> None:
    cell = EngineCell(processes=1, threads=1, pages=1)

    found = measure_engine(
        engine(Way("refusing", "bare", Refusing)), uri, [cell], rounds=1, seconds=0.05, say=quiet
    )

    assert found.check.acknowledged == 0
    ((line, number),) = found.broken.items()
    assert line == "refusing, 1 × 1 threads, hot page: ConnectionError: nobody is there"
    assert number > 0


def test_the_tool_of_the_server_is_asked_for_the_same_number_of_connections(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "valkey-benchmark"
    tool.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/given\n'
        'printf "HINCRBY: rps=1.0 (overall: 2.0)\\rHINCRBY: 51234.50 requests per second, p50=0.1 msec\\n"\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    cell = EngineCell(processes=1, threads=3, pages=7)

    found = measure_engine(engine(*VALKEY_WAYS), uri, [cell], rounds=2, seconds=0.05, say=quiet)

    assert found.rates[cell][TOOL] == [51234.5, 51234.5]
    given = (tmp_path / "given").read_text()
    assert "-c 3 -r 7 " in given
    assert given.endswith("HINCRBY tool:__rand_int__ count 1\n")


def test_the_tool_of_a_cluster_is_given_keys_of_the_node_that_it_asks(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "valkey-benchmark"
    tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/given\necho 51234.50 requests per second\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    cell = EngineCell(processes=1, threads=2, pages=7)

    measure_engine(engine(*VALKEY_WAYS), cluster.uri, [cell], rounds=1, seconds=0.05, say=quiet)

    assert (tmp_path / "given").read_text().endswith("--cluster HINCRBY {tag}:__rand_int__ count 1\n")


def test_a_tool_that_says_no_rate_is_left_out_and_the_reason_is_kept(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "valkey-benchmark"
    tool.write_text("#!/bin/sh\necho ERR unknown command\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    found = measure_engine(engine(*VALKEY_WAYS), uri, [HEADLINE], rounds=2, seconds=0.05, say=quiet)

    assert found.tool_failed == "valkey-benchmark did not say how fast it was: 'ERR unknown command'"
    assert TOOL not in found.rates[HEADLINE]


def test_the_full_run_goes_up_to_eight_processes_and_a_hundred_thousand_pages() -> None:
    full = engine_cells(quick=False)

    assert {cell.processes for cell in full} == {1, 2, 4, 8}
    assert {cell.pages for cell in full} == {1, 100_000}
    assert HEADLINE in full
    assert HEADLINE in engine_cells(quick=True)
    assert len(engine_cells(quick=True)) < len(full)


def test_the_ways_count_on_a_cluster(cluster: Cluster) -> None:
    check_ways(VALKEY_WAYS, cluster.uri)


@pytest.mark.slow
def test_the_ways_count_on_mongodb(mongodb_set: MongoServer) -> None:
    mongodb_set.empty()
    check_ways(MONGODB_WAYS, mongodb_set.uri)


def check_ways(ways: tuple[Way, ...], uri: str) -> None:
    filled = set()
    expected = dict.fromkeys((way.store for way in ways), 30)
    for way in ways:
        driver = way.open(uri)
        if way.store not in filled:
            driver.fill(30)
            filled.add(way.store)
        for page in range(30):
            driver.react(page, "🥨")
        expected[way.store] += 30
        assert driver.stored(30) == expected[way.store], way.name
        driver.close()
