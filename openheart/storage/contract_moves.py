"""The part of the contract about moving data: raising counts, renaming, deleting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .backend import Backend, Change

__all__ = ["FAMILY", "HEART", "PRETZEL", "MovesContract", "in_threads"]

PRETZEL, HEART, FAMILY = "🥨", "❤️", "👨‍👩‍👧‍👦"


class MovesContract:
    """Tests of ``at_least``, ``delete`` and ``rename``; a part of BackendContract.

    Attributes:
        backend: the backend under test, connected.
    """

    backend: Backend

    def test_counts_are_raised_to_at_least_what_moves_in_and_never_lowered(self) -> None:
        self.backend.apply([Change("a", PRETZEL, 5), Change("b", HEART)])
        rows = [
            ("a", {PRETZEL: 3, HEART: 2}),
            ("b", {HEART: 4}),
            ("c", {FAMILY: 2**53}),
            ("d", {}),
            ("b", {HEART: 3}),
        ]
        for _ in range(2):
            self.backend.at_least(rows)
            assert self.backend.counts(["a", "b", "c", "d"]) == [
                {PRETZEL: 5, HEART: 2},
                {HEART: 4},
                {FAMILY: 2**53},
                {},
            ]
        assert {target for target, _ in self.backend.iter_targets()} == {"a", "b", "c"}
        assert self.backend.incr("a", HEART) == {PRETZEL: 5, HEART: 3}

    def test_many_targets_move_in_with_one_call(self) -> None:
        rows = [(f"moved/{number}", {PRETZEL: number + 1}) for number in range(1200)]
        self.backend.at_least(rows)
        self.backend.at_least([])
        assert sorted(self.backend.iter_targets()) == sorted(rows)

    def test_what_is_deleted_is_gone_and_can_be_deleted_again(self) -> None:
        for target in ("a", "b", "c"):
            self.backend.incr(target, PRETZEL)
        for _ in range(2):
            self.backend.delete(["a", "c", "none"])
            self.backend.delete([])
        assert self.backend.counts(["a", "b", "c"]) == [{}, {PRETZEL: 1}, {}]
        assert list(self.backend.iter_targets()) == [("b", {PRETZEL: 1})]
        assert self.backend.incr("a", HEART) == {HEART: 1}
        assert sorted(self.backend.iter_targets()) == [("a", {HEART: 1}), ("b", {PRETZEL: 1})]

    def test_renaming_adds_the_counts_once_however_often_it_is_called(self) -> None:
        self.backend.apply([Change("old", PRETZEL, 2), Change("old", HEART), Change("new", PRETZEL, 3)])
        for _ in range(3):
            assert self.backend.rename("old", "new") == {PRETZEL: 5, HEART: 1}
            assert self.backend.counts(["old", "new"]) == [{}, {PRETZEL: 5, HEART: 1}]
        assert list(self.backend.iter_targets()) == [("new", {PRETZEL: 5, HEART: 1})]

    def test_renaming_to_a_target_without_counts_and_of_one_without(self) -> None:
        self.backend.incr("old", PRETZEL)
        assert self.backend.rename("old", "new") == {PRETZEL: 1}
        assert self.backend.rename("nothing", "nowhere") == {}
        assert list(self.backend.iter_targets()) == [("new", {PRETZEL: 1})]

    def test_a_target_can_be_renamed_back_and_again(self) -> None:
        self.backend.incr("one", PRETZEL)
        for _ in range(3):
            assert self.backend.rename("one", "two") == {PRETZEL: 1}
            assert self.backend.rename("two", "one") == {PRETZEL: 1}
        assert self.backend.incr("two", HEART) == {HEART: 1}
        assert self.backend.rename("two", "one") == {PRETZEL: 1, HEART: 1}

    def test_renaming_under_load_loses_nothing_and_counts_nothing_twice(self) -> None:
        def react() -> None:
            for _ in range(40):
                self.backend.incr("old", PRETZEL)

        def rename() -> None:
            for _ in range(10):
                self.backend.rename("old", "new")

        works = [react, react, react, rename, rename]
        in_threads(len(works), lambda: works.pop()())
        assert self.backend.rename("old", "new") == {PRETZEL: 120}
        assert list(self.backend.iter_targets()) == [("new", {PRETZEL: 120})]


def in_threads(number: int, work: Callable[[], object]) -> None:
    with ThreadPoolExecutor(number) as threads:
        for running in [threads.submit(work) for _ in range(number)]:
            running.result()
