"""The harness end to end, on the bare application: no timing is asserted."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path

import pytest

from benchmarks.load import exact_posts, run_slice
from benchmarks.plan import BARE, PEER, Cell, all_cells, contenders, quick_cells
from benchmarks.rates import measure
from benchmarks.servers import SERVERS, ServerKind, serve

BARE_APPLICATION = "benchmarks.apps.bare:application"


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and whose parent was not told yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.parametrize("kind", SERVERS)
def test_each_server_answers_while_its_block_lasts_and_leaves_no_process(
    kind: ServerKind, tmp_path: Path
) -> None:
    with serve(BARE_APPLICATION, tmp_path / "data", kind=kind) as server:
        answers = run_slice(server.port, "GET", pages=1, connections=2, seconds=1)
        processes = [server.pid, *server.workers()]

    assert answers.acknowledged > 0
    assert answers.refused == answers.broken == 0
    assert [pid for pid in processes if is_running(pid)] == []
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", server.port))


def test_an_exact_number_of_posts_is_sent_and_every_answer_awaited(tmp_path: Path) -> None:
    with serve(BARE_APPLICATION, tmp_path / "data") as server:
        sent = exact_posts(server.port, pages=10, connections=4, total=50)

    assert (sent.acknowledged, sent.refused, sent.broken) == (50, 0, 0)


def test_a_server_that_does_not_start_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ModuleNotFoundError"):  # noqa: SIM117
        with serve("benchmarks.apps.missing:application", tmp_path / "data"):
            pass


def test_settings_of_the_person_who_measures_do_not_reach_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--bind 127.0.0.1:1")

    with serve(BARE_APPLICATION, tmp_path / "data") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/openheart/page-0")
        status = connection.getresponse().status
        connection.close()

    assert status == 200


def test_waitress_refuses_more_processes_than_it_can_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose gunicorn or granian"):  # noqa: SIM117
        with serve(BARE_APPLICATION, tmp_path / "data", kind="waitress", workers=2):
            pass


@pytest.mark.parametrize("tool", ["whatever is here", "Python threads"])
def test_a_slice_of_load_counts_acknowledged_and_refused_requests_apart(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "Python threads":
        monkeypatch.setenv("PATH", str(tmp_path))  # so that there is no wrk

    with serve(BARE_APPLICATION, tmp_path / "data") as server:
        good = run_slice(server.port, "POST", pages=10, connections=4, seconds=1)
        bad = run_slice(server.port, "GET", pages=1, connections=4, seconds=1, prefix="/no-such-route/")

    assert good.acknowledged > 0
    assert good.refused == good.broken == 0
    assert bad.acknowledged == 0
    assert bad.refused > 0


def test_contenders_take_turns_in_each_cell(tmp_path: Path) -> None:
    cell = Cell("GET", workers=1, connections=2, pages=1)
    bare = contenders(None)[0]

    rates = measure([cell], [bare], tmp_path, rounds=2, seconds=1, say=lambda _text: None)

    assert rates.ratios(cell, BARE) == [1.0, 1.0]
    assert rates.ratios(cell, PEER) == []


def test_the_full_run_covers_every_combination_and_the_quick_one_a_part_of_it() -> None:
    assert len(set(all_cells())) == 2 * 2 * 2 * 3
    assert set(quick_cells()) < set(all_cells())
