from __future__ import annotations

from openheart.storage.contract import BackendContract


class TestMemory(BackendContract):
    uri = "memory:"
    is_shared = False
