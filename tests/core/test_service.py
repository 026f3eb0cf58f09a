"""Check, admit, store, announce."""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from openheart import reaction_added
from openheart.core.service import Service
from openheart.errors import BackendError, BackendUnavailable, BackendUnusable, InvalidEmoji, OnHold
from openheart.protocol import Policy
from openheart.storage import Backend, Counts
from openheart.storage.memory.backend import MemoryBackend

from ..child import run_child

SENDER = Flask("sender")

FORK = """
import contextlib, json, logging, os, signal, sys, threading
from openheart.protocol import Policy
from openheart.core.service import Service
from openheart.storage.memory.backend import MemoryBackend

me = os.getpid()
where = sys.argv[1]
is_inside, may_go_on = threading.Event(), threading.Event()

def stop_at(place):
    if place == where and os.getpid() == me:
        is_inside.set()
        may_go_on.wait()

class Slow(MemoryBackend):
    adds_up = False
    def connect(self, *args):
        stop_at("connect")
        super().connect(*args)
    def apply(self, changes):
        stop_at("apply")
        return super().apply(changes)

service = Service(Slow, Policy(), sender=None, hold=False, stale=60, logger=logging.getLogger())
worker = threading.Thread(target=service.react, args=("page", "🥨"))
if where == "remember":
    is_inside.set()
    stopped = service._last._lock.here
else:
    stopped = contextlib.nullcontext()
    worker.start()
is_inside.wait()
with stopped:
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        found = [service.react("page", "🥨"), service.react("page", "🥨")]
        os._exit(0 if found == [{"🥨": 1}, {"🥨": 2}] else 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
may_go_on.set()
if where == "remember":
    worker.start()
worker.join()
print(json.dumps([status, service.reactions("page")]))
service.close()
"""


def make_service(*, hold: bool = False, stale: float = 0.0, backends: list[Backend] | None = None) -> Service:
    def make() -> Backend:
        return backends.pop(0) if backends else MemoryBackend()

    return Service(
        make, Policy(), sender=SENDER, hold=hold, stale=stale, logger=logging.getLogger("openheart.test")
    )


@pytest.fixture
def heard() -> Any:
    """What the listeners of reaction_added were told."""
    told: list[tuple[object, dict[str, Any]]] = []

    def listen(sender: object, **data: Any) -> None:
        told.append((sender, data))

    with reaction_added.connected_to(listen, sender=SENDER):
        yield told


def test_a_stored_reaction_is_announced_with_its_counts(heard: Any) -> None:
    service = make_service()
    service.react("a", "❤=trailing")
    service.react("a", "🥨")
    assert heard == [
        (SENDER, {"target": "a", "emoji": "❤️", "counts": {"❤️": 1}}),
        (SENDER, {"target": "a", "emoji": "🥨", "counts": {"❤️": 1, "🥨": 1}}),
    ]


def test_what_is_refused_is_not_announced(heard: Any) -> None:
    with pytest.raises(InvalidEmoji):
        make_service().react("a", "text")
    with pytest.raises(OnHold):
        make_service(hold=True).react("a", "🥨")
    assert heard == []


def test_a_listener_that_raises_is_logged_and_costs_nobody_anything(
    heard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(sender: object, **data: Any) -> None:
        raise ValueError("the listener's own fault")

    service = make_service()
    with reaction_added.connected_to(fail, sender=SENDER):
        assert service.react("a", "🥨") == {"🥨": 1}
    assert len(heard) == 1
    assert "the listener's own fault" in caplog.text


def test_a_listener_may_change_the_counts_it_is_given() -> None:
    def empty(sender: object, counts: dict[str, int], **data: Any) -> None:
        counts.clear()

    service = make_service()
    with reaction_added.connected_to(empty, sender=SENDER):
        assert service.react("a", "🥨") == {"🥨": 1}


def test_a_storage_that_could_not_be_opened_is_tried_again_at_the_next_use() -> None:
    class Broken(MemoryBackend):
        def connect(self, *_: Any, **__: Any) -> None:
            raise BackendUnusable("no disk")

    service = make_service(backends=[Broken(), MemoryBackend()])
    with pytest.raises(BackendError, match="no disk"):
        service.react("a", "🥨")
    assert service.react("a", "🥨") == {"🥨": 1}


def test_closing_it_twice_is_fine_and_the_next_use_opens_it_again() -> None:
    service = make_service()
    service.react("a", "🥨")
    service.close()
    service.close()
    assert not service.is_open
    assert service.reactions("a") == {}


def test_top_and_targets_show_what_is_stored() -> None:
    service = make_service()
    for target in ("a", "b", "b"):
        service.react(target, "🥨")
    assert service.top(1) == [("b", {"🥨": 2})]
    assert sorted(target for target, _ in service.targets().targets) == ["a", "b"]
    assert service.reactions_of(["b", "c"]) == [{"🥨": 2}, {}]


def test_counts_have_the_largest_first_and_equal_ones_in_code_point_order_wherever_they_are_read(
    heard: Any,
) -> None:
    service = make_service(stale=60)
    for emoji in ("🥨", "🎉", "❤️", "❤️"):
        service.react("page", emoji)

    order = ["❤️", "🎉", "🥨"]
    assert list(heard[-1][1]["counts"]) == order
    assert list(service.react("page", "❤️")) == order
    assert list(service.reactions("page")) == order
    assert [list(counts) for counts in service.reactions_of(["page", "page"])] == [order, order]
    assert list(service.read(["page"])[0][0]) == order
    assert [list(counts) for _, counts in service.targets().targets] == [order]
    assert [list(counts) for _, counts in service.top()] == [order]
    service.close()


class Away(MemoryBackend):
    """A storage that goes away and comes back."""

    away = False

    def counts(self, targets: Sequence[str]) -> list[Counts]:
        if self.away:
            raise BackendUnavailable("away")
        return super().counts(targets)


def test_counts_seen_last_are_shown_while_the_storage_is_away_and_say_their_age() -> None:
    backend = Away()
    service = make_service(stale=60, backends=[backend])
    service.react("a", "🥨")
    assert service.read(["a", "b"]) == ([{"🥨": 1}, {}], None)
    backend.away = True
    counts, age = service.read(["b", "a"])
    assert counts == [{}, {"🥨": 1}]
    assert age is not None
    assert 1 <= age <= 60
    with pytest.raises(BackendUnavailable):
        service.read(["a", "never seen"])
    backend.away = False
    assert service.read(["a"]) == ([{"🥨": 1}], None)


def test_without_the_setting_a_storage_that_is_away_is_an_error() -> None:
    backend = Away()
    service = make_service(backends=[backend])
    service.react("a", "🥨")
    backend.away = True
    with pytest.raises(BackendUnavailable):
        service.read(["a"])


def test_counts_that_are_too_old_are_not_shown() -> None:
    backend = Away()
    service = make_service(stale=1e-9, backends=[backend])
    service.react("a", "🥨")
    backend.away = True
    with pytest.raises(BackendUnavailable):
        service.read(["a"])


def test_reactions_to_one_page_are_added_up_for_a_storage_that_does_not() -> None:
    class Plain(MemoryBackend):
        adds_up = False

    service = make_service(backends=[Plain()])
    with ThreadPoolExecutor(8) as pool:
        answers = [counts["🥨"] for counts in pool.map(lambda _: service.react("a", "🥨"), range(200))]
    assert sorted(answers) == list(range(1, 201))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("where", ["connect", "apply", "remember"])
def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_was_about(where: str) -> None:
    assert json.loads(run_child(FORK, where)) == [0, {"🥨": 1}]


def test_a_storage_that_cannot_be_opened_is_tried_by_one_thread_for_all_that_wait() -> None:
    class Away(MemoryBackend):
        tries = 0

        def connect(self, *_: Any, **__: Any) -> None:
            Away.tries += 1
            assert all_wait.wait(60)
            raise BackendUnavailable("away")

    numbers = itertools.count(1)
    all_wait = threading.Event()
    service = make_service(backends=[Away(), Away()])

    opening = service._opening.here

    class Opening:
        def __enter__(self) -> None:
            if next(numbers) == 8:
                all_wait.set()
            opening.acquire()

        def __exit__(self, *_: object) -> None:
            opening.release()

    service._opening = SimpleNamespace(here=Opening())  # type: ignore[assignment]

    def read() -> None:
        with pytest.raises(BackendUnavailable, match="away"):
            service.reactions("a")

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(read) for _ in range(8)]:
            done.result()
    assert Away.tries == 1
    with pytest.raises(BackendUnavailable):
        service.reactions("a")
    assert Away.tries == 2
    assert service.reactions("a") == {}
