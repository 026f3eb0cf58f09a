"""The SQLite file: where it is, how it is opened, what must be in it, and what its errors mean."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ...errors import BackendError, BackendUnavailable, BackendUnusable, ConfigError, OutcomeUnknown
from ...system.files import open_private
from ...system.masks import mask_uri
from .header import APPLICATION_ID

__all__ = [
    "MINIMUM_SQLITE",
    "check_library",
    "create_schema",
    "file_identity",
    "named_error",
    "open_connection",
    "path_from_uri",
    "prepare_folder",
    "temporary_path",
]

MINIMUM_SQLITE = (3, 34, 0)
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE reaction (
    instance TEXT NOT NULL,
    target TEXT NOT NULL,
    emoji TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (typeof(count) = 'integer'),
    PRIMARY KEY (instance, target, emoji)
) WITHOUT ROWID
"""


def path_from_uri(uri: str, folder: Path | None) -> Path:
    """The file that a ``sqlite:`` URI names.

    Args:
        uri: three slashes and a path relative to the folder, or four and an absolute one. The path is
            percent-decoded as in any URL (RFC 3986); ``~`` is an ordinary character.
        folder: where a relative path starts; the current folder by default.

    Raises:
        ConfigError: it does not name a file.
    """
    rest = uri.partition(":")[2]
    path = unquote(rest[3:], errors="surrogateescape") if rest.startswith("///") else ""
    if rest in ("", "//", "///", "///:memory:", ":memory:", "//:memory:"):
        raise _refused(uri, "a file such as sqlite:///openheart.db, or memory: for counts that need not last")
    if not rest.startswith("///"):
        near = rest.lstrip("/")
        raise _refused(
            uri, f"three slashes and a path, sqlite:///{near}, or four for an absolute one, sqlite:////{near}"
        )
    if "?" in rest or "#" in rest:
        expected = (
            "a path with nothing after it; a ? in a file name is written %3F and a # %23, and settings go "
            "into OPENHEART_SQLITE_SYNCHRONOUS and OPENHEART_SQLITE_BUSY_TIMEOUT"
        )
        raise _refused(uri, expected)
    if "\0" in path or path.endswith("/"):
        raise _refused(uri, "the path of a file, such as sqlite:///openheart.db")
    return Path(os.path.abspath((folder or Path.cwd()) / path))


def temporary_path(owner: object) -> Path:
    """The path of a new file that is removed with its owner, by the process that it was made in."""
    folder, pid = tempfile.mkdtemp(prefix="openheart-"), os.getpid()

    def remove() -> None:
        if os.getpid() == pid:
            shutil.rmtree(folder, ignore_errors=True)

    weakref.finalize(owner, remove)
    return Path(folder, "memory.db")


def check_library() -> None:
    """Refuse a SQLite that is too old.

    Raises:
        BackendUnusable: it is older than MINIMUM_SQLITE.
    """
    if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
        wanted = ".".join(map(str, MINIMUM_SQLITE))
        raise BackendUnusable(
            f"SQLite {sqlite3.sqlite_version} is too old: expected {wanted} or newer; "
            "use a newer Python or system"
        )


def prepare_folder(path: Path) -> None:
    """Make the folder of the file if only this one level is missing.

    Raises:
        BackendUnusable: more than that is missing, or the path is a folder itself.
    """
    try:
        if _is_folder(path):
            raise BackendUnusable(f"{path} is a folder: name a file in it, such as {path}/openheart.db")
        if not path.parent.exists() and _is_folder(path.parent.parent):
            path.parent.mkdir(exist_ok=True)
        if not _is_folder(path.parent):
            raise BackendUnusable(f"there is no folder {path.parent}: make it, or correct OPENHEART_URI")
    except OSError as error:
        raise BackendUnusable(
            f"the folder {path.parent} cannot be used ({error.strerror}): make it, let this user write "
            "in it, or name another one in OPENHEART_URI"
        ) from error


def _is_folder(path: Path) -> bool:
    # Not Path.is_dir(), which since Python 3.14 also says no where a folder above may not be searched.
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def open_connection(
    path: Path, *, patience: float, synchronous: str, driver: Mapping[str, Any], create: bool = False
) -> sqlite3.Connection:
    """Open the file; the connection is in autocommit mode, and any thread may use it.

    Args:
        path: the file.
        patience: seconds to wait while another program writes.
        synchronous: FULL or NORMAL, as in SQLite's PRAGMA.
        driver: further arguments of ``sqlite3.connect``.
        create: make the file where it does not exist; otherwise this connection only reads.

    Raises:
        sqlite3.Error: pass it to ``named_error``.
    """
    if create:
        # SQLite gives its -wal and -shm the same mode.
        with suppress(OSError):  # SQLite names it
            os.close(open_private(path, os.O_RDWR | os.O_CREAT))
    uri = f"file:{quote(os.fsencode(path))}?mode={'rwc' if create else 'rw'}"
    connection: sqlite3.Connection = sqlite3.connect(
        uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False, **driver
    )
    try:
        connection.execute(f"PRAGMA synchronous={synchronous}")
        # The log is written over from its beginning after each checkpoint. While it grows, each commit
        # also waits for the file system to note the new size, so it is kept small: 1 MB.
        connection.execute("PRAGMA wal_autocheckpoint=256")
        # Many readers, small databases: the system's own cache of files serves all of them.
        connection.execute(f"PRAGMA cache_size={-1024 if create else -256}")
        if not create:
            connection.execute("PRAGMA query_only=1")
    except BaseException:
        connection.close()
        raise
    return connection


def create_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Create the table in a new file, or check that the file is one of ours.

    Raises:
        BackendUnusable: it belongs to another program or to a newer openheart, or cannot have a
            write-ahead log.
        sqlite3.Error: pass it to ``named_error``.
    """
    if _is_ours(connection, path):
        return
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise BackendUnusable(f"{path} cannot have a write-ahead log (journal mode {mode}): use a local disk")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Checked again, because another process may have been faster.
        if not _is_ours(connection, path):
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        if application or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise BackendUnusable(
                f"{path} is another program's database, and nothing was changed in it: "
                "name another file in OPENHEART_URI"
            )
        return False
    if version > SCHEMA_VERSION:
        raise BackendUnusable(
            f"{path} was written by a newer openheart (schema {version}, this one knows {SCHEMA_VERSION}): "
            "upgrade openheart, or restore a backup of the older file"
        )
    return True


def file_identity(path: str | Path) -> tuple[int, int] | None:
    """What distinguishes this file from one that replaces it; None if there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def named_error(error: sqlite3.Error, path: Path) -> BackendError:
    """Say what an error of SQLite means and what to do.

    Source: https://www.sqlite.org/rescode.html
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in _UNSURE:
        return OutcomeUnknown(
            f"the disk did not confirm a write to {path} ({name}): "
            "check the system's log for errors of the disk"
        )
    kind, advice = _ADVICE.get(code & 0xFF, (BackendUnusable, "check the disk and the file"))
    return kind(f"{path}: {error} ({name}): {advice}")


def _refused(uri: str, expected: str) -> ConfigError:
    return ConfigError("OPENHEART_URI", mask_uri(uri), "the URI given", expected)


# After a failed fsync the change may be in the file or not, and a crash decides which.
_UNSURE = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_CLOSE})

_ADVICE: dict[int, tuple[type[BackendError], str]] = {
    sqlite3.SQLITE_BUSY: (
        BackendUnavailable,
        "another program keeps it locked; close that program, such as a sqlite3 shell",
    ),
    sqlite3.SQLITE_LOCKED: (BackendUnavailable, "another program keeps it locked; close that program"),
    sqlite3.SQLITE_PROTOCOL: (BackendUnavailable, "many programs open it at once; try again"),
    sqlite3.SQLITE_FULL: (
        BackendUnusable,
        "the disk is full; make room, and openheart continues by itself",
    ),
    sqlite3.SQLITE_READONLY: (
        BackendUnusable,
        "let this user write the file and its folder, on a writable disk",
    ),
    sqlite3.SQLITE_PERM: (BackendUnusable, "let this user write the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: (BackendUnusable, "let this user read and write the file and its folder"),
    sqlite3.SQLITE_IOERR: (
        BackendUnusable,
        "the disk failed; check its free space, quotas and the system's log",
    ),
    sqlite3.SQLITE_CORRUPT: (
        BackendUnusable,
        "the file is damaged; stop openheart, then restore a backup or try `sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_NOTADB: (
        BackendUnusable,
        "this is not a SQLite database; name another file in OPENHEART_URI",
    ),
    sqlite3.SQLITE_NOMEM: (BackendUnavailable, "the machine is out of memory"),
}
