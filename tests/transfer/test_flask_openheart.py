from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from openheart.errors import TransferError
from openheart.storage import get_backend
from openheart.transfer.flask_openheart import read_reactions


def make(path: Path, rows: list[tuple[object, object, object]]) -> None:
    """A file as flask-openheart 0.0.1 makes it."""
    connection = sqlite3.connect(path.absolute())
    connection.execute(
        "CREATE TABLE openheart (slug TEXT, reaction TEXT, count INT DEFAULT 1, PRIMARY KEY (slug, reaction))"
    )
    connection.executemany("INSERT INTO openheart VALUES (?,?,?)", rows)
    connection.commit()
    connection.close()


def test_the_rows_are_read_and_the_file_is_left_as_it_is() -> None:
    path = Path("file:openheart ?#.db")
    make(path, [("page.a", "🥨", 3), ("page.a", "❤️", 1), ("index", "🥨", None)])
    before = path.read_bytes()
    assert [(row.place, row.target, row.emoji, row.times) for row in read_reactions(path)] == [
        ("row 1", "page.a", "🥨", 3),
        ("row 2", "page.a", "❤️", 1),
        ("row 3", "index", "🥨", None),
    ]
    assert path.read_bytes() == before
    assert [each.name for each in Path().iterdir()] == [path.name]


def test_another_file_is_named() -> None:
    Path("text").write_text("x" * 5000)
    with pytest.raises(
        TransferError, match="text is not a file of flask-openheart.*expected a table openheart"
    ):
        list(read_reactions(Path("text")))


def test_a_file_of_openheart_itself_is_told_how_it_moves() -> None:
    with get_backend("sqlite:///own.db") as backend:
        backend.incr("a", "🥨")
    with pytest.raises(TransferError, match="openheart migrate"):
        list(read_reactions(Path("own.db")))


def test_a_file_that_is_not_there_is_not_made() -> None:
    with pytest.raises(TransferError, match="unable to open"):
        list(read_reactions(Path("none.db")))
    assert not Path("none.db").exists()
