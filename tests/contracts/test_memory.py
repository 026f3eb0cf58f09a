from __future__ import annotations

from openheart.storage.contract import BatchedContract, ListedContract, MovableContract


class TestMemory(BatchedContract, ListedContract, MovableContract):
    uri = "memory:"
    is_shared = False
