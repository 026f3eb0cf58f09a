"""The formats that can be imported, how a file shows which one it is, and importing it."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import TransferError
from ..protocol import canonical_target, target_from_url
from ..storage.backend import Counts
from ..storage.capabilities import Movable
from ..system.text import counted
from . import api_oh, csv_table, flask_openheart, jsonl
from .copying import Advance, Progress, copy, silently
from .foreign import Reaction
from .staging import Problems, staged

__all__ = ["FORMATS", "detect", "import_file"]

FORMATS = ("openheart", "flask-openheart", "api-oh", "csv")
"""The names of the formats."""

_CHUNK = 65536  # bytes that are read at once
_SQLITE = b"SQLite format 3\0"


def detect(path: Path) -> str:
    """Which format a file has, from its first bytes and its name.

    Raises:
        TransferError: it cannot be read, or its format is not known.
    """
    with _opened(path) as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(_SQLITE):
        return "flask-openheart"
    if head.startswith(b"["):
        return "api-oh"
    if head.startswith(b"{"):
        return "openheart" if head.startswith((b'{"target"', b'{"counts"')) else "api-oh"
    if path.suffix.lower() == ".csv" or head.split(b"\n")[0].count(b",") == 2:
        return "csv"
    raise TransferError(f"{path} has no known format: name one of {', '.join(FORMATS)} with --format")


def import_file(
    path: Path,
    form: str,
    to: Movable,
    *,
    skip: bool = False,
    query: Collection[str] = (),
    drop_query: bool = False,
    progress: Progress = silently,
) -> tuple[int, Problems]:
    """Raise the counts in a storage to those of a file. Importing the same file again changes nothing more.

    Args:
        path: the file.
        form: one of FORMATS.
        to: the storage, connected.
        skip: skip entries that cannot be used. Otherwise they are an error: a file in openheart's own
            format is imported up to there, a file in another format not at all.
        query: the names of the parameters that tell pages apart (OPENHEART_QUERY).
        drop_query: leave other parameters out of addresses; otherwise an entry that has some cannot be
            used. In openheart's own format targets are written as they are stored, so this changes nothing.
        progress: called at the start of each step.

    Returns:
        How many targets were imported, and what was skipped.

    Raises:
        TransferError: the file cannot be used; names the place.
        BackendError: of the storage; it can be called again.
    """
    problems = Problems()
    if form == "openheart":
        with _watched(path, "Importing", progress) as file:
            return copy(_own(file, path, skip, query, problems), to), problems
    # flask-openheart has its slugs decoded, so a question mark there may be one of the path.
    read = canonical_target if form == "flask-openheart" else target_from_url
    spell = partial(read, query=query, strict=not drop_query)
    with _reactions(path, form, progress) as reactions, staged(reactions, spell, problems) as stage:
        if problems.number and not skip:
            raise TransferError(
                f"{path}: {counted(problems.number, 'entry', 'entries')} cannot be used, so nothing was "
                "imported; --skip leaves out what cannot be used, and --drop-query the queries of addresses. "
                f"{'; '.join(problems.shown)}"
            )
        with progress("Importing", stage.number_of_targets(), "targets") as advance:
            return copy(stage.iter_targets(), to, advance), problems


def _own(
    lines: Iterable[bytes], path: Path, skip: bool, query: Collection[str], problems: Problems
) -> Iterator[tuple[str, Counts]]:
    for row in jsonl.read_rows(lines, query):
        if not isinstance(row, TransferError):
            yield row
        elif skip:
            problems.add(str(row))
        else:
            raise TransferError(
                f"{path}, {row}; --skip skips such lines. Lines before it may be imported already, and "
                "importing them again changes nothing"
            )


@contextmanager
def _reactions(path: Path, form: str, progress: Progress) -> Iterator[Iterable[Reaction]]:
    if form == "flask-openheart":
        with progress("Reading", flask_openheart.number_of_rows(path), "rows") as advance:
            yield _counted(flask_openheart.read_reactions(path), advance)
        return
    with _watched(path, "Reading", progress) as file:
        yield (api_oh if form == "api-oh" else csv_table).read_reactions(file)


def _counted(reactions: Iterable[Reaction], advance: Advance) -> Iterator[Reaction]:
    for reaction in reactions:
        yield reaction
        advance(1)


class _Watched(io.FileIO):
    """A file that reports how many bytes of it were read."""

    advance: Advance

    def readinto(self, buffer: Any, /) -> int:
        number = super().readinto(buffer)
        self.advance(number)
        return number


@contextmanager
def _watched(path: Path, step: str, progress: Progress) -> Iterator[BinaryIO]:
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        # A pipe has no size.
        with progress(step, size or None, "bytes") as advance, _Watched(file.fileno(), closefd=False) as raw:
            raw.advance = advance
            yield io.BufferedReader(raw, _CHUNK)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise TransferError(f"{path} cannot be read ({error.strerror}): name a file of counts") from error
    with file:
        yield file
