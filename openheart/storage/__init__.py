"""Where counts live: the contract, the backends by URI, and ``Storage`` for use without an app."""

from __future__ import annotations

from .backend import Backend, BackendError, Change, Counts, Page
from .storage import Storage
from .uri import get_backend

__all__ = ["Backend", "BackendError", "Change", "Counts", "Page", "Storage", "get_backend"]
