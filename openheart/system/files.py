"""Files that only their owner should read."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["open_private"]


def open_private(path: str | Path, flags: int, like: Path | None = None) -> int:
    """Open a file as ``os.open`` does; if that creates it, only its owner may read and write it.

    Args:
        path: the file.
        flags: those of ``os.open``.
        like: a file whose owner and mode a new file gets, where it exists: root can open the files of a
            service without locking it out. A user who is not root can only give it the group.

    Returns:
        The descriptor.

    Raises:
        OSError: it cannot be opened.
    """
    flags |= getattr(os, "O_CLOEXEC", 0)
    if not flags & os.O_CREAT:
        return os.open(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags, 0o600)
    if like is not None and sys.platform != "win32":
        with suppress(FileNotFoundError, PermissionError):
            found = os.stat(like)
            os.fchown(descriptor, found.st_uid if os.geteuid() == 0 else -1, found.st_gid)
            os.fchmod(descriptor, found.st_mode & 0o666)
    return descriptor
