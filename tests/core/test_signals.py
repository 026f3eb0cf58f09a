"""What is announced reaches every listener."""

from __future__ import annotations

import logging

import pytest
from blinker import NamedSignal

from openheart.core.signals import announce


def test_each_listener_is_told_though_one_of_them_fails(caplog: pytest.LogCaptureFixture) -> None:
    signal = NamedSignal("something")
    told: list[str] = []

    def before(sender: object, word: str) -> None:
        told.append(f"before {word}")

    def fail(sender: object, word: str) -> None:
        raise RuntimeError("broken listener")

    def after(sender: object, word: str) -> None:
        told.append(f"after {word}")

    for listener in (before, fail, after):
        signal.connect(listener)
    announce(signal, object(), logging.getLogger("openheart.test"), word="x")
    assert sorted(told) == ["after x", "before x"]
    assert "broken listener" in caplog.text
    assert "something" in caplog.text


def test_a_listener_of_another_sender_hears_nothing() -> None:
    signal = NamedSignal("something")
    mine, other = object(), object()
    told: list[object] = []

    def listen(sender: object) -> None:
        told.append(sender)

    signal.connect(listen, sender=mine)
    announce(signal, other, logging.getLogger("openheart.test"))
    announce(signal, mine, logging.getLogger("openheart.test"))
    assert told == [mine]


def test_each_listener_may_change_what_it_is_given() -> None:
    signal = NamedSignal("something")
    told: list[dict[str, int]] = []
    mine = {"🥨": 1}

    def first(sender: object, counts: dict[str, int]) -> None:
        told.append(counts.copy())
        counts.clear()

    def second(sender: object, counts: dict[str, int]) -> None:
        first(sender, counts)

    for listener in (first, second):
        signal.connect(listener)
    announce(signal, object(), logging.getLogger("openheart.test"), counts=mine)
    assert told == [{"🥨": 1}, {"🥨": 1}]
    assert mine == {"🥨": 1}
