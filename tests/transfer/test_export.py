from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from openheart.errors import BackendUnavailable, InvalidRequest, TransferError
from openheart.storage import Change, Listing
from openheart.transfer import export_file, export_lines

from ..engines import Engine, get_engine

OUT = Path("out.jsonl")


@pytest.fixture
def backend() -> Iterator[Engine]:
    with get_engine("sqlite:///x.db") as made:
        made.apply([Change(f"page/{number:04}", "🥨", number + 1) for number in range(3500)])
        yield made


class Breaks:
    """Lets a storage fail from a chosen page on."""

    def __init__(self, backend: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages_left = 10**6
        self.error: Exception = BackendUnavailable("away")
        self.pages = 0
        list_page = backend.list

        def list_or_fail(prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
            self.pages_left -= 1
            if self.pages_left < 0:
                raise self.error
            self.pages += 1
            return list_page(prefix, cursor, limit)

        monkeypatch.setattr(backend, "list", list_or_fail)


@pytest.fixture
def breaks(backend: Engine, monkeypatch: pytest.MonkeyPatch) -> Breaks:
    return Breaks(backend, monkeypatch)


def test_every_target_is_a_line_and_nothing_else_is_left(backend: Engine) -> None:
    OUT.write_text("old")
    steps: list[int] = []
    assert export_file(backend, OUT, advance=steps.append) == (3500, 0)
    lines = OUT.read_bytes()
    assert lines == b"".join(export_lines(backend))
    assert lines.count(b"\n") == 3500
    assert lines.startswith('{"target": "page/0000", "counts": {"🥨": 1}}\n'.encode())
    assert sum(steps) == 3500
    assert [each.name for each in Path().glob("out*")] == ["out.jsonl"]


def test_a_prefix_leaves_the_others_out(backend: Engine) -> None:
    assert export_file(backend, OUT, "page/00") == (100, 0)
    assert b"".join(export_lines(backend, "page/00")) == OUT.read_bytes()


def test_an_empty_storage_makes_an_empty_file() -> None:
    with get_engine("memory:") as empty:
        assert export_file(empty, OUT) == (0, 0)
    assert OUT.read_bytes() == b""


def test_an_interrupted_export_goes_on_where_it_was(backend: Engine, breaks: Breaks) -> None:
    whole = b"".join(export_lines(backend))
    breaks.pages, breaks.pages_left = 0, 2
    with pytest.raises(BackendUnavailable):
        export_file(backend, OUT)
    assert not OUT.exists()
    part = Path("out.jsonl.part")
    # The process ended in the middle of a write.
    part.write_bytes(part.read_bytes() + b'{"target": "hal' * 100_000)
    breaks.pages_left = 10
    steps: list[int] = []
    assert export_file(backend, OUT, advance=steps.append) == (3500, 2000)
    assert breaks.pages == 4
    assert OUT.read_bytes() == whole
    assert steps == [2000, 1000, 500]
    assert [each.name for each in Path().glob("out*")] == ["out.jsonl"]


@pytest.mark.parametrize(
    "change", ["again", "prefix", "instance", "shorter", "no part", "broken note", "other note"]
)
def test_an_export_begins_anew_where_going_on_would_be_wrong(
    backend: Engine, breaks: Breaks, change: str
) -> None:
    breaks.pages_left = 2
    with pytest.raises(BackendUnavailable):
        export_file(backend, OUT)
    breaks.pages_left = 100
    prefix = "page" if change == "prefix" else ""
    if change == "instance":
        backend.instance = "other"
    if change == "shorter":
        Path("out.jsonl.part").write_bytes(b"x")
    if change == "no part":
        Path("out.jsonl.part").unlink()
    if change == "broken note":
        Path("out.jsonl.resume").write_text("{")
    if change == "other note":
        Path("out.jsonl.resume").write_text('{"size": 1}')
    targets, before = export_file(backend, OUT, prefix, again=change == "again")
    assert before == 0
    assert targets == (0 if change == "instance" else 3500)


def test_a_place_that_the_storage_forgot_is_begun_anew(backend: Engine, breaks: Breaks) -> None:
    breaks.pages_left = 2
    with pytest.raises(BackendUnavailable):
        export_file(backend, OUT)
    note = Path("out.jsonl.resume")
    note.write_text(note.read_text().replace('"cursor": "', '"cursor": "x'))
    breaks.pages_left = 100
    assert export_file(backend, OUT) == (3500, 0)


def test_a_storage_that_refuses_its_own_first_page_is_an_error(backend: Engine, breaks: Breaks) -> None:
    breaks.pages_left, breaks.error = 0, InvalidRequest("no")
    with pytest.raises(InvalidRequest):
        export_file(backend, OUT)


def test_a_file_that_cannot_be_written_is_named(backend: Engine) -> None:
    with pytest.raises(TransferError, match="none/out.jsonl cannot be written .No such file"):
        export_file(backend, Path("none/out.jsonl"))


def test_a_new_file_is_its_owners_and_one_that_was_there_keeps_its_mode(backend: Engine) -> None:
    export_file(backend, OUT)
    assert stat.S_IMODE(OUT.stat().st_mode) == 0o600
    OUT.chmod(0o640)
    export_file(backend, OUT)
    assert stat.S_IMODE(OUT.stat().st_mode) == 0o640


def test_what_an_interrupted_export_leaves_is_its_owners(backend: Engine, breaks: Breaks) -> None:
    breaks.pages_left = 2
    with pytest.raises(BackendUnavailable):
        export_file(backend, OUT)
    left = {file.name: stat.S_IMODE(file.stat().st_mode) for file in Path().glob("out*")}
    assert left == {"out.jsonl.part": 0o600, "out.jsonl.resume": 0o600}
