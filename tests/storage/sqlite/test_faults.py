from __future__ import annotations

import json
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from openheart.errors import BackendError, BackendUnavailable, BackendUnusable, OutcomeUnknown
from openheart.storage import Change
from openheart.storage.combine import Job
from openheart.storage.sqlite import backend as sqlite_backend
from openheart.storage.sqlite import file as sqlite_file
from openheart.storage.sqlite import session as sqlite_session
from openheart.storage.sqlite import writer as sqlite_writer
from openheart.storage.sqlite.lock_file import LockFile

from ...child import run_child
from ...engines import get_engine

URI = "sqlite:///openheart.db"
FILE = Path("openheart.db")

# Root may write everywhere, so the process becomes nobody once everything is imported.
UNPRIVILEGED = """
import os, sys
import openheart.storage.sqlite.backend
from openheart.errors import BackendError
from openheart.storage import get_backend
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    with get_backend("sqlite:///openheart.db") as backend:
        backend.incr("page", "🥨")
except BackendError as error:
    print(type(error).__name__, error)
"""

FILE_LIMIT = """
import json, resource, sys
from openheart.errors import BackendError
from openheart.storage import get_backend
backend = get_backend("sqlite:///openheart.db")
backend.connect()
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, unlimited[1]))
acknowledged, refused = 0, []
for number in range(3000):
    try:
        backend.incr(f"page/{number}", "🥨")
        acknowledged += 1
    except BackendError as error:
        refused.append(f"{type(error).__name__} {error}")
stored = sum(1 for _ in backend.iter_targets())
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
after = backend.incr("after", "🥨")
backend.disconnect()
with get_backend("sqlite:///openheart.db") as again:
    in_the_end = sum(1 for _ in again.iter_targets())
print(json.dumps([acknowledged, refused[:1], stored, after, in_the_end]))
"""


NO_ROOM = """
import resource
from openheart.errors import BackendUnusable
from openheart.storage import get_backend
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    get_backend("sqlite:///openheart.db").connect()
except BackendUnusable as error:
    print(error)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        folder.chmod(0o777)


def use() -> None:
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")


def refusal() -> str:
    with pytest.raises(BackendUnusable) as caught:
        use()
    return str(caught.value)


def test_a_folder_that_is_read_only_is_named(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    said = run_child(UNPRIVILEGED, open_folder)
    assert said.startswith("BackendUnusable")
    assert str(open_folder) in said
    assert "let this user write" in said


def test_a_database_of_another_user_is_named(open_folder: Path) -> None:
    get_engine(URI, folder=open_folder).__enter__().disconnect()
    for file in open_folder.iterdir():
        file.chmod(0o444)
    open_folder.chmod(0o555)
    said = run_child(UNPRIVILEGED, open_folder)
    assert said.startswith("BackendUnusable")
    assert "let this user write" in said


def test_a_database_file_that_is_read_only_is_named(open_folder: Path) -> None:
    get_engine(URI, folder=open_folder).__enter__().disconnect()
    for file in open_folder.iterdir():
        file.chmod(0o666)
    (open_folder / FILE).chmod(0o444)
    said = run_child(UNPRIVILEGED, open_folder)
    assert said.startswith("BackendUnusable")
    assert "let this user" in said


def test_a_disk_that_takes_no_more_loses_nothing_and_recovers_by_itself() -> None:
    acknowledged, refused, stored, after, in_the_end = json.loads(run_child(FILE_LIMIT))
    assert 0 < acknowledged < 3000
    assert refused[0].startswith("BackendUnusable")
    assert "free space" in refused[0]
    assert stored == acknowledged
    assert after == {"🥨": 1}
    assert in_the_end == acknowledged + 1


def test_no_room_for_the_lock_file_is_named() -> None:
    assert run_child(NO_ROOM).startswith("the lock file")


def test_the_lock_file_has_no_holes_that_would_kill_the_process_on_a_full_disk() -> None:
    use()
    found = Path("openheart.db.lock").stat()
    assert found.st_blocks * 512 >= found.st_size > 0


def test_a_full_database_refuses_the_group_and_goes_on_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_full = False
    original = sqlite_file.open_connection

    def small(path: Path, **options: object) -> sqlite3.Connection:
        connection = original(path, **options)  # type: ignore[arg-type]
        if is_full:
            connection.execute("PRAGMA max_page_count=8")
        return connection

    monkeypatch.setattr(sqlite_session, "open_connection", small)
    with get_engine(URI) as backend:
        backend.apply([Change(f"page/{number}/{'x' * 400}", "🥨") for number in range(200)])
        backend.disconnect()
        is_full = True
        backend.connect()
        with pytest.raises(BackendUnusable, match="disk is full"):
            backend.apply([Change(f"more/{number}/{'x' * 400}", "🥨") for number in range(200)])
        is_full = False
        assert list(backend.iter_targets("more/")) == []
        backend.disconnect()
        backend.connect()
        assert backend.incr("more/1", "🥨") == {"🥨": 1}


def test_a_file_that_is_no_database_is_left_as_it_is() -> None:
    FILE.write_text("These are my notes, and no database. " * 100)
    before = FILE.read_bytes()
    assert "this is not a SQLite database" in refusal()
    assert FILE.read_bytes() == before


def test_a_damaged_file_is_named_and_never_answers_wrong_counts() -> None:
    with get_engine(URI) as backend:
        backend.apply([Change(f"page/{number}", "🥨") for number in range(2000)])
    raw = bytearray(FILE.read_bytes())
    raw[4096:] = b"\xa5" * (len(raw) - 4096)
    FILE.write_bytes(raw)
    with get_engine(URI) as backend:
        for use in (
            lambda: backend.counts(["page/7"]),
            lambda: backend.incr("page/7", "🥨"),
            lambda: backend.check(),
            lambda: backend.list(),
        ):
            with pytest.raises(BackendUnusable, match="damaged"):
                use()


def test_a_folder_in_place_of_the_file_is_named() -> None:
    FILE.mkdir()
    assert "is a folder: name a file in it" in refusal()


def test_one_missing_folder_is_made_and_more_are_named(tmp_path: Path) -> None:
    with get_engine("sqlite:///instance/openheart.db") as backend:
        backend.incr("page", "🥨")
    assert Path("instance/openheart.db").is_file()
    with pytest.raises(BackendUnusable, match=f"there is no folder {tmp_path}/a/b: make it"):
        get_engine("sqlite:///a/b/openheart.db").connect()
    Path("file").touch()
    with pytest.raises(BackendUnusable, match="make it"):
        get_engine("sqlite:///file/openheart.db").connect()


def test_the_database_of_another_program_is_left_as_it_is() -> None:
    connection = sqlite3.connect(FILE)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = FILE.read_bytes()
    assert "another program" in refusal()
    assert FILE.read_bytes() == before


def test_the_file_of_a_newer_openheart_is_left_as_it_is() -> None:
    use()
    connection = sqlite3.connect(FILE)
    connection.execute(f"PRAGMA user_version={sqlite_file.SCHEMA_VERSION + 1}")
    connection.close()
    assert "newer openheart" in refusal()


def test_an_older_sqlite_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 33, 0))
    assert "expected 3.34.0 or newer" in refusal()


def test_a_lock_file_that_cannot_be_made_is_named() -> None:
    Path("openheart.db.lock").mkdir()
    assert "openheart.db.lock cannot be opened" in refusal()


def test_the_lock_file_of_another_version_is_refused() -> None:
    Path("openheart.db.lock").write_bytes(b"\xff" * 50_000)
    assert "another version of openheart" in refusal()


def test_a_deleted_file_is_not_acknowledged_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_backend, "LOOK_EVERY", 3600.0)
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        for file in Path().glob("openheart.db*"):
            file.unlink()
        with pytest.raises(OutcomeUnknown, match="deleted or replaced"):
            backend.incr("page", "🥨")
        assert backend.incr("page", "🥨") == {"🥨": 1}
        assert backend.counts(["page"]) == [{"🥨": 1}]
    with get_engine(URI) as backend:
        assert backend.counts(["page"]) == [{"🥨": 1}]


def test_a_replaced_file_is_noticed_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_backend, "LOOK_EVERY", 0.0)
    with get_engine("sqlite:///other.db") as other:
        other.apply([Change("page", "❤️", 7)])
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        for suffix in ("-wal", "-shm"):
            FILE.with_name(FILE.name + suffix).unlink()
        os.replace("other.db", FILE)
        assert backend.counts(["page"]) == [{"❤️": 7}]
        assert backend.incr("page", "❤️") == {"❤️": 8}


def test_a_replaced_lock_file_is_noticed_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_backend, "LOOK_EVERY", 0.0)
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        Path("openheart.db.lock").unlink()
        with get_engine(URI) as other:
            assert backend.counts(["page"]) == [{"🥨": 1}]
            other.incr("page", "🥨")
            assert backend.counts(["page"]) == [{"🥨": 2}]


def test_a_program_that_keeps_the_database_locked_is_waited_for_and_then_named() -> None:
    with get_engine(URI, busy_timeout=0.05) as backend:
        backend.incr("page", "🥨")
        shell = sqlite3.connect(FILE, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendUnavailable, match="another program keeps it locked"):
            backend.incr("page", "🥨")
        shell.execute("ROLLBACK")
        shell.close()
        assert backend.incr("page", "🥨") == {"🥨": 2}


def test_a_process_that_keeps_its_turn_is_waited_for_and_then_named() -> None:
    with get_engine(URI, busy_timeout=0.05) as backend:
        backend.incr("page", "🥨")
        stopped = LockFile(Path("openheart.db.lock"))
        stopped.acquire(1)
        with pytest.raises(BackendUnavailable, match="does not release it"):
            backend.incr("page", "🥨")
        stopped.release()
        stopped.close()
        assert backend.incr("page", "🥨") == {"🥨": 2}


def test_a_write_that_the_disk_did_not_confirm_has_an_unknown_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def add_and_fail(*arguments: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error

    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_writer, "_add", add_and_fail)
            with pytest.raises(OutcomeUnknown, match="did not confirm"):
                backend.incr("page", "🥨")
        assert backend.counts(["page"]) == [{"🥨": 1}]
        assert backend.incr("page", "🥨") == {"🥨": 2}


def test_an_interruption_after_the_commit_counts_once_and_answers_those_who_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = sqlite_writer._add

    def add_and_interrupt(*arguments: object) -> None:
        original(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with get_engine(URI) as backend:
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_writer, "_add", add_and_interrupt)
            job = Job([Change("page", "🥨")])
            with pytest.raises(KeyboardInterrupt):
                backend._session._writer.commit([job])  # type: ignore[attr-defined]
        assert job.answers == [{"🥨": 1}]
        assert backend.counts(["page"]) == [{"🥨": 1}]
        assert backend.incr("page", "🥨") == {"🥨": 2}


@pytest.mark.parametrize("code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL])
def test_every_other_error_of_sqlite_is_a_named_one(code: int) -> None:
    error = sqlite3.OperationalError("it said this")
    error.sqlite_errorcode = code
    named = sqlite_file.named_error(error, FILE)
    assert isinstance(named, BackendError)
    assert "it said this" in str(named)


def test_new_files_can_be_read_by_their_owner_only() -> None:
    with get_engine(URI) as backend:
        backend.incr("page", "🥨")
        made = {file.name: stat.filemode(file.stat().st_mode) for file in Path().glob("openheart.db*")}
    names = (
        "openheart.db",
        "openheart.db-shm",
        "openheart.db-wal",
        "openheart.db.lock",
        "openheart.db.lock.next",
    )
    assert made == dict.fromkeys(names, "-rw-------")


def test_a_database_that_was_opened_to_a_group_keeps_its_mode_and_so_do_new_locks() -> None:
    use()
    FILE.chmod(0o660)
    for lock in Path().glob("*.lock*"):
        lock.unlink()
    use()
    modes = {stat.S_IMODE(file.stat().st_mode) for file in Path().glob("openheart.db*")}
    assert modes == {0o660}


def test_root_beside_a_service_leaves_no_lock_that_the_service_may_not_use(open_folder: Path) -> None:
    run_child(UNPRIVILEGED, open_folder)
    owner = (open_folder / FILE).stat().st_uid
    for lock in open_folder.glob("*.lock*"):
        lock.unlink()
    with get_engine(URI, folder=open_folder) as backend:
        assert backend.counts(["page"]) == [{"🥨": 1}]
    assert {file.stat().st_uid for file in open_folder.iterdir()} == {owner}
    assert run_child(UNPRIVILEGED, open_folder) == ""
    with get_engine(URI, folder=open_folder) as backend:
        assert backend.counts(["page"]) == [{"🥨": 2}]


@pytest.mark.parametrize("name", ["openheart.db.lock", "openheart.db.lock.next"])
def test_a_lock_file_that_this_user_may_not_use_is_named(open_folder: Path, name: str) -> None:
    run_child(UNPRIVILEGED, open_folder)
    lock = open_folder / name
    lock.chmod(0)
    said = run_child(UNPRIVILEGED, open_folder)
    assert said.startswith(
        f"BackendUnusable the lock file {lock} cannot be opened (Permission denied): let this user write"
    )
