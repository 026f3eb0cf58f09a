"""A check that anybody may ask for, and that runs rarely."""

from __future__ import annotations

import threading

import pytest

from openheart.system import probe
from openheart.system.probe import Probe

from ..waiting import PATIENCE


def test_a_result_stands_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter(("bad", "good"))
    checked = Probe(lambda: next(results))
    assert [checked.result(), checked.result()] == ["bad", "bad"]
    monkeypatch.setattr(probe, "LASTS", -1.0)
    assert checked.result() == "good"


def test_nobody_waits_for_a_check_that_runs_if_a_result_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    began, may_end = threading.Event(), threading.Event()

    def check() -> int:
        if checks:
            began.set()
            assert may_end.wait(PATIENCE)
        checks.append(None)
        return len(checks)

    checks: list[None] = []
    checked = Probe(check)
    assert checked.result() == 1
    monkeypatch.setattr(checked._own.here, "checked_at", float("-inf"))
    slow = threading.Thread(target=checked.result)
    slow.start()
    assert began.wait(PATIENCE)
    assert checked.result() == 1
    may_end.set()
    slow.join(PATIENCE)
    assert checked.result() == 2


def test_those_who_ask_first_share_one_check() -> None:
    may_end = threading.Event()

    def check() -> int:
        assert may_end.wait(PATIENCE)
        checks.append(None)
        return len(checks)

    checks: list[None] = []
    results: list[int] = []
    checked = Probe(check)
    threads = [threading.Thread(target=lambda: results.append(checked.result())) for _ in range(4)]
    for thread in threads:
        thread.start()
    may_end.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert results == [1, 1, 1, 1]
