"""A CSV table: target, emoji, count; a first line with these names is skipped."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import TransferError
from .foreign import Reaction, count_of

__all__ = ["read_reactions"]


def read_reactions(file: BinaryIO) -> Iterator[Reaction]:
    """Read the rows of a table in UTF-8, separated by commas.

    Raises:
        TransferError: it is not such a table.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        table = csv.reader(text)
        for row in table:
            place = f"line {table.line_num}"
            cells = [cell.strip() for cell in row]
            if not any(cells) or [cell.lower() for cell in cells] == ["target", "emoji", "count"]:
                continue
            if len(cells) != 3:
                raise TransferError(
                    f"{place}: expected 3 cells, target,emoji,count, and there are {len(cells)}"
                )
            yield Reaction(place, cells[0], cells[1], count_of(cells[2]))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TransferError(f"this is not CSV in UTF-8 ({error}): expected rows target,emoji,count") from None
    finally:
        text.detach()
