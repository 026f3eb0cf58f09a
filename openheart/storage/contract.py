"""What every backend must do, as tests that you can run on your own backend.

Importing this needs nothing but openheart; running it needs pytest. A package that brings a backend
writes a test module like this::

    from openheart.storage.contract import BackendContract

    class TestMine(BackendContract):
        uri = "mine://localhost/test"

For each capability of the backend there is a class to inherit from instead: ``BatchedContract``,
``CappedContract``, ``ListedContract`` and ``MovableContract``.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidRequest
from .backend import Cap, Change, Counts
from .contract_backend import (
    FAMILY,
    HEART,
    HOSTILE,
    PRETZEL,
    BackendContract,
    in_threads,
    raises,
    refuse,
)
from .contract_moves import MovableContract

__all__ = ["BackendContract", "BatchedContract", "CappedContract", "ListedContract", "MovableContract"]


class BatchedContract(BackendContract):
    """The suite for a backend that is ``Batched``."""

    def test_several_changes_answer_one_by_one(self) -> None:
        changes = [Change("a", PRETZEL), Change("b", HEART, 5), Change("a", PRETZEL, 2), Change("a", FAMILY)]

        answers = self.backend.apply(changes)

        assert answers == [{PRETZEL: 1}, {HEART: 5}, {PRETZEL: 3}, {PRETZEL: 3, FAMILY: 1}]
        assert self.backend.counts(["a", "b"]) == [{PRETZEL: 3, FAMILY: 1}, {HEART: 5}]

    def test_no_changes_and_no_targets_are_nothing_to_do(self) -> None:
        assert self.backend.apply([]) == []
        assert self.backend.counts([]) == []

    def test_many_changes_in_one_call_are_all_stored(self) -> None:
        changes = [Change(f"many/{number % 700}", PRETZEL) for number in range(2000)]

        answers = self.backend.apply(changes)

        assert [sum(answer.values()) for answer in answers] == [number // 700 + 1 for number in range(2000)]
        stored = self.backend.counts([f"many/{number}" for number in range(700)])
        assert sum(counts[PRETZEL] for counts in stored) == 2000

    def test_large_counts_stay_exact(self) -> None:
        self.backend.apply([Change("large", PRETZEL, 2**53 - 2)])
        assert self.backend.incr("large", PRETZEL) == {PRETZEL: 2**53 - 1}

    def test_a_large_batch_is_read_in_one_call(self) -> None:
        self.backend.apply([Change(f"batch/{number}", PRETZEL, number + 1) for number in range(0, 1200, 2)])
        found = self.backend.counts([f"batch/{number}" for number in range(1200)])
        assert found == [{} if number % 2 else {PRETZEL: number + 1} for number in range(1200)]

    def test_changing_returned_counts_changes_nothing_else(self) -> None:
        self.backend.incr("page", PRETZEL)["x"] = 1
        first, second = self.backend.counts(["page", "page"])
        first["y"] = 1
        assert second == {PRETZEL: 1}
        assert self.backend.counts(["page"]) == [{PRETZEL: 1}]
        one, two = self.backend.apply([Change("page", PRETZEL), Change("page", PRETZEL)])
        two.clear()
        assert one == {PRETZEL: 2}

    def test_each_thread_gets_a_count_of_its_own(self) -> None:
        answers: list[Counts] = []

        def react() -> None:
            answers.extend(self.backend.incr("hot", PRETZEL) for _ in range(50))

        in_threads(8, react)

        assert sorted(answer[PRETZEL] for answer in answers) == list(range(1, 401))
        assert self.backend.counts(["hot"]) == [{PRETZEL: 400}]

    def test_a_batched_backend_that_is_not_connected_says_so(self) -> None:
        self.backend.disconnect()
        refuse([lambda: self.backend.apply([Change("a", PRETZEL)]), lambda: self.backend.counts(["page"])])


class CappedContract(BatchedContract):
    """The suite for a backend that is ``Capped``."""

    def test_an_emoji_too_many_is_not_stored(self) -> None:
        cap = Cap(2)
        for emoji in (PRETZEL, HEART, PRETZEL):
            assert emoji in self.backend.apply([Change("full", emoji, cap=cap)])[0]

        answers = self.backend.apply([Change("full", FAMILY, 3, cap)])

        assert answers == [{PRETZEL: 2, HEART: 1}] == self.backend.counts(["full"])

    def test_one_too_many_refuses_only_itself(self) -> None:
        cap = Cap(2)
        given = [("a", PRETZEL), ("a", HEART), ("b", FAMILY), ("a", FAMILY), ("a", PRETZEL), ("b", "👍")]

        answers = self.backend.apply([Change(target, emoji, 1, cap) for target, emoji in given])

        assert answers[3] == {PRETZEL: 1, HEART: 1}
        assert answers[4] == {PRETZEL: 2, HEART: 1} == self.backend.counts(["a"])[0]
        assert answers[5] == {FAMILY: 1, "👍": 1} == self.backend.counts(["b"])[0]

    def test_free_emoji_are_always_accepted_and_never_counted(self) -> None:
        cap = Cap(1, frozenset({HEART, "👍"}))

        answers = [
            self.backend.apply([Change("free", emoji, 1, cap)])[0]
            for emoji in (HEART, PRETZEL, FAMILY, "👍", HEART)
        ]

        assert answers[2] == {HEART: 1, PRETZEL: 1}
        assert answers[-1] == {HEART: 2, PRETZEL: 1, "👍": 1} == self.backend.counts(["free"])[0]

    def test_what_is_there_already_goes_on_above_a_cap(self) -> None:
        self.backend.apply([Change("old", emoji) for emoji in (PRETZEL, HEART, FAMILY)])
        cap = Cap(1)

        answers = self.backend.apply([Change("old", emoji, 1, cap) for emoji in (FAMILY, "👍")])

        assert answers == [{PRETZEL: 1, HEART: 1, FAMILY: 2}] * 2

    def test_many_at_once_never_exceed_a_cap(self) -> None:
        emoji = [chr(0x1F600 + number) for number in range(48)]
        waiting = [*emoji, *emoji]

        def react() -> None:
            while True:
                try:
                    each = waiting.pop()
                except IndexError:
                    return
                answer = self.backend.apply([Change("race", each, 1, Cap(5))])[0]
                assert len(answer) <= 5

        in_threads(8, react)

        (counts,) = self.backend.counts(["race"])
        assert len(counts) == 5
        assert max(counts.values()) <= 2


class ListedContract(BackendContract):
    """The suite for a backend that is ``Listed``."""

    def test_a_listing_has_every_target_once_over_its_pages(self) -> None:
        expected = {f"list/{number:03}": {PRETZEL: number + 1} for number in range(25)}
        self.backend.apply([Change(target, PRETZEL, counts[PRETZEL]) for target, counts in expected.items()])
        found = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = self.backend.list(cursor=cursor, limit=10)
            found += page.targets
            cursor, pages = page.cursor, pages + 1
        assert dict(found) == expected
        assert len(found) == 25
        assert pages == 3

    def test_a_full_last_page_has_no_cursor(self) -> None:
        self.backend.apply([Change(f"list/{number}", PRETZEL) for number in range(4)])
        page = self.backend.list(limit=4)
        assert len(page.targets) == 4
        assert page.cursor is None
        assert self.backend.list("nothing").targets == []

    def test_a_listing_by_prefix_takes_the_prefix_literally(self) -> None:
        targets = ["blog/a", "blog/b", "blog", "Blog/c", "blo", "blogs", "b%", "b_og/x", "日本/あ", "日本語"]
        for target in targets:
            self.backend.incr(target, PRETZEL)
        for prefix in ("blog/", "b%", "b_", "日本", "日本/", "", "*", "z"):
            found = [target for target, _ in self.backend.iter_targets(prefix)]
            assert sorted(found) == sorted(target for target in targets if target.startswith(prefix))

    def test_the_number_of_targets_is_that_of_the_list_or_unknown(self) -> None:
        self.backend.apply([Change(target, PRETZEL) for target in ("a", "b/1", "b/2", "c")])
        self.backend.incr("a", HEART)
        for prefix, number in (("", 4), ("b/", 2), ("d", 0)):
            assert self.backend.number_of_targets(prefix) in (number, None)

    def test_an_unknown_cursor_is_refused(self) -> None:
        for cursor in ("", "x", "%%%", "MQ==", "é", "9" * 1000):
            with raises(InvalidRequest, msg=f"the cursor {cursor!r} was accepted"):
                self.backend.list(cursor=cursor)

    def test_the_top_is_ordered_by_reactions_and_then_by_target(self) -> None:
        self.backend.apply(
            [Change("few", PRETZEL), Change("most", PRETZEL, 3), Change("most", HEART), Change("b", HEART, 2)]
        )
        self.backend.apply([Change("a", PRETZEL, 2)])
        assert self.backend.top(3) == [
            ("most", {PRETZEL: 3, HEART: 1}),
            ("a", {PRETZEL: 2}),
            ("b", {HEART: 2}),
        ]

    def test_hostile_targets_are_listed_as_they_are(self) -> None:
        for target in HOSTILE:
            self.backend.incr(target, PRETZEL)
        assert dict(self.backend.iter_targets()) == {target: {PRETZEL: 1} for target in HOSTILE}

    def test_a_check_is_not_listed(self) -> None:
        self.backend.incr("page", PRETZEL)
        self.backend.check()
        assert list(self.backend.iter_targets()) == [("page", {PRETZEL: 1})]

    def test_the_lists_of_two_instances_are_kept_apart(self) -> None:
        if not self.backend.separates_instances:
            return
        other: Any = self.make(f"{self.instance}-other")
        with other:
            self.backend.incr("page", PRETZEL)
            other.incr("page", HEART)
            assert list(other.iter_targets()) == [("page", {HEART: 1})]
            assert other.top() == [("page", {HEART: 1})]

    def test_a_listed_backend_that_is_not_connected_says_so(self) -> None:
        self.backend.disconnect()
        refuse([lambda: self.backend.list(), lambda: self.backend.top()])
