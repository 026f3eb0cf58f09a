"""The SQLite file of flask-openheart: a table ``openheart`` of slug, reaction and count."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from ..errors import TransferError
from .foreign import Reaction, count_of

__all__ = ["number_of_rows", "read_reactions"]


def number_of_rows(path: Path) -> int:
    """How many rows the table has; raises as ``read_reactions``."""
    with _opened(path) as connection:
        return int(connection.execute("SELECT count(*) FROM openheart").fetchone()[0])


def read_reactions(path: Path) -> Iterator[Reaction]:
    """Read the rows of the table. The file is only read.

    Raises:
        TransferError: it is another file.
    """
    with _opened(path) as connection:
        rows = connection.execute("SELECT slug, reaction, count FROM openheart")
        for number, (slug, reaction, count) in enumerate(rows, 1):
            yield Reaction(f"row {number}", str(slug), str(reaction), count_of(count))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise TransferError(
            f"{path} is not a file of flask-openheart ({error}): expected a table openheart with slug, "
            "reaction and count. A file of openheart itself moves with: openheart migrate sqlite:///FILE TO"
        ) from None
