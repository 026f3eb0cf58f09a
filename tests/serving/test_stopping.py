"""Signals as an orderly stop."""

from __future__ import annotations

import signal
import threading

import pytest

from openheart.serving import stopping
from openheart.serving.stopping import on_stop_signal

from ..child import run_child

MASTER = """
import os, signal, time
from openheart.serving.stopping import workers_end_early

signal.signal(signal.SIGTERM, lambda number, frame: print("heard", number, flush=True))

def end_worker():
    worker = os.fork()
    if not worker:
        while True:
            time.sleep(0.01)
    os.kill(worker, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])

with workers_end_early():
    assert [end_worker() for _ in range(100)] == [0] * 100
    os.kill(os.getpid(), signal.SIGTERM)
print("master goes on")
"""


def test_a_worker_that_is_just_being_born_ends_when_it_is_told_to() -> None:
    assert run_child(MASTER) == "heard 15\nmaster goes on\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_signals_at_once_are_one_wish_to_stop(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "REPEAT", 60.0)
    stops: list[int] = []
    before = signal.getsignal(number)
    with on_stop_signal(lambda: stops.append(1)):
        signal.raise_signal(number)
        signal.raise_signal(number)
    assert stops == [1]
    assert signal.getsignal(number) is before


def test_a_signal_after_some_patience_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "REPEAT", -1.0)
    with on_stop_signal(lambda: None):
        signal.raise_signal(signal.SIGINT)
        # What the system does by default would end the tests, so Python's handler stands in for it.
        monkeypatch.setattr(signal, "SIG_DFL", signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_in_another_thread_nothing_changes() -> None:
    seen: list[object] = []

    def work() -> None:
        with on_stop_signal(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
