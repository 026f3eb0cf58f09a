"""The row of the backend: counts in memory."""

from __future__ import annotations

from ..row import BackendRow

__all__ = ["ROW"]

ROW = BackendRow("openheart.storage.memory.backend:MemoryBackend")
