"""Where counts live: the contract, the backends by URI, and ``Storage`` for use without an app."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import InvalidEmoji
from ..protocol import split_emoji
from ..system.finding import Finding
from .backend import Backend, BackendError, Cap, Change, Counts, Listing
from .capabilities import Batched, Capped, Listed, Movable
from .row import BackendRow
from .storage import Storage
from .uri import get_backend

if TYPE_CHECKING:
    from .memory.backend import MemoryBackend as MemoryBackend
    from .mongodb.backend import MongoBackend as MongoBackend
    from .sqlite.backend import SqliteBackend as SqliteBackend
    from .valkey.backend import ValkeyBackend as ValkeyBackend

__all__ = [
    "Backend",
    "BackendError",
    "BackendRow",
    "Batched",
    "Cap",
    "Capped",
    "Change",
    "Counts",
    "Finding",
    "Listed",
    "Listing",
    "MemoryBackend",
    "MongoBackend",
    "Movable",
    "SqliteBackend",
    "Storage",
    "ValkeyBackend",
    "get_backend",
]

# Aliases for applications that are ported from flask-openheart: docs/howto/porting-flask-openheart.rst.
InvalidReactionError = InvalidEmoji
sanitize_reaction = split_emoji

_FOLDERS = {
    "MemoryBackend": "memory",
    "MongoBackend": "mongodb",
    "SqliteBackend": "sqlite",
    "ValkeyBackend": "valkey",
}

if not TYPE_CHECKING:  # otherwise a type checker would accept every name

    def __getattr__(name: str) -> Any:
        # Imported at first use, because each imports its driver.
        if name in _FOLDERS:
            return import_module(f".{_FOLDERS[name]}.row", __name__).ROW.load()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
