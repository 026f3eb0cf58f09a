from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from openheart.errors import BackendError, BackendUnusable, OutcomeUnknown
from openheart.storage import Change
from openheart.storage.contract_backend import in_threads
from openheart.storage.mongodb import moves
from openheart.storage.mongodb.backend import COLLECTION, MongoBackend

from ...engines import get_engine
from ...servers.mongodb import MongoServer
from ...servers.mongodb_proxy import MongoProxy
from ...waiting import PATIENCE


@pytest.fixture(scope="module")
def server(mongodb_alone: MongoServer) -> MongoServer:
    mongodb_alone.empty()
    return mongodb_alone


@pytest.fixture
def proxy(server: MongoServer) -> Iterator[MongoProxy]:
    with MongoProxy(server.uri) as made:
        yield made


@pytest.fixture
def backend(proxy: MongoProxy) -> Iterator[MongoBackend]:
    # A lone server's lost answer is an unknown outcome, so a busy machine gets more time.
    made = get_engine(proxy.uri, instance=uuid.uuid4().hex, timeout=PATIENCE)
    assert isinstance(made, MongoBackend)
    with made:
        made.apply([Change("old", "🥨", 2), Change("old", "❤️"), Change("new", "🥨", 3)])
        yield made


def documents(server: MongoServer, backend: MongoBackend) -> dict[str, dict[str, Any]]:
    with server.client() as client:
        rows = [*client["openheart"][COLLECTION].find({"i": backend.instance})]
    return {row["target"]: row for row in rows}


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_rename_whose_answers_are_lost_is_finished_by_the_next_call(
    server: MongoServer, backend: MongoBackend, proxy: MongoProxy, lost: int
) -> None:
    for _ in range(lost):
        proxy.lose("update")
        with pytest.raises(OutcomeUnknown):
            backend.rename("old", "new")
    assert backend.rename("old", "new") == {"🥨": 5, "❤️": 1}
    assert backend.rename("old", "new") == {"🥨": 5, "❤️": 1}
    assert dict(backend.iter_targets()) == {"new": {"🥨": 5, "❤️": 1}}
    assert [*documents(server, backend)] == ["new"]


def test_a_rename_that_ended_after_each_step_is_finished_by_the_next_call(
    server: MongoServer, backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(moves, "_merge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            backend.rename("old", "new")
    assert backend.counts(["old", "new"]) == [{}, {"🥨": 3}]
    assert dict(backend.iter_targets()) == {"new": {"🥨": 3}}
    # A reaction that comes meanwhile is moved with the rest.
    assert backend.incr("old", "👍") == {"👍": 1}
    assert backend.rename("old", "new") == {"🥨": 5, "❤️": 1, "👍": 1}
    assert backend.counts(["old"]) == [{}]


def test_what_was_begun_towards_another_page_is_finished_there_first(
    backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(moves, "_finish", lambda *_: None)
        backend.rename("old", "first")
    backend.incr("old", "👍")
    assert backend.rename("old", "second") == {"👍": 1}
    assert backend.counts(["first"]) == [{"🥨": 2, "❤️": 1}]


def test_two_that_finish_the_same_rename_add_it_once(
    backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(moves, "_finish", lambda *_: None)
        backend.rename("old", "new")
    in_threads(8, lambda: backend.rename("old", "new"))
    assert backend.counts(["old", "new"]) == [{}, {"🥨": 5, "❤️": 1}]


def test_a_page_remembers_its_merges_when_it_is_renamed_away_itself(
    server: MongoServer, backend: MongoBackend
) -> None:
    backend.rename("old", "new")
    backend.rename("new", "third")
    assert dict(backend.iter_targets()) == {"third": {"🥨": 5, "❤️": 1}}
    assert "c" not in documents(server, backend)["new"]
    assert backend.incr("new", "👍") == {"👍": 1}


def test_a_deletion_takes_what_is_left_of_a_rename_too(
    server: MongoServer, backend: MongoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(moves, "_finish", lambda *_: None)
        backend.rename("old", "new")
    backend.delete(["old", "new"])
    assert documents(server, backend) == {}


def test_counts_that_move_in_while_answers_are_lost_are_not_added_twice(
    backend: MongoBackend, proxy: MongoProxy
) -> None:
    rows = [("old", {"🥨": 9}), ("x", {"❤️": 4})]
    for _ in range(3):
        proxy.lose("update")
        with pytest.raises(OutcomeUnknown):
            backend.at_least(rows)
    backend.at_least(rows)
    assert backend.counts(["old", "x"]) == [{"🥨": 9, "❤️": 1}, {"❤️": 4}]


def test_threads_that_move_the_same_targets_in_at_once_all_succeed(backend: MongoBackend) -> None:
    rows = [(f"page/{number}", {"🥨": number + 1}) for number in range(200)]
    in_threads(6, lambda: backend.at_least(rows))
    assert backend.counts([target for target, _ in rows]) == [counts for _, counts in rows]


@pytest.mark.parametrize("code", [13, 11000])
def test_what_the_server_refuses_is_an_error(server: MongoServer, backend: MongoBackend, code: int) -> None:
    server.fail("update", errorCode=code, times=10)
    try:
        with pytest.raises(BackendError):
            backend.at_least([("x", {"🥨": 1})])
        with pytest.raises(BackendUnusable):
            backend.rename("old", "new")
    finally:
        server.fail("none", times=1)
    assert backend.rename("old", "new") == {"🥨": 5, "❤️": 1}


@pytest.mark.parametrize("command", ["update", "findAndModify"])
def test_a_document_that_another_process_creates_at_the_same_moment_is_no_error(
    server: MongoServer, backend: MongoBackend, command: str
) -> None:
    server.fail(command, errorCode=11000, times=2)
    try:
        backend.at_least([("x", {"🥨": 1})])
        assert backend.rename("old", "new") == {"🥨": 5, "❤️": 1}
        assert backend.incr("x", "🥨") == {"🥨": 2}
    finally:
        server.fail("none", times=1)
