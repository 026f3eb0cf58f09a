"""What a SQLite file says about itself without being opened: importing this imports no SQLite."""

from __future__ import annotations

from pathlib import Path

__all__ = ["APPLICATION_ID", "is_ours"]

APPLICATION_ID = 0x6F68_7274  # "ohrt"
_PLACE = slice(68, 72)  # https://www.sqlite.org/fileformat2.html#application_id


def is_ours(path: Path) -> bool:
    """Whether this is a database of openheart.

    The mark may be in its write-ahead log only, and then its lock file is there too.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_PLACE.stop)
    except OSError:
        return False
    is_marked = header[_PLACE] == APPLICATION_ID.to_bytes(4, "big")
    return is_marked or path.with_name(f"{path.name}.lock").exists()
