"""Writes all counts as JSON Lines, page by page; an interrupted export can be continued."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import InvalidRequest, TransferError
from ..storage.backend import Rows
from ..storage.capabilities import Listed, pages_of
from ..system.files import open_private
from .copying import Advance, batches, nothing
from .jsonl import write_row

__all__ = ["export_file", "export_lines"]


@dataclass(frozen=True, slots=True)
class _Position:
    """Where an export continues: written beside the file after each page."""

    location: str
    instance: str | None
    prefix: str
    cursor: str | None
    size: int
    targets: int


def export_lines(backend: Listed, prefix: str = "", advance: Advance = nothing) -> Iterator[bytes]:
    """The lines of every target, many at a time.

    Args:
        backend: the storage, connected.
        prefix: only targets that start with it.
        advance: called with the number of targets.

    Raises:
        BackendError: of the storage.
    """
    for batch in batches(backend.iter_targets(prefix)):
        yield _lines(batch)
        advance(len(batch))


def export_file(
    backend: Listed, path: Path, prefix: str = "", *, again: bool = False, advance: Advance = nothing
) -> tuple[int, int]:
    """Write the lines of every target to a file, which appears when it is complete.

    Until then its name ends with ``.part``, and a file ``.resume`` beside it says where to continue: the next
    call with the same storage and prefix does. If the storage no longer knows that place, the export starts
    from the beginning. A new file can be read by its owner only; one that is replaced keeps its mode.

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
    start = _Position(backend.location, backend.instance, prefix, cursor=None, size=0, targets=0)
    try:
        position = start if again else _read(note, draft, start)
        try:
            written = _write(backend, draft, note, position, advance)
        except InvalidRequest:
            if position is start:
                raise
            position = start
            written = _write(backend, draft, note, start, advance)
        with suppress(FileNotFoundError):
            shutil.copymode(path, draft)
        draft.replace(path)
        note.unlink(missing_ok=True)
    except OSError as error:
        raise TransferError(
            f"{path} cannot be written ({error.strerror}): make room, or name another file; then the same "
            "command continues"
        ) from error
    return written, position.targets


def _write(backend: Listed, draft: Path, note: Path, start: _Position, advance: Advance) -> int:
    with open(draft, "r+b" if start.cursor else "wb", opener=open_private) as file:
        file.truncate(start.size)
        file.seek(start.size)
        written = start.targets
        for number, page in enumerate(pages_of(backend, start.prefix, start.cursor)):
            if number == 0 and start.cursor:
                advance(start.targets)
            file.write(_lines(page.targets))
            written += len(page.targets)
            advance(len(page.targets))
            if page.cursor is not None:
                file.flush()
                _note(note, replace(start, cursor=page.cursor, size=file.tell(), targets=written))
        file.flush()
        os.fsync(file.fileno())
    return written


def _note(note: Path, position: _Position) -> None:
    draft = note.with_name(f"{note.name}.new")
    with open(draft, "w", encoding="utf-8", opener=open_private) as file:
        json.dump(asdict(position), file, ensure_ascii=False)
    draft.replace(note)


def _read(note: Path, draft: Path, start: _Position) -> _Position:
    try:
        position = _Position(**json.loads(note.read_text(encoding="utf-8")))
        is_whole = draft.stat().st_size >= position.size
    except (OSError, ValueError, TypeError):
        return start
    is_same = start == replace(position, cursor=None, size=0, targets=0)
    return position if is_same and is_whole else start


def _lines(rows: Rows) -> bytes:
    return b"".join(write_row(target, counts) for target, counts in rows)
