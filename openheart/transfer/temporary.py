"""A temporary folder, whose faults are told as ours: they are the machine's and not the file's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import BackendError, TransferError

__all__ = ["temporary_folder", "writing_to"]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, which goes at the end with all that is in it.

    Raises:
        TransferError: it cannot be made.
    """
    try:
        parent = tempfile.gettempdir()
    except OSError as error:
        raise TransferError(
            f"there is no temporary folder ({error.strerror}): set TMPDIR to one where this user may write"
        ) from error
    with writing_to(Path(parent)):
        made = tempfile.TemporaryDirectory(prefix="openheart-", dir=parent)
    with made as name:
        yield Path(name)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Name the folder, and TMPDIR, in what goes wrong with its files within.

    Args:
        folder: the folder, or the one where it shall be made.

    Raises:
        TransferError: a file, or the storage that is in the folder for a while, cannot be used.
    """
    try:
        yield
    except (OSError, BackendError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise TransferError(
            f"the temporary folder {folder} cannot be used ({reason}): make room and let this user write "
            "there, or set TMPDIR to another folder"
        ) from error
