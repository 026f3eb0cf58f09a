from __future__ import annotations

import pytest

from openheart.storage import Backend, get_backend
from openheart.storage.contract import CappedContract, ListedContract, MovableContract
from openheart.storage.sqlite import lock_file


class TestSqlite(CappedContract, ListedContract, MovableContract):
    uri = "sqlite:///contract.db"


class TestSqliteNormal(CappedContract, ListedContract, MovableContract):
    uri = "sqlite:///contract.db"

    def make(self, instance: str) -> Backend:
        return get_backend(self.uri, instance=instance, synchronous="NORMAL")


class TestSqliteWithoutFileLocks(CappedContract, ListedContract, MovableContract):
    """As on a system that has neither flock nor shared memory."""

    uri = "sqlite:///contract.db"

    def setup_method(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(lock_file, "HAS_LOCKS", False)
        super().setup_method()

    def teardown_method(self) -> None:
        super().teardown_method()
        self.patch.undo()
