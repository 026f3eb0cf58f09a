from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from openheart.errors import BackendUnusable, TransferError
from openheart.protocol import canonical_target
from openheart.storage.sqlite.backend import SqliteBackend
from openheart.transfer import staging
from openheart.transfer.foreign import Reaction
from openheart.transfer.staging import Problems, staged

REACTIONS = [Reaction("line 1", "a", "🥨", 2), Reaction("line 2", "/a/", "🥨", 1)]


def test_what_becomes_one_is_added_up() -> None:
    with staged(REACTIONS, canonical_target, Problems()) as stage:
        assert dict(stage.iter_targets()) == {"a": {"🥨": 3}}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), BackendUnusable("full")])
@pytest.mark.parametrize(("step", "batch"), [("connect", 500), ("apply", 500), ("apply", 1)])
def test_a_file_that_cannot_be_written_names_its_folder_which_goes(
    error: Exception, step: str, batch: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(staging, "_BATCH", batch)
    monkeypatch.setattr(SqliteBackend, step, full)
    before = {*tmp_path.iterdir()}
    with (
        pytest.raises(
            TransferError, match=rf"folder {tmp_path}/openheart-\w+ cannot be used \(full\).*TMPDIR"
        ),
        staged(REACTIONS, canonical_target, Problems()),
    ):
        pass
    assert {*tmp_path.iterdir()} == before


def test_an_error_of_who_uses_it_is_not_told_as_the_folders() -> None:
    with pytest.raises(OSError, match="elsewhere"), staged(REACTIONS, canonical_target, Problems()):
        raise OSError("elsewhere")
