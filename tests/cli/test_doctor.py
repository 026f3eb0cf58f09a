from __future__ import annotations

import errno
import os
import shutil
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest
from flask import Flask

from openheart import OpenHeart, base
from openheart.batteries import Battery, Row, battery_of, registry
from openheart.batteries.mail.row import SMTP_USER
from openheart.cli.doctor import examine, of_config_error
from openheart.errors import BackendUnavailable, ConfigError, OpenHeartError
from openheart.settings.plugins import BATTERIES
from openheart.storage.memory.backend import MemoryBackend
from openheart.storage.sqlite import disk
from openheart.storage.sqlite.backend import SqliteBackend
from openheart.system.finding import Finding

from ..servers.mail import MailServer


@pytest.fixture(autouse=True)
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of file systems, in place of the machine's own."""
    path = tmp_path / "mounts"
    path.write_text("/dev/sda1 / ext4 rw 0 0\n")
    monkeypatch.setattr(disk, "MOUNTS", path)
    return path


def findings(**settings: Any) -> list[Finding]:
    app = Flask("host", instance_path=str(Path.cwd()))
    OpenHeart(app, env=False, **settings)
    return examine(app)


def worse_than_ok(**settings: Any) -> list[tuple[str, str]]:
    found = [row for row in findings(**settings) if row.level != "ok"]
    assert all(row.fix for row in found)
    return [(row.level, row.what) for row in found]


def test_a_new_site_is_fine() -> None:
    assert [(row.level, row.fix) for row in findings()] == [("ok", ""), ("ok", "")]


def test_the_server_of_openheart_itself_is_fine_too() -> None:
    app = base.load_standalone()

    found = examine(app)

    assert found[0].what == "The storage sqlite:///openheart.db accepts writes and reads"
    assert str(Path.cwd() / "openheart.db") in found[1].what


def test_the_storage_is_left_as_it_was() -> None:
    findings(uri="sqlite:///x.db")

    backend = SqliteBackend("sqlite:///x.db")
    with backend:
        assert list(backend.iter_targets()) == []


def test_a_file_that_is_not_of_sqlite_is_nothing_to_say_of_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    class FileBackend(MemoryBackend):
        path = Path("counts.json")

    monkeypatch.setattr("openheart.core.state.backend_from_config", lambda *_: FileBackend("memory:"))

    assert not any("SQLite" in row.what for row in findings())


@pytest.mark.parametrize(
    ("settings", "level", "what", "fix"),
    [
        ({"uri": "memory:"}, "warning", "kept in memory", "set OPENHEART_URI to a storage that lasts"),
        ({"uri": "sqlite:////nowhere/at/all.db"}, "error", "there is no folder", "run this command again"),
        ({"hold": True}, "warning", "OPENHEART_HOLD is on", "unset it"),
        ({"write_only": True}, "note", "OPENHEART_WRITE_ONLY is on", "unset it"),
        ({"host": "0.0.0.0"}, "warning", "OPENHEART_ORIGINS=* lets", "OPENHEART_ORIGINS=https://"),
        ({"origins": []}, "note", "OPENHEART_ORIGINS is empty", "name the origins"),
        ({"level": "DEBUG"}, "note", "development server", "LEVEL=INFO"),
        ({"level": "DEBUG", "host": "::"}, "warning", "LEVEL=DEBUG on HOST=::", "LEVEL=INFO"),
        ({"server": "werkzeug"}, "warning", "a server for development", "unset SERVER"),
        ({"server": "netius"}, "warning", "netius is not a server", "waitress, gunicorn, granian"),
        ({"server_workers": 2}, "note", "waitress has one process", "SERVER=gunicorn"),
        ({"sqlite_synchronous": "NORMAL"}, "note", "may be lost", "unset it"),
        ({"secret_key": "hunter2"}, "warning", "SECRET_KEY has fewer", "secrets.token_hex"),
    ],
)
def test_what_is_broken_slow_or_unsafe_is_named_with_its_fix(
    settings: dict[str, Any], level: str, what: str, fix: str
) -> None:
    [found] = [row for row in findings(**settings) if what in row.what]

    assert found.level == level
    assert fix in found.fix
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0", "origins": "https://example.org", "hosts": "example.org"},
        {"host": "localhost"},
        {"host": "127.1.2.3"},
        {"secret_key": "x" * 32},
        {"uri": "sqlite:///x.db"},
    ],
)
def test_what_is_fine_is_not_mentioned(settings: dict[str, Any]) -> None:
    assert worse_than_ok(**settings) == []


def test_a_server_that_is_not_installed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    [found] = [row for row in findings(server="granian") if row.level == "error"]

    assert (found.what, found.fix) == ("SERVER=granian is not installed", "pip install 'openheart[granian]'")


def test_variables_that_do_nothing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_HOLDD", "hunter2")
    monkeypatch.setenv("OPENHEART_ZZZZ", "1")
    monkeypatch.setenv("REDISTOGO_URL", "redis://:hunter2@h")
    app = Flask("host", instance_path=str(Path.cwd()))
    OpenHeart(app)

    found = {row.what: (row.level, row.fix) for row in examine(app) if row.level in ("note", "warning")}

    assert found == {
        "OPENHEART_HOLDD (from the environment) is not a setting, so it has no effect": (
            "warning",
            "rename it to OPENHEART_HOLD",
        ),
        "OPENHEART_ZZZZ (from the environment) is not a setting, so it has no effect": (
            "warning",
            "remove it",
        ),
        "REDISTOGO_URL is set, but the counts are in SQLite: it configures other features only": (
            "note",
            "set OPENHEART_URI='$REDISTOGO_URL' if the counts should live there",
        ),
    }


@pytest.mark.parametrize("environment", [True, False])
def test_debug_is_deprecated_unless_it_is_that_of_flask(
    environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Flask("host", instance_path=str(Path.cwd()))
    if environment:
        monkeypatch.setenv("DEBUG", "1")
        with pytest.warns(DeprecationWarning, match="LEVEL"):
            OpenHeart(app, level="INFO")
    else:
        app.debug = True
        OpenHeart(app, env=False, level="INFO")

    named = [row.fix for row in examine(app) if "is deprecated" in row.what]

    assert named == (["set LEVEL=DEBUG instead"] if environment else [])


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("server:/x {folder} nfs4 rw 0 0", "on a network file system (nfs4)"),
        ("//s/x {folder} cifs rw 0 0", "on a network file system (cifs)"),
        ("u@h:/x {folder} fuse.sshfs rw 0 0", "on a network file system (fuse.sshfs)"),
        ("tmpfs {folder} tmpfs rw 0 0", "is in memory (tmpfs)"),
        ("server:/x {folder} nfs4 rw 0 0\n/dev/sdb {folder} ext4 rw 0 0", None),
        ("server:/x {folder}/elsewhere nfs4 rw 0 0", None),
        ("server:/x {folder}x nfs4 rw 0 0", None),
    ],
)
def test_the_file_system_of_the_database_is_looked_at(
    lines: str, what: str | None, mounts: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    written = str(folder).replace(" ", "\\040")
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\n" + lines.format(folder=written) + "\n")

    found = worse_than_ok(uri=f"sqlite:///{folder / 'x.db'!s}")

    assert [(level, str(what) in text) for level, text in found] == ([("warning", True)] if what else [])


def test_a_system_that_does_not_list_its_file_systems_is_fine(mounts: Path) -> None:
    mounts.unlink()

    assert worse_than_ok() == []


def test_a_disk_that_is_nearly_full_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=5 * 1024**2)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)

    [(level, what)] = worse_than_ok()

    assert (level, what.endswith("has 5 MB left")) == ("warning", True)


def test_a_file_below_a_folder_that_may_not_be_searched_is_looked_at_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "closed" / "below" / "x.db"
    path.parent.parent.mkdir()
    stat, usage = os.stat, shutil.disk_usage("/")._replace(free=5 * 1024**2)
    asked: list[Path] = []

    def closed(path: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(str(tmp_path / "closed" / "below")):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    def full(folder: Path) -> Any:
        asked.append(folder)
        return usage

    monkeypatch.setattr("os.stat", closed)
    monkeypatch.setattr("shutil.disk_usage", full)

    found = worse_than_ok(uri=f"sqlite:///{path!s}")

    assert [level for level, _ in found] == ["error", "warning"]
    assert "Permission denied" in found[0][1]
    assert asked == [path.parent.parent]


def test_a_storage_that_cannot_be_reached_is_to_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: SqliteBackend, *_: object, **__: object) -> None:
        raise BackendUnavailable("nobody answers")

    monkeypatch.setattr(SqliteBackend, "connect", fail)

    assert findings()[0].fix == "start it, or correct OPENHEART_URI"


def test_a_setting_that_keeps_the_app_from_starting_is_a_finding() -> None:
    finding = of_config_error(ConfigError("PORT", "x", "the environment", "a number"))

    assert (finding.level, finding.fix) == ("error", "correct PORT, which is set in the environment")


def test_an_app_without_openheart_cannot_be_examined() -> None:
    with pytest.raises(OpenHeartError, match="openheart was not added"):
        examine(Flask("bare"))


class _Fake(Battery[list[str]]):
    row = Row("fake", f"{__name__}:_Fake")
    opened: ClassVar[list[str]] = []

    def open(self) -> list[str]:
        self.opened.append("opened")
        return self.opened

    def shut(self, resource: list[str]) -> None:
        resource.append("closed")

    def check(self) -> None:
        self.opened.append("checked")

    def examine(self) -> None:
        user: object = self.config[SMTP_USER]
        if self.resource and user:
            raise ValueError("redis://:hunter2@h\nsays no")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[_Fake]:
    found = EntryPoint("fake", f"{__name__}:_Fake.row", BATTERIES)
    monkeypatch.setattr(registry, "entry_points", lambda group: [found])
    monkeypatch.setattr(_Fake, "opened", [])
    return _Fake


def test_a_battery_that_works_is_tried_and_closed_again(fake: type[_Fake]) -> None:
    (found,) = [row for row in findings(openheart_batteries="fake") if row.what.startswith("The battery")]

    assert (found.level, found.what, found.fix) == ("ok", "The battery fake works", "")
    assert fake.opened == ["opened", "closed"]


def test_a_battery_that_does_not_work_is_an_error_without_secrets(fake: type[_Fake]) -> None:
    found = worse_than_ok(openheart_batteries="fake", smtp_user="me")

    assert found == [("error", "The battery fake does not work: ValueError: redis://:***@h\\nsays no")]


def test_a_battery_that_is_in_use_stays_open(fake: type[_Fake]) -> None:
    app = Flask("host", instance_path=str(Path.cwd()))
    OpenHeart(app, env=False, openheart_batteries="fake")
    _ = battery_of(fake, app).resource

    examine(app)

    assert fake.opened == ["opened"]
    battery_of(fake, app).close()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"amazon_id": "x"}, "AMAZON_ID is set, and the battery amazon is off"),
        (
            {"pusher_key": "x", "pusher_secret": "y"},
            "PUSHER_KEY and PUSHER_SECRET are set, and the battery pusher is off",
        ),
    ],
)
def test_settings_of_a_battery_that_is_off_are_a_note(settings: dict[str, str], expected: str) -> None:
    assert worse_than_ok(**settings) == [("note", expected)]


def test_a_battery_that_is_off_is_not_talked_of() -> None:
    assert [row for row in findings() if row.what.startswith("The battery")] == []


def test_the_mail_server_is_logged_in_to(tmp_path: Path) -> None:
    server = MailServer("starttls", ("ann@example.org", "s3cret"), tmp_path)
    try:
        settings = {
            "smtp_host": server.host,
            "smtp_user": "ann@example.org",
            "openheart_smtp_ca": str(server.ca),
        }
        right = findings(smtp_password="s3cret", **settings)
        wrong = worse_than_ok(smtp_password="wr0ng", **settings)
    finally:
        server.stop()

    assert "The battery mail works" in [row.what for row in right]
    assert "refuses the login" in wrong[0][1]
    assert "wr0ng" not in wrong[0][1]
