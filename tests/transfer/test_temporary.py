from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from openheart.errors import BackendUnusable, TransferError
from openheart.transfer.temporary import temporary_folder, writing_to


def test_the_folder_goes_with_all_that_is_in_it() -> None:
    with temporary_folder() as folder:
        (folder / "x").write_bytes(b"x")
        assert folder.parent == Path(tempfile.gettempdir())
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_names_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path("there").absolute()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with pytest.raises(TransferError) as refused, temporary_folder():
        pass
    assert str(refused.value) == (
        f"the temporary folder {place} cannot be used (No such file or directory): make room and let this "
        "user write there, or set TMPDIR to another folder"
    )


def test_a_machine_that_has_none_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/nowhere"])
    with (
        pytest.raises(TransferError, match=r"no temporary folder \(.*/nowhere.*\): set TMPDIR"),
        temporary_folder(),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("odd"), "odd"),
        (BackendUnusable("the disk is full"), "the disk is full"),
    ],
)
def test_what_goes_wrong_with_its_files_names_the_folder(error: Exception, reason: str) -> None:
    with pytest.raises(TransferError) as refused, writing_to(Path("/there")):
        raise error
    assert str(refused.value).startswith(f"the temporary folder /there cannot be used ({reason}): ")
    assert "TMPDIR" in str(refused.value)
