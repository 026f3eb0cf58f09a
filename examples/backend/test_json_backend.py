"""The tests that every backend must pass, run on your own.

Shows: the suite that openheart runs on its own storages, with the part for each capability.
Requires: pip install pytest, and pip install . in this folder, so that the schemes are registered
Run: pytest test_json_backend.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from openheart.storage.contract import BackendContract, CappedContract, ListedContract, MovableContract


@pytest.fixture(autouse=True)
def _files_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class TestJsonBackend(BackendContract):
    uri = "json:reactions.jsonl"


class TestJsonLogBackend(CappedContract, ListedContract, MovableContract):
    uri = "jsonlog:log.jsonl"
