"""The SQLite file of flask-openheart: a table ``openheart`` of slug, reaction and count."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from ..errors import TransferError
from .foreign import Reaction, count_of

__all__ = ["read_reactions"]


def read_reactions(path: Path) -> Iterator[Reaction]:
    """Read the rows of the table. The file is only read.

    Raises:
        TransferError: it is another file.
    """
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            rows = connection.execute("SELECT slug, reaction, count FROM openheart")
            for number, (slug, reaction, count) in enumerate(rows, 1):
                yield Reaction(f"row {number}", str(slug), str(reaction), count_of(count))
    except sqlite3.Error as error:
        raise TransferError(
            f"{path} is not a file of flask-openheart ({error}): expected a table openheart with slug, "
            "reaction and count. A file of openheart itself moves with: openheart migrate sqlite:///FILE TO"
        ) from None
