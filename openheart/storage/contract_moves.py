"""The part of the contract about moving data: raising counts, renaming, deleting."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .backend import Backend, Change

__all__ = ["FAMILY", "HEART", "PRETZEL", "MovesContract", "in_threads"]

PRETZEL, HEART, FAMILY = "🥨", "❤️", "👨‍👩‍👧‍👦"


class MovesContract:
    """Tests of ``at_least``, ``delete`` and ``rename``; a part of BackendContract.

    Attributes:
        backend: the backend under test, connected.
        instance: its instance, which no other test uses.
    """

    backend: Backend
    instance: str

    def make(self, instance: str) -> Backend:
        """Make an unconnected backend."""
        raise NotImplementedError

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
        with self.make(f"{self.instance}-other") as other:
            other.incr("old", HEART)
            self.backend.incr("old", PRETZEL)
            self.backend.rename("old", "new")
            self.backend.delete(["old"])
            assert list(other.iter_targets()) == [("old", {HEART: 1})]


def in_threads(number: int, work: Callable[[], object]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
