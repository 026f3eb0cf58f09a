"""The cost of a route that does not use openheart: no timing is asserted."""

from __future__ import annotations

import gc

from benchmarks.dispatch import dispatch_cost


def test_each_round_is_one_ratio_and_garbage_is_collected_again_afterwards() -> None:
    found = dispatch_cost(rounds=3)

    assert found.rounds == 3
    assert 0 < found.low <= found.median <= found.high
    assert gc.isenabled()
