from __future__ import annotations

from openheart.storage.contract import CappedContract, ListedContract, MovableContract


class TestMemory(CappedContract, ListedContract, MovableContract):
    uri = "memory:"
    is_shared = False
