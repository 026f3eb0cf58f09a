"""What the constructors, ``get_backend`` and ``connect`` take, and what reaches the drivers."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from openheart import storage
from openheart.errors import BackendUnavailable, ConfigError
from openheart.storage import (
    Backend,
    MemoryBackend,
    MongoBackend,
    SqliteBackend,
    ValkeyBackend,
    get_backend,
)

from ..child import run_child
from ..servers.mongodb import MongoServer
from ..servers.valkey import Server

URI = "sqlite:///x.db"


def add_and_read(backend: Backend) -> None:
    assert backend.add("arguments", "🥨")["🥨"] == dict(backend.iter("arguments"))["🥨"]
    backend.disconnect()
    assert not backend.is_connected()


def test_a_backend_without_a_uri_connects_to_the_one_it_is_given() -> None:
    backend = SqliteBackend()
    assert (backend.is_connected(), backend.location) == (False, "")
    backend.disconnect()

    backend.connect(URI)

    assert (backend.uri, backend.location) == (URI, str(Path.cwd() / "x.db"))
    add_and_read(backend)
    other = MemoryBackend()
    other.connect()
    add_and_read(other)


def test_so_does_one_of_mongodb(mongodb_alone: MongoServer) -> None:
    backend = MongoBackend()
    backend.disconnect()
    backend.connect(mongodb_alone.uri, serverSelectionTimeoutMS=9000, timeout=60)
    options = backend._own.here.client._client.options  # type: ignore[union-attr]
    assert options.server_selection_timeout == 9
    add_and_read(backend)


def test_so_does_one_of_valkey(valkey_server: Server) -> None:
    backend = ValkeyBackend()
    backend.disconnect()
    backend.connect(valkey_server.uri, client_name="arguments", socket_timeout=9)
    assert backend._timeout == 9
    backend.counts(["a"])
    assert b"name=arguments" in valkey_server.do("CLIENT", "LIST")
    add_and_read(backend)


def test_a_backend_that_has_a_uri_needs_no_other() -> None:
    backend = SqliteBackend(URI, timeout=5)
    assert backend.busy_timeout == 5
    backend.connect()
    backend.connect()
    assert backend.busy_timeout == 5
    add_and_read(backend)
    backend.connect(URI)
    add_and_read(backend)


def test_without_any_uri_it_says_where_to_give_one() -> None:
    for kind in (SqliteBackend, ValkeyBackend, MongoBackend):
        with pytest.raises(TypeError, match=f"{kind.__name__} has no URI: give it to connect"):
            kind().connect()
        with pytest.raises(TypeError, match="has no URI"), kind(timeout=5):
            pass


def test_another_place_closes_the_first() -> None:
    backend = SqliteBackend("sqlite:///one.db")
    backend.connect()
    backend.incr("page", "🥨")

    backend.connect("sqlite:///two.db", synchronous="NORMAL")

    assert backend.counts(["page"]) == [{}]
    assert (backend.path.name, backend.synchronous) == ("two.db", "NORMAL")
    backend.connect()
    assert backend.synchronous == "NORMAL"
    backend.disconnect()


def test_what_the_with_block_uses_is_what_get_backend_was_given() -> None:
    class Connection(sqlite3.Connection):
        made = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            Connection.made += 1
            super().__init__(*args, **kwargs)

    backend = get_backend(URI, 3, factory=Connection, cached_statements=7, instance="blue")
    assert isinstance(backend, SqliteBackend)
    Connection.made = 0
    with backend:
        assert backend.busy_timeout == 3
        assert backend.add("page", "🥨") == {"🥨": 1}
    assert Connection.made
    with get_backend(URI, instance="red") as other:
        assert other.counts(["page"]) == [{}]


FIXED = "here it is always"
PLACE = "it is part of the URI"


@pytest.mark.parametrize(
    ("uri", "given", "message"),
    [
        (URI, {"nosuch": 1}, "SqliteBackend cannot use nosuch: .*'nosuch'.* options are synchronous, "),
        (
            URI,
            {"nosuch": 1},
            "options are synchronous, busy_timeout, queue, and those of sqlite3.connect",
        ),
        (URI, {"isolation_level": "EXCLUSIVE"}, f"isolation_level='EXCLUSIVE': {FIXED} None"),
        (URI, {"check_same_thread": True}, f"check_same_thread=True: {FIXED} False"),
        (URI, {"database": "y.db"}, f"does not take database: {PLACE}"),
        ("memory:", {"timeout": 5}, "MemoryBackend cannot use timeout: there is no such option"),
        ("valkey://h", {"nosuch": 1}, "ValkeyBackend cannot use nosuch: .*'nosuch'"),
        ("valkey://h", {"ssl_ca_certs": "x"}, "ssl_ca_certs"),
        ("valkey+unix:///x", {"socket_keepalive": True}, "socket_keepalive"),
        ("valkey://h", {"decode_responses": True}, f"decode_responses=True: {FIXED} False"),
        ("valkey://h", {"retry_on_timeout": True}, f"retry_on_timeout=True: {FIXED} False"),
        ("valkey://h", {"db": 3}, f"does not take db: {PLACE}"),
        ("mongodb://h", {"nosuch": 1}, "MongoBackend cannot use nosuch: Unknown option:? nosuch"),
        ("mongodb://h", {"connectTimeoutMS": "x"}, "cannot use connectTimeoutMS: connectTimeoutMS must be"),
        ("mongodb://h", {"w": 0}, f"does not take w=0: {FIXED} 'majority'"),
        ("mongodb://h", {"port": 1}, f"does not take port: {PLACE}"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(uri: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        get_backend(uri, **given)
    with pytest.raises(TypeError, match=message):
        type(get_backend(uri))().connect(uri, **given)
    assert not Path("x.db").exists()


def test_there_are_as_many_positional_arguments_as_the_driver_has() -> None:
    with pytest.raises(TypeError, match="given 10 arguments by position and takes at most 7, the URI first"):
        get_backend(URI, *range(9))
    with pytest.raises(TypeError, match="given 2 arguments by position and takes at most 1"):
        get_backend("memory:", 5)


def test_what_the_engine_sets_itself_may_be_given_as_it_is() -> None:
    with get_backend(URI, check_same_thread=False, isolation_level=None) as backend:
        backend.check()
    get_backend("valkey://h", decode_responses=False, protocol=2, socket_keepalive=True)
    get_backend("valkeys://h", ssl_ca_certs="x", max_connections=3)
    get_backend("mongodb://h", w="majority", maxPoolSize=3)


def test_an_option_of_the_driver_takes_precedence_over_the_uri_of_mongodb() -> None:
    uri = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=60000"
    with pytest.raises(BackendUnavailable), get_backend(uri, serverSelectionTimeoutMS=50):
        pass


MEMORY = """
import os, sys
from openheart.storage import SqliteBackend
with SqliteBackend(":memory:") as backend, SqliteBackend(":memory:") as other:
    backend.incr("page", "🥨")
    print([*backend.iter("page")], [*other.iter("page")])
    sys.stdout.flush()
    if os.fork() == 0:
        sys.exit()
    os.wait()
    print(len(os.listdir(sys.argv[1])))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_database_in_memory_is_a_file_that_goes_with_its_backend(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    assert run_child(MEMORY, tmp_path).splitlines() == ["[('🥨', 1)] []", "2"]
    assert [*tmp_path.iterdir()] == []


def test_a_uri_that_names_nothing_is_refused_by_connect_too() -> None:
    backend = SqliteBackend()
    with pytest.raises(ConfigError, match="three slashes"):
        backend.connect("sqlite://x.db")
    assert not backend.is_connected()


def test_every_backend_is_imported_with_its_driver_at_its_first_use() -> None:
    code = """
import sys
import openheart.storage
drivers = {"sqlite3", "valkey", "pymongo"}
print(sorted(drivers & {*sys.modules}))
from openheart.storage import MemoryBackend, MongoBackend, SqliteBackend, ValkeyBackend
print(sorted(drivers & {*sys.modules}), ValkeyBackend.__name__)
"""
    assert run_child(code).splitlines() == ["[]", "['pymongo', 'sqlite3', 'valkey'] ValkeyBackend"]
    with pytest.raises(AttributeError, match="has no attribute 'NoBackend'"):
        getattr(storage, "NoBackend")  # noqa: B009


def test_a_backend_whose_driver_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymongo", None)
    for name in [each for each in sys.modules if each.startswith("openheart.storage.mongodb.")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(ModuleNotFoundError) as caught:
        _ = storage.MongoBackend

    assert caught.value.__notes__ == ["The driver is installed by: pip install 'openheart[mongodb]'"]
