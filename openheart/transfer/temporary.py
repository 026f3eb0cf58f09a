"""A temporary folder. Its errors name the folder, because they are not about the user's file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import BackendError, TransferError

__all__ = ["temporary_folder", "writing_to"]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, which is removed at the end with its contents.

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
    """Name the folder, and TMPDIR, in the errors of files in it.

    Args:
        folder: the folder, or the one where it is to be made.

    Raises:
        TransferError: a file, or the temporary storage in the folder, cannot be used.
    """
    try:
        yield
    except (OSError, BackendError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise TransferError(
            f"the temporary folder {folder} cannot be used ({reason}): make room and let this user write "
            "there, or set TMPDIR to another folder"
        ) from error
