"""The tests that every backend must pass, run on your own.

Shows: BackendContract, the suite that openheart runs on its own storages.
Requires: pip install pytest, and the backend installed, so that its scheme is registered
Run: pytest test_json_backend.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from openheart.storage.contract import BackendContract


@pytest.fixture(autouse=True)
def _files_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class TestJsonBackend(BackendContract):
    uri = "json:counts.json"
