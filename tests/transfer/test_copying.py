from __future__ import annotations

from openheart.storage import Change
from openheart.transfer import compare, copy

from ..engines import Engine, get_engine


def connected(uri: str = "memory:") -> Engine:
    backend = get_engine(uri)
    backend.connect()
    return backend


def test_what_is_copied_is_all_there_and_copying_again_changes_nothing() -> None:
    source, to = connected(), connected()
    source.apply([Change(f"page/{number}", "🥨", number + 1) for number in range(2500)])
    steps: list[int] = []
    for _ in range(2):
        assert copy(source.iter_targets(), to, steps.append) == 2500
        assert dict(to.iter_targets()) == dict(source.iter_targets())
    assert steps == [1000, 1000, 500] * 2


def test_what_came_since_is_copied_the_next_time_and_what_the_new_one_took_is_kept() -> None:
    source, to = connected(), connected()
    source.apply([Change("a", "🥨", 3), Change("b", "🥨")])
    copy(source.iter_targets(), to)
    source.incr("a", "🥨")
    to.incr("b", "❤️")
    to.incr("c", "🥨")
    copy(source.iter_targets(), to)
    assert dict(to.iter_targets()) == {"a": {"🥨": 4}, "b": {"🥨": 1, "❤️": 1}, "c": {"🥨": 1}}


def test_the_comparison_says_what_is_missing_and_what_is_more() -> None:
    source, to = connected(), connected()
    source.apply([Change(target, "🥨", 2) for target in "abcdefghi"])
    to.apply([Change("a", "🥨", 2), Change("b", "🥨", 3), Change("c", "🥨", 2), Change("c", "❤️")])
    to.apply([Change("d", "🥨"), Change("d", "❤️"), Change("x", "🥨"), Change("y", "🥨")])
    steps: list[int] = []
    found = compare(source, to, steps.append)
    assert (found.targets, found.less, found.more, found.others) == (9, 6, 2, 2)
    assert found.examples == ["d", "e", "f", "g", "h"]
    assert sum(steps) == 9 + 6


def test_two_empty_storages_are_the_same() -> None:
    found = compare(connected(), connected())
    assert (found.targets, found.less, found.more, found.others) == (0, 0, 0, 0)
