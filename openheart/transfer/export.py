"""Writes all counts as JSON Lines, page by page; an interrupted export can be continued."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ..errors import InvalidRequest, TransferError
from ..storage.backend import Backend, Listing, Rows
from .copying import BATCH, Advance, nothing
from .jsonl import write_row

__all__ = ["export_file", "export_lines"]


@dataclass(frozen=True, slots=True)
class _Position:
    """Where an interrupted export continues: written beside the file after each page."""

    location: str
    instance: str | None
    prefix: str
    cursor: str
    size: int
    targets: int


def export_lines(backend: Backend, prefix: str = "", advance: Advance = nothing) -> Iterator[bytes]:
    """The lines of every target, many at a time.

    Args:
        backend: the storage, connected.
        prefix: only targets that start with it.
        advance: called with the number of targets.

    Raises:
        BackendError: of the storage.
    """
    rows = backend.iter_targets(prefix)
    while batch := [*islice(rows, BATCH)]:
        yield _lines(batch)
        advance(len(batch))


def export_file(
    backend: Backend, path: Path, prefix: str = "", *, again: bool = False, advance: Advance = nothing
) -> tuple[int, int]:
    """Write the lines of every target to a file, which appears when it is complete.

    Until then its name ends with ``.part``, and a file ``.resume`` beside it says where to continue: the next
    call with the same storage and prefix does. If the storage no longer knows that place, the export starts
    from the beginning.

    Args:
        backend: the storage, connected.
        path: the file; an existing one is replaced at the end.
        prefix: only targets that start with it.
        again: start from the beginning in any case.
        advance: called with the number of targets, those of the interrupted call first.

    Returns:
        How many targets the file has, and how many of them an interrupted call had written.

    Raises:
        TransferError: the file cannot be written.
        BackendError: of the storage; call it again to continue.
    """
    note = path.with_name(f"{path.name}.resume")
    draft = path.with_name(f"{path.name}.part")
    try:
        position = None if again else _read(note, draft, backend, prefix)
        try:
            written = _write(backend, draft, note, prefix, position, advance)
        except InvalidRequest:
            if position is None:
                raise
            position = None
            written = _write(backend, draft, note, prefix, None, advance)
        draft.replace(path)
        note.unlink(missing_ok=True)
    except OSError as error:
        raise TransferError(
            f"{path} cannot be written ({error.strerror}): make room, or name another file; then the same "
            "command continues"
        ) from error
    return written, position.targets if position else 0


def _write(
    backend: Backend, draft: Path, note: Path, prefix: str, position: _Position | None, advance: Advance
) -> int:
    with draft.open("r+b" if position else "wb") as file:
        written = 0
        if position is not None:
            file.truncate(position.size)
            file.seek(position.size)
            written = position.targets
        for number, page in enumerate(_pages(backend, prefix, position.cursor if position else None)):
            if number == 0 and position is not None:
                advance(position.targets)
            file.write(_lines(page.targets))
            written += len(page.targets)
            advance(len(page.targets))
            if page.cursor is not None:
                _note(file, note, backend, prefix, page.cursor, written)
        file.flush()
        os.fsync(file.fileno())
    return written


def _note(file: BinaryIO, note: Path, backend: Backend, prefix: str, cursor: str, targets: int) -> None:
    file.flush()
    position = _Position(backend.location, backend.instance, prefix, cursor, file.tell(), targets)
    draft = note.with_name(f"{note.name}.new")
    draft.write_text(json.dumps(asdict(position), ensure_ascii=False), encoding="utf-8")
    draft.replace(note)


def _read(note: Path, draft: Path, backend: Backend, prefix: str) -> _Position | None:
    try:
        position = _Position(**json.loads(note.read_text(encoding="utf-8")))
        is_whole = draft.stat().st_size >= position.size
    except (OSError, ValueError, TypeError):
        return None
    same = (position.location, position.instance, position.prefix) == (
        backend.location,
        backend.instance,
        prefix,
    )
    return position if same and is_whole else None


def _pages(backend: Backend, prefix: str, cursor: str | None) -> Iterator[Listing]:
    while True:
        page = backend.list(prefix, cursor, BATCH)
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def _lines(rows: Rows) -> bytes:
    return b"".join(write_row(target, counts) for target, counts in rows)
