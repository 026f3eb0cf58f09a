from __future__ import annotations

from openheart.storage.sqlite import count_cache
from openheart.storage.sqlite.count_cache import CountCache


def test_what_was_put_comes_back_and_is_a_copy() -> None:
    cache = CountCache()
    counts = {"🥨": 1}
    cache.put("page", 9, 4, counts)
    counts["🥨"] = 2
    entry = cache.get("page")
    assert entry == (9, 4, {"🥨": 1})
    assert cache.get("other") is None


def test_it_is_bounded_and_forgets_what_was_not_used_for_long() -> None:
    cache = CountCache()
    room = count_cache._ROOM
    for number in range(5 * room):
        cache.put(f"page/{number}", 9, 4, {"🥨": 1})
        cache.get("page/0")
    kept = sum(cache.get(f"page/{number}") is not None for number in range(5 * room))
    assert room <= kept <= 2 * room
    assert cache.get(f"page/{5 * room - 1}") is not None


def test_what_is_used_stays() -> None:
    cache = CountCache()
    cache.put("used", 9, 4, {"🥨": 1})
    for number in range(5 * count_cache._ROOM):
        cache.put(f"page/{number}", 9, 4, {"🥨": 1})
        assert cache.get("used") is not None


def test_targets_with_many_emoji_take_more_room() -> None:
    cache = CountCache()
    many = {chr(0x1F300 + number): 1 for number in range(400)}
    for number in range(1000):
        cache.put(f"page/{number}", 9, 4, {"🥨": 1})
        cache.put(f"page/{number}", 9, 6, many)
    kept = sum(cache.get(f"page/{number}") is not None for number in range(1000))
    assert kept <= 2 * count_cache._ROOM / (len(many) // 8)
