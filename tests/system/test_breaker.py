"""When a server counts as unavailable, and who may look whether it is back."""

from __future__ import annotations

import pytest

from openheart.system.breaker import FAILURES, Breaker, Unavailable


def test_a_breaker_lets_one_look_while_a_server_is_unavailable() -> None:
    breaker = Breaker(patience=60)
    for _ in range(FAILURES):
        breaker.admit()
        breaker.failed("it is off")
    with pytest.raises(Unavailable, match="it is off") as caught:
        breaker.admit()
    assert caught.value.is_known
    breaker._next_look = 0.0
    breaker.admit()
    with pytest.raises(Unavailable):
        breaker.admit()
    breaker.worked()
    breaker.admit()
    breaker.admit()


def test_a_breaker_may_open_at_the_first_failure() -> None:
    breaker = Breaker(patience=60, failures=1)
    breaker.admit()
    breaker.failed("it is off")
    assert breaker.is_open
    assert breaker.why == "it is off"
    with pytest.raises(Unavailable, match="it is off"):
        breaker.admit()
    breaker.worked()
    assert not breaker.is_open
