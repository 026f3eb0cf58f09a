"""What every backend must do, as tests that you can run on your own backend.

Importing this needs nothing but openheart; running it needs pytest. A package that brings a backend
writes a test module like this::

    from openheart.storage.contract import BackendContract

    class TestMine(BackendContract):
        uri = "mine://localhost/test"
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from typing import ClassVar
from unittest import TestCase

from ..errors import BackendNotConnected, InvalidRequest
from .backend import Backend, Change, Counts
from .contract_moves import FAMILY, HEART, PRETZEL, MovesContract, in_threads
from .uri import get_backend

__all__ = ["BackendContract"]

HOSTILE = (
    "/",
    "a/b/c",
    "日本語/ページ",
    "é",
    "e\N{COMBINING ACUTE ACCENT}",
    "A",
    "a",
    "a b",
    "a%20b",
    "%",
    "_",
    "*",
    "?x[1]",
    "'; DROP TABLE reaction; --",
    '"quoted"\\',
    "$where",
    "a.b",
    "{brace}",
    ":colon:",
    "\N{GRINNING FACE}",
    "\U0010ffff",
    "x" * 512,
)
"""Targets that a careless storage would mix up, refuse or obey."""

_raises = TestCase().assertRaises

_CHILD = """
import sys
from openheart.storage import get_backend
uri, instance, target, emoji, times = sys.argv[1:]
with get_backend(uri, instance=instance) as backend:
    for _ in range(int(times)):
        backend.incr(target, emoji)
"""


class BackendContract(MovesContract):
    """One suite for every backend. Each test works in its own INSTANCE and leaves its rows there.

    Attributes:
        uri: where the storage under test is.
        is_shared: whether several processes and objects with this URI see the same counts.
        processes: how many processes write at once.
    """

    uri: ClassVar[str]
    is_shared: ClassVar[bool] = True
    processes: ClassVar[int] = 3

    def make(self, instance: str) -> Backend:
        """Make an unconnected backend; override it if a URI is not enough."""
        return get_backend(self.uri, instance=instance)

    def setup_method(self) -> None:
        """Give each test its own instance."""
        self.instance = f"contract-{uuid.uuid4().hex}"
        self.backend = self.make(self.instance)
        self.backend.connect()

    def teardown_method(self) -> None:
        """Close the backend."""
        self.backend.disconnect()

    def test_a_target_without_reactions_has_no_counts(self) -> None:
        assert self.backend.counts(["nothing"]) == [{}]
        assert list(self.backend.iter("nothing")) == []

    def test_a_reaction_answers_the_counts_after_it(self) -> None:
        assert self.backend.incr("page", PRETZEL) == {PRETZEL: 1}
        assert self.backend.incr("page", HEART) == {PRETZEL: 1, HEART: 1}
        assert self.backend.incr("page", PRETZEL) == {PRETZEL: 2, HEART: 1}
        assert self.backend.counts(["page"]) == [{PRETZEL: 2, HEART: 1}]
        assert dict(self.backend.iter("page")) == {PRETZEL: 2, HEART: 1}

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

    def test_hostile_targets_are_kept_apart_and_come_back_unchanged(self) -> None:
        for number, target in enumerate(HOSTILE, 1):
            assert self.backend.apply([Change(target, PRETZEL, number)]) == [{PRETZEL: number}]
        assert self.backend.counts(HOSTILE) == [{PRETZEL: number} for number in range(1, len(HOSTILE) + 1)]
        assert {target for target, _ in self.backend.iter_targets()} == set(HOSTILE)

    def test_every_form_of_an_emoji_is_counted_by_itself(self) -> None:
        emoji = [PRETZEL, HEART, FAMILY, "👍", "👍🏽", "🇵🇹", "1️⃣"]
        for each in emoji:
            self.backend.incr("emoji", each)
        assert self.backend.counts(["emoji"]) == [dict.fromkeys(emoji, 1)]

    def test_a_batch_keeps_the_order_of_the_targets_and_repeats_them(self) -> None:
        self.backend.incr("a", PRETZEL)
        self.backend.incr("b", HEART)
        assert self.backend.counts(["b", "none", "a", "b"]) == [{HEART: 1}, {}, {PRETZEL: 1}, {HEART: 1}]

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

    def test_reads_see_what_another_object_wrote(self) -> None:
        if not self.is_shared:
            return
        with self.make(self.instance) as other:
            for number in range(1, 50):
                assert other.incr("page", PRETZEL) == {PRETZEL: number}
                assert self.backend.counts(["page"]) == [{PRETZEL: number}]

    def test_threads_lose_nothing_and_each_gets_a_count_of_its_own(self) -> None:
        answers: list[Counts] = []

        def react() -> None:
            answers.extend(self.backend.incr("hot", PRETZEL) for _ in range(50))

        in_threads(8, react)

        assert sorted(answer[PRETZEL] for answer in answers) == list(range(1, 401))
        assert self.backend.counts(["hot"]) == [{PRETZEL: 400}]

    def test_processes_lose_nothing(self) -> None:
        if not self.is_shared:
            return
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-c", _CHILD, self.uri, self.instance, "hot", PRETZEL, "100"]
        children = [
            subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) for _ in range(self.processes)
        ]
        in_threads(4, lambda: [self.backend.incr("hot", HEART) for _ in range(25)])
        assert [child.wait(240) for child in children] == [0] * self.processes
        assert self.backend.counts(["hot"]) == [{PRETZEL: 100 * self.processes, HEART: 100}]

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

    def test_an_unknown_cursor_is_refused(self) -> None:
        for cursor in ("", "x", "%%%", "MQ==", "é", "9" * 1000):
            with _raises(InvalidRequest, msg=f"the cursor {cursor!r} was accepted"):
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

    def test_a_check_leaves_nothing_behind(self) -> None:
        self.backend.incr("page", PRETZEL)
        self.backend.check()
        assert list(self.backend.iter_targets()) == [("page", {PRETZEL: 1})]

    def test_instances_are_kept_apart(self) -> None:
        with self.make(f"{self.instance}-other") as other:
            self.backend.incr("page", PRETZEL)
            assert other.incr("page", HEART) == {HEART: 1}
            assert self.backend.counts(["page"]) == [{PRETZEL: 1}]
            assert list(other.iter_targets()) == [("page", {HEART: 1})]
            assert other.top() == [("page", {HEART: 1})]

    def test_what_moves_belongs_to_one_instance(self) -> None:
        with self.make(f"{self.instance}-other") as other:
            other.incr("old", HEART)
            self.backend.incr("old", PRETZEL)
            self.backend.rename("old", "new")
            self.backend.delete(["old"])
            assert list(other.iter_targets()) == [("old", {HEART: 1})]

    def test_counts_are_there_after_a_new_connection(self) -> None:
        self.backend.incr("page", PRETZEL)
        self.backend.disconnect()
        assert not self.backend.is_connected()
        self.backend.connect()
        assert self.backend.is_connected()
        assert self.backend.incr("page", PRETZEL) == {PRETZEL: 2}

    def test_connecting_and_disconnecting_twice_does_nothing(self) -> None:
        self.backend.connect()
        self.backend.incr("page", PRETZEL)
        self.backend.disconnect()
        self.backend.disconnect()
        self.make(self.instance).disconnect()

    def test_a_backend_that_is_not_connected_says_so(self) -> None:
        self.backend.disconnect()
        uses: list[Callable[[], object]] = [
            lambda: self.backend.incr("page", PRETZEL),
            lambda: self.backend.counts(["page"]),
            lambda: self.backend.list(),
            lambda: self.backend.top(),
            lambda: self.backend.check(),
            lambda: self.backend.at_least([("page", {PRETZEL: 1})]),
            lambda: self.backend.delete(["page"]),
            lambda: self.backend.rename("page", "other"),
        ]
        for use in uses:
            with _raises(BackendNotConnected, msg="a disconnected backend was used"):
                use()

    def test_disconnecting_under_load_stores_what_was_acknowledged(self) -> None:
        acknowledged: list[Counts] = []

        def react() -> None:
            try:
                while True:
                    acknowledged.append(self.backend.incr("hot", PRETZEL))
                    if len(acknowledged) >= 40:
                        enough.set()
            except BackendNotConnected:
                return

        enough = threading.Event()
        threads = [threading.Thread(target=react) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        self.backend.disconnect()
        for thread in threads:
            thread.join()
        self.backend.connect()
        assert self.backend.counts(["hot"]) == [{PRETZEL: len(acknowledged)}]
