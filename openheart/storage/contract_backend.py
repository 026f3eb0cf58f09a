"""The part of the contract that every backend must keep."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from unittest import TestCase

from ..errors import BackendNotConnected, OutcomeUnknown
from .backend import Backend, Counts
from .capabilities import Batched, Capped, Listed, Movable
from .uri import get_backend

__all__ = ["FAMILY", "HEART", "HOSTILE", "PRETZEL", "BackendContract", "in_threads", "raises", "refuse"]

PRETZEL, HEART, FAMILY = "🥨", "❤️", "👨‍👩‍👧‍👦"

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

raises = TestCase().assertRaises

_CHILD = """
import sys
from openheart.storage import get_backend
uri, instance, target, emoji, times = sys.argv[1:]
with get_backend(uri, instance=instance) as backend:
    for _ in range(int(times)):
        backend.incr(target, emoji)
"""


class BackendContract:
    """The suite for every backend. Each test works in its own INSTANCE and leaves its rows there; where the
    backend does not separate instances, ``make`` must give each test an empty storage.

    Attributes:
        backend: the backend under test, connected.
        uri: where the storage under test is.
        is_shared: whether several processes and objects with this URI see the same counts.
        processes: how many processes write at once.
    """

    backend: Any
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
        self.backend.__enter__()

    def teardown_method(self) -> None:
        """Close the backend."""
        self.backend.disconnect()

    def test_each_capability_has_its_contract_here(self) -> None:
        contracts = {each.__name__ for each in type(self).__mro__}
        for capability in (Batched, Capped, Listed, Movable):
            name = f"{capability.__name__}Contract"
            assert isinstance(self.backend, capability) == (name in contracts), name

    def test_a_target_without_reactions_has_no_counts(self) -> None:
        assert self.backend.counts(["nothing"]) == [{}]
        assert list(self.backend.iter("nothing")) == []

    def test_a_reaction_answers_the_counts_after_it(self) -> None:
        assert self.backend.add("page", PRETZEL) == {PRETZEL: 1}
        assert self.backend.add("page", HEART) == {PRETZEL: 1, HEART: 1}
        assert self.backend.add("page", PRETZEL) == {PRETZEL: 2, HEART: 1}
        assert self.backend.counts(["page"]) == [{PRETZEL: 2, HEART: 1}]
        assert dict(self.backend.iter("page")) == {PRETZEL: 2, HEART: 1}

    def test_hostile_targets_are_kept_apart(self) -> None:
        for number, target in enumerate(HOSTILE):
            for count in range(number % 3 + 1):
                assert self.backend.add(target, PRETZEL) == {PRETZEL: count + 1}
        assert self.backend.counts(HOSTILE) == [{PRETZEL: number % 3 + 1} for number in range(len(HOSTILE))]

    def test_every_form_of_an_emoji_is_counted_by_itself(self) -> None:
        emoji = [PRETZEL, HEART, FAMILY, "👍", "👍🏽", "🇵🇹", "1️⃣"]
        for each in emoji:
            self.backend.incr("emoji", each)
        assert self.backend.counts(["emoji"]) == [dict.fromkeys(emoji, 1)]

    def test_a_batch_keeps_the_order_of_the_targets_and_repeats_them(self) -> None:
        self.backend.incr("a", PRETZEL)
        self.backend.incr("b", HEART)
        assert self.backend.counts(["b", "none", "a", "b"]) == [{HEART: 1}, {}, {PRETZEL: 1}, {HEART: 1}]

    def test_reads_see_what_another_object_wrote(self) -> None:
        if not self.is_shared:
            return
        with self.make(self.instance) as other:
            for number in range(1, 50):
                assert other.add("page", PRETZEL) == {PRETZEL: number}
                assert self.backend.counts(["page"]) == [{PRETZEL: number}]

    def test_threads_lose_nothing(self) -> None:
        in_threads(4, lambda: [self.backend.incr("hot", PRETZEL) for _ in range(25)])
        assert self.backend.counts(["hot"]) == [{PRETZEL: 100}]

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

    def test_a_check_leaves_nothing_behind(self) -> None:
        self.backend.incr("page", PRETZEL)
        self.backend.check()
        assert self.backend.counts(["page"]) == [{PRETZEL: 1}]

    def test_instances_are_kept_apart(self) -> None:
        if not self.backend.separates_instances:
            return
        with self.make(f"{self.instance}-other") as other:
            self.backend.incr("page", PRETZEL)
            assert other.add("page", HEART) == {HEART: 1}
            assert self.backend.counts(["page"]) == [{PRETZEL: 1}]

    def test_counts_are_there_after_a_new_connection(self) -> None:
        self.backend.add("page", PRETZEL)
        self.backend.disconnect()
        assert not self.backend.is_connected()
        self.backend.__enter__()
        assert self.backend.is_connected()
        assert self.backend.add("page", PRETZEL) == {PRETZEL: 2}

    def test_disconnecting_twice_or_unconnected_does_nothing(self) -> None:
        self.backend.incr("page", PRETZEL)
        self.backend.disconnect()
        self.backend.disconnect()
        self.make(self.instance).disconnect()

    def test_a_backend_that_is_not_connected_says_so(self) -> None:
        self.backend.disconnect()
        uses: list[Callable[[], object]] = [
            lambda: self.backend.incr("page", PRETZEL),
            lambda: list(self.backend.iter("page")),
            lambda: self.backend.check(),
        ]
        refuse(uses)

    def test_disconnecting_under_load_stores_what_was_acknowledged(self) -> None:
        acknowledged: list[Counts] = []
        unknown: list[OutcomeUnknown] = []

        def react() -> None:
            try:
                while True:
                    acknowledged.append(self.backend.add("hot", PRETZEL))
                    if len(acknowledged) >= 40:
                        enough.set()
            except BackendNotConnected:
                return
            except OutcomeUnknown as error:
                unknown.append(error)

        enough = threading.Event()
        threads = [threading.Thread(target=react) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        self.backend.disconnect()
        for thread in threads:
            thread.join()
        self.backend.__enter__()
        stored = dict(self.backend.iter("hot"))[PRETZEL] - len(acknowledged)
        assert 0 <= stored <= len(unknown)
        assert not (unknown and isinstance(self.backend, Batched))


def in_threads(number: int, work: Callable[[], object]) -> None:
    with ThreadPoolExecutor(number) as threads:
        for running in [threads.submit(work) for _ in range(number)]:
            running.result()


def refuse(uses: Iterable[Callable[[], object]]) -> None:
    for use in uses:
        with raises(BackendNotConnected, msg="a disconnected backend was used"):
            use()
