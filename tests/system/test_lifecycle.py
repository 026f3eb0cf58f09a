"""Pausing and closing what calls use."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from openheart.system import lifecycle
from openheart.system.lifecycle import Lifecycle

from ..waiting import until

PATIENCE = 60


class Closed(Exception):
    pass


class Caller(threading.Thread):
    """A call that runs until it may end."""

    def __init__(self, life: Lifecycle) -> None:
        super().__init__(daemon=True)
        self.life = life
        self.began, self.may_end = threading.Event(), threading.Event()
        self.was_refused = False
        self.start()

    def run(self) -> None:
        try:
            with self.life:
                self.began.set()
                self.may_end.wait(PATIENCE)
        except Closed:
            self.was_refused = True


@pytest.fixture
def life() -> Lifecycle:
    return Lifecycle(Closed)


def test_a_pause_waits_for_the_calls_that_run(life: Lifecycle) -> None:
    call = Caller(life)
    assert call.began.wait(PATIENCE)
    pausing = threading.Thread(target=life.pause)
    pausing.start()
    until(lambda: not life.is_open)
    assert life.calls == 1
    assert pausing.is_alive()
    call.may_end.set()
    pausing.join(PATIENCE)
    assert not pausing.is_alive()
    assert life.calls == 0


def test_a_call_that_comes_during_a_pause_waits_for_its_end(life: Lifecycle) -> None:
    assert life.pause()
    call = Caller(life)
    assert not call.began.wait(0.05)
    life.resume()
    assert call.began.wait(PATIENCE)
    call.may_end.set()
    call.join(PATIENCE)


def test_a_pause_that_takes_too_long_is_none(life: Lifecycle) -> None:
    first = Caller(life)
    assert first.began.wait(PATIENCE)
    assert not life.pause(0.01)
    second = Caller(life)
    assert second.began.wait(PATIENCE)
    for call in (first, second):
        call.may_end.set()
        call.join(PATIENCE)


def test_closing_refuses_calls_and_waits_for_those_that_run(life: Lifecycle) -> None:
    call = Caller(life)
    assert call.began.wait(PATIENCE)
    assert not life.close(0.01)
    with pytest.raises(Closed), life:
        raise AssertionError
    call.may_end.set()
    assert life.close(PATIENCE)
    assert not life.is_open


def test_closing_refuses_those_that_wait_for_the_end_of_a_pause(life: Lifecycle) -> None:
    life.pause()
    call = Caller(life)
    life.close()
    call.join(PATIENCE)
    assert call.was_refused
    assert not call.began.is_set()


def test_a_call_that_raises_has_ended(life: Lifecycle) -> None:
    with pytest.raises(ZeroDivisionError), life:
        raise ZeroDivisionError
    assert life.close(0)


class Interruption(BaseException):
    """It comes from outside, as Ctrl-C does."""


def interrupted_at(step: int, work: Callable[[], object]) -> None:
    """Do the work, interrupted as it enters its step-th function, those of the condition among them."""
    entered = 0

    def trace(frame: FrameType, event: str, argument: object) -> None:
        nonlocal entered
        entered += frame.f_code.co_filename in (lifecycle.__file__, threading.__file__)
        if entered == step:
            raise Interruption

    sys.settrace(trace)
    try:
        work()
    except Interruption:
        pass
    finally:
        sys.settrace(None)


def enter(life: Lifecycle) -> None:
    with life:
        pass


@pytest.mark.parametrize("work", [enter, lambda life: life.pause(0)])
@pytest.mark.parametrize("step", range(1, 6))
def test_an_interruption_at_any_step_keeps_no_other_call_waiting(
    life: Lifecycle, work: Callable[[Lifecycle], object], step: int
) -> None:
    first = Caller(life)
    assert first.began.wait(PATIENCE)
    interrupted_at(step, lambda: work(life))
    second = Caller(life)
    assert second.began.wait(PATIENCE)
    for call in (first, second):
        call.may_end.set()
        call.join(PATIENCE)
