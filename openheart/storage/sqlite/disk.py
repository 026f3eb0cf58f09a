"""The disk of the file: whether SQLite's locks work there, whether it is permanent, and its free space."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ...system.finding import Finding

__all__ = ["look_at_file"]

LEAST_DISK = 100 * 1024 * 1024
NETWORK_FILE_SYSTEMS = re.compile(
    r"9p|afs|beegfs|ceph|cifs|drvfs|fuse\.(ceph|gluster|rclone|s3fs|sshfs).*|gfs2?|glusterfs|lustre|ncpfs|nfs\d*|smb.*"
)
MOUNTS = Path("/proc/self/mounts")


def look_at_file(path: Path) -> Iterator[Finding]:
    """Findings about the file, its file system and its disk.

    Args:
        path: the database, which need not exist.
    """
    yield Finding("ok", f"The file is {path}, and SQLite is {sqlite3.sqlite_version}")
    kind = _file_system(path)
    if NETWORK_FILE_SYSTEMS.fullmatch(kind):
        yield Finding(
            "warning",
            f"{path} is on a network file system ({kind}), where SQLite's locks are not reliable",
            "put the file on a local disk with OPENHEART_URI, or use a storage server",
        )
    if kind in ("tmpfs", "ramfs"):
        yield Finding(
            "warning",
            f"{path} is in memory ({kind}) and is lost when the machine restarts",
            "put the file on a disk with OPENHEART_URI",
        )
    # Not Path.is_dir(), which before Python 3.14 raises where a folder above may not be searched.
    folder = next((parent for parent in path.parents if os.path.isdir(parent)), None)
    free = shutil.disk_usage(folder).free if folder else LEAST_DISK
    if free < LEAST_DISK:
        yield Finding(
            "warning",
            f"The disk of {path} has {free // 1024**2} MB left",
            "make room: reactions are refused when the disk is full",
        )


def _file_system(path: Path) -> str:
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        _, mounted, found, *_ = [*line.split(" "), "", "", ""]
        # Spaces and similar characters are written as octal numbers there (proc(5)).
        at = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mounted))
        # A later mount that matches too hides the earlier ones.
        if path.is_relative_to(at) and len(at.parts) >= best:
            best, kind = len(at.parts), found
    return kind
