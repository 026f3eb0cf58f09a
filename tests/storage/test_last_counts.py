"""Counts as they were last seen."""

from __future__ import annotations

from openheart.storage import last_counts
from openheart.storage.last_counts import LastCounts


def test_what_is_given_out_is_a_copy() -> None:
    last = LastCounts(60)
    mine = {"🥨": 1}
    last.remember("a", mine)
    mine.clear()
    found = last.recall(["a"])
    assert found == ([{"🥨": 1}], 1)
    found[0][0].clear()
    assert last.recall(["a"]) == ([{"🥨": 1}], 1)


def test_the_target_seen_longest_ago_is_forgotten_first() -> None:
    last = LastCounts(60)
    for number in range(last_counts.ROOM):
        last.remember(str(number), {})
    last.remember("0", {"🥨": 1})
    last.remember("one more", {})
    assert last.recall(["0"]) == ([{"🥨": 1}], 1)
    assert last.recall(["1"]) is None
