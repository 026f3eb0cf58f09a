from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.config import Option, casts
from openheart.errors import ConfigError, MissingDependency, SchemeError
from openheart.settings.config import load_config
from openheart.settings.plugins import BACKENDS, own_plugins
from openheart.storage import BackendRow, get_backend, uri
from openheart.storage.memory.backend import MemoryBackend
from openheart.storage.sqlite.backend import SqliteBackend


class Third(MemoryBackend):
    schemes = ("third",)

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__("memory:")
        self.options = options


COLOUR = Option("THIRD_COLOUR", casts.choice("red", "blue"), "red", "Its colour.", group="storage")


class Coloured(Third):
    settings = MappingProxyType({"colour": COLOUR})


ROW = BackendRow(f"{__name__}:Coloured", {"colour": COLOUR})
WITHOUT_DRIVER = BackendRow("no_such_driver:Backend", extra="nosuch")
NOT_A_BACKEND = "text"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs an entry point as another package would."""

    def add(name: str, value: str) -> None:
        found = [EntryPoint(name=name, value=value, group=BACKENDS)]

        def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
            return [entry for entry in found if entry.group == group and name in (None, entry.name)]

        monkeypatch.setattr(uri, "entry_points", entry_points)

    return add


def sqlite_path(text: str) -> Path:
    backend = get_backend(text, folder=Path("/folder"))
    assert isinstance(backend, SqliteBackend)
    return backend.path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///openheart.db", "/folder/openheart.db"),
        ("sqlite:///data/openheart.db", "/folder/data/openheart.db"),
        ("sqlite:///../openheart.db", "/openheart.db"),
        ("sqlite:////var/lib/openheart.db", "/var/lib/openheart.db"),
        ("sqlite:///~/openheart.db", "/folder/~/openheart.db"),
        ("sqlite:///a%20b%3F%23.db", "/folder/a b?#.db"),
        ("sqlite:///caf%C3%A9.db", "/folder/café.db"),
        ("SQLite:///openheart.db", "/folder/openheart.db"),
    ],
)
def test_a_sqlite_uri_names_a_file(text: str, path: str) -> None:
    assert sqlite_path(text) == Path(path)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("sqlite://", "memory:"),
        ("sqlite:///", "memory:"),
        ("sqlite:///:memory:", "memory:"),
        ("sqlite:openheart.db", "sqlite:///openheart.db"),
        ("sqlite://openheart.db", "sqlite:///openheart.db"),
        ("sqlite:/var/openheart.db", "sqlite:////var/openheart.db"),
        ("sqlite:///openheart.db?mode=ro", "OPENHEART_SQLITE_SYNCHRONOUS"),
        ("sqlite:///a#b.db", "%23"),
        ("sqlite:///folder/", "the path of a file"),
        ("sqlite:///a%00b.db", "the path of a file"),
        ("memory:name", "memory: alone"),
    ],
)
def test_a_uri_that_names_nothing_is_refused_with_what_would_be_right(text: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        get_backend(text)
    assert advice in str(caught.value)
    assert caught.value.key == "OPENHEART_URI"


def test_an_unknown_scheme_is_a_runtime_error_that_names_the_known_ones() -> None:
    with pytest.raises(RuntimeError, match="memory, .*sqlite") as caught:
        get_backend("nosuch://user:secret@host/0")
    assert isinstance(caught.value, SchemeError)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "openheart.db", "://", ":"])
def test_text_without_a_scheme_is_refused_as_one(text: str) -> None:
    with pytest.raises(SchemeError, match="one of the schemes"):
        get_backend(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("file:openheart.db", "sqlite:///openheart.db"),
        ("file:openheart.db?mode=rwc", "sqlite:///openheart.db"),
        ("file:/var/openheart.db", "sqlite:////var/openheart.db"),
        ("file:///var/openheart.db", "sqlite:////var/openheart.db"),
        ("file::memory:?cache=shared", "memory:"),
    ],
)
def test_the_uris_of_flask_openheart_are_refused_with_ours(text: str, advice: str) -> None:
    with pytest.raises(SchemeError) as caught:
        get_backend(text)
    assert str(caught.value).endswith(advice)


def test_a_backend_is_made_unconnected_and_connects_in_a_with_block() -> None:
    backend = get_backend("memory:")
    assert not backend.is_connected()
    with backend as connected:
        assert connected is backend
        assert backend.is_connected()
    assert not backend.is_connected()


def test_another_package_adds_a_scheme(install: Callable[[str, str], None]) -> None:
    install("third", f"{__name__}:Third")
    backend = get_backend("third://host", colour="red")
    assert isinstance(backend, Third)
    assert backend.options == {"colour": "red"}
    with pytest.raises(SchemeError, match="sqlite, third"):
        get_backend("nosuch:")


def test_another_package_is_imported_only_for_its_scheme(install: Callable[[str, str], None]) -> None:
    install("third", "no.such.module:Third")
    with pytest.raises(SchemeError, match="third"):
        get_backend("nosuch:")
    with pytest.raises(ModuleNotFoundError):
        get_backend("third:")


@pytest.mark.parametrize("value", ["Coloured", "ROW"])
def test_the_settings_of_a_backend_of_another_package_are_settings_like_all_others(
    value: str, install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("third", f"{__name__}:{value}")
    monkeypatch.setenv("THIRD_COLOUR", "Blue")
    app = Flask("host")
    OpenHeart(app, uri="third://host")

    backend = app.extensions["openheart"].service.backend

    assert backend.options["colour"] == "blue"
    monkeypatch.delenv("THIRD_COLOUR")
    with pytest.raises(ConfigError, match="THIRD_COLOUR='green'"):
        openheart.load(uri="third://host", third_colour="green")
    app.extensions["openheart"].close()


def test_the_settings_of_a_backend_of_another_package_are_unknown_while_another_is_used(
    install: Callable[[str, str], None],
) -> None:
    install("third", f"{__name__}:ROW")
    with pytest.raises(ConfigError, match="third_colour"):
        openheart.load(uri="memory:", third_colour="blue")


def test_a_row_whose_driver_is_not_installed_says_how_to_get_it(install: Callable[[str, str], None]) -> None:
    install("third", f"{__name__}:WITHOUT_DRIVER")
    message = r"no_such_driver to be installed: pip install 'openheart\[nosuch\]'"
    with pytest.raises(MissingDependency, match=message):
        get_backend("third:")


def test_each_scheme_of_ours_is_that_of_its_class() -> None:
    for scheme, point in own_plugins(BACKENDS).items():
        assert scheme in point.load().load().schemes


def test_each_storage_of_ours_is_held_to_the_contract() -> None:
    folders = {point.load().where.split(".")[2] for point in own_plugins(BACKENDS).values()}
    contracts = Path(__file__).parents[1] / "contracts"

    assert {path.stem.removeprefix("test_") for path in contracts.glob("test_*.py")} == folders


def test_an_entry_point_that_is_no_backend_is_named(install: Callable[[str, str], None]) -> None:
    install("third", f"{__name__}:NOT_A_BACKEND")
    with pytest.raises(ConfigError, match="a subclass of openheart.storage.Backend"):
        get_backend("third:")


def test_sqlite3_is_imported_only_for_its_scheme() -> None:
    code = "import sys, openheart.storage as s; s.get_backend('memory:'); print('sqlite3' in sys.modules)"
    root = Path(uri.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_default_is_a_file_of_ours_with_the_instance_in_its_name(tmp_path: Path) -> None:
    plain = uri.backend_from_config(load_config(env=False), tmp_path, "my.app")
    named = uri.backend_from_config(
        load_config(keywords={"instance": "blue"}, env=False), tmp_path, "my/app?"
    )
    assert isinstance(plain, SqliteBackend)
    assert isinstance(named, SqliteBackend)
    assert plain.path == tmp_path / "openheart.db"
    assert named.path == tmp_path / "openheart-blue.db"
    assert named.instance == "blue"
    for former, instance in (("my.app.db", None), ("my-app--blue.db", "blue")):
        with get_backend(f"sqlite:///{former}", folder=tmp_path, instance=instance) as backend:
            backend.incr("page", "🥨")
    assert uri.backend_from_config(load_config(env=False), tmp_path, "my.app").location.endswith("/my.app.db")
    config = load_config(keywords={"instance": "blue"}, env=False)
    assert uri.backend_from_config(config, tmp_path, "my/app?").location.endswith("/my-app--blue.db")


def test_the_settings_of_the_storage_reach_it(tmp_path: Path) -> None:
    settings = {
        "OPENHEART_URI": "sqlite:///x.db",
        "OPENHEART_SQLITE_SYNCHRONOUS": "NORMAL",
        "OPENHEART_SQLITE_BUSY_TIMEOUT": "3s",
        "OPENHEART_QUEUE": 7,
    }
    backend = uri.backend_from_config(load_config(app_config=settings, env=False), tmp_path, "app")
    assert isinstance(backend, SqliteBackend)
    assert (backend.synchronous, backend.busy_timeout, backend.queue) == ("NORMAL", 3.0, 7)


def test_a_wrong_setting_says_where_it_came_from(tmp_path: Path) -> None:
    for text in ("nosuch://x", "sqlite://x.db"):
        config = load_config(app_config={"OPENHEART_URI": text}, env=False)
        with pytest.raises(ConfigError) as caught:
            uri.backend_from_config(config, tmp_path, "app")
        assert caught.value.source == "app.config"


def test_a_wrong_synchronous_is_refused() -> None:
    with pytest.raises(ValueError, match="expected FULL or NORMAL"):
        get_backend("sqlite:///x.db", synchronous="OFF")
