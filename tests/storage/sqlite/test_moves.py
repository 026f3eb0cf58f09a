from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from openheart.errors import BackendUnusable
from openheart.storage import Change

from ...engines import Engine, get_engine

URI = "sqlite:///x.db"


@pytest.fixture
def backend() -> Iterator[Engine]:
    with get_engine(URI) as made:
        made.apply([Change("old", "🥨", 2), Change("new", "🥨", 3)])
        yield made


def test_another_process_sees_at_once_what_was_moved(backend: Engine) -> None:
    with get_engine(URI) as other:
        assert other.counts(["old", "new"]) == [{"🥨": 2}, {"🥨": 3}]
        backend.rename("old", "new")
        assert other.counts(["old", "new"]) == [{}, {"🥨": 5}]
        assert other.incr("new", "🥨") == {"🥨": 6}
        backend.delete(["new"])
        assert other.counts(["new"]) == [{}]
        assert other.incr("new", "🥨") == {"🥨": 1}


def test_a_move_that_fails_halfway_changes_nothing(backend: Engine) -> None:
    connection = sqlite3.connect("x.db")
    connection.execute(
        "CREATE TRIGGER no BEFORE DELETE ON reaction BEGIN SELECT RAISE(ABORT, 'not now'); END"
    )
    with pytest.raises(BackendUnusable, match="not now"):
        backend.rename("old", "new")
    with pytest.raises(BackendUnusable, match="not now"):
        backend.delete(["none", "old"])
    assert backend.counts(["old", "new"]) == [{"🥨": 2}, {"🥨": 3}]
    connection.execute("DROP TRIGGER no")
    connection.close()
    assert backend.rename("old", "new") == {"🥨": 5}
    assert backend.counts(["old"]) == [{}]
