"""The part of the contract about moving data: raising counts, renaming, deleting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .backend import Change
from .contract_backend import FAMILY, HEART, PRETZEL, BackendContract, in_threads, refuse

__all__ = ["MovableContract"]


class MovableContract(BackendContract):
    """The suite for a backend that is ``Movable``; it has to be ``Listed`` too."""

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

    def test_what_moves_belongs_to_one_instance(self) -> None:
        if not self.backend.separates_instances:
            return
        other: Any = self.make(f"{self.instance}-other")
        with other:
            other.incr("old", HEART)
            self.backend.incr("old", PRETZEL)
            self.backend.rename("old", "new")
            self.backend.delete(["old"])
            assert list(other.iter_targets()) == [("old", {HEART: 1})]

    def test_a_movable_backend_that_is_not_connected_says_so(self) -> None:
        self.backend.disconnect()
        uses: list[Callable[[], object]] = [
            lambda: self.backend.at_least([("page", {PRETZEL: 1})]),
            lambda: self.backend.delete(["page"]),
            lambda: self.backend.rename("page", "other"),
        ]
        refuse(uses)
