from __future__ import annotations

import sys
from typing import Any

import pytest
from flask import Flask
from pymongo import monitoring

from openheart import OpenHeart, testing
from openheart.cli.conform import run_vectors, table
from openheart.cli.doctor import examine
from openheart.errors import BackendUnavailable, BackendUnusable, ConfigError, MissingDependency
from openheart.storage import Change, get_backend
from openheart.storage.mongodb.backend import COLLECTION, MongoBackend
from openheart.system.finding import Finding

from ...child import run_child
from ...servers.mongodb import MongoServer
from ...wsgi_client import wsgi_sender

FORKS = """
import os, sys
from openheart.storage import get_backend
with get_backend(sys.argv[1], instance="forks") as backend:
    backend.incr("page", "🥨")
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            for _ in range(20):
                backend.incr("page", "🥨")
            backend.disconnect()
            os._exit(0)
        children.append(child)
    for _ in range(20):
        backend.incr("page", "🥨")
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    print(backend.counts(["page"])[0]["🥨"])
"""

FORK_WITHOUT_A_SERVER = """
import os, sys
from openheart.errors import BackendUnavailable
from openheart.storage import get_backend
backend = get_backend(sys.argv[1], timeout=0.5)
backend.connect()
# What the child gets is not there.
backend.uri = "mongodb://127.0.0.1:9/"
child = os.fork()
if not child:
    for _ in range(3):
        try:
            backend.counts(["page"])
        except BackendUnavailable as error:
            print(type(error.__cause__).__name__, flush=True)
    backend.disconnect()
    os._exit(0)
os.waitpid(child, 0)
backend.disconnect()
"""


@pytest.fixture(scope="module")
def server(mongodb_alone: MongoServer) -> MongoServer:
    mongodb_alone.empty()
    return mongodb_alone


def of(uri: str, **options: Any) -> MongoBackend:
    backend = get_backend(uri, **options)
    assert isinstance(backend, MongoBackend)
    return backend


class TestUri:
    @pytest.mark.parametrize(
        ("uri", "named", "expected"),
        [
            ("mongodb://h", None, "openheart"),
            ("mongodb://h/?w=1", None, "openheart"),
            ("mongodb://h/", "mine", "mine"),
            ("mongodb://h/theirs", "mine", "theirs"),
            ("mongodb://me:p%2Fw@a:1,b:2/theirs?replicaSet=x", "mine", "theirs"),
            ("mongodb+srv://h.example.org/theirs", None, "theirs"),
        ],
    )
    def test_the_database_is_the_one_of_the_uri_then_the_one_given(
        self, uri: str, named: str | None, expected: str
    ) -> None:
        assert of(uri, database=named).database == expected

    @pytest.mark.parametrize(
        "uri", ["mongodb:", "mongodb://", "mongodb:///x", "mongodb://h/a.b", "mongodb://h/a/b"]
    )
    def test_what_is_no_connection_string_is_refused(self, uri: str) -> None:
        with pytest.raises(ConfigError, match="mongodb://user:password@host:27017/database"):
            get_backend(uri)

    @pytest.mark.parametrize("name", ["a.b", "a b", "a/b", "$a", ""])
    def test_a_name_that_no_database_can_have_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match="MONGO_DATABASE"):
            get_backend("mongodb://h", database=name)

    @pytest.mark.parametrize(
        "uri",
        [
            "mongodb://me:s3cret@h:port/",
            "mongodb://me:s3cret@h/?maxPoolSize=many",
            "mongodb://me:s3c@ret@h/",
            "mongodb://me:s3cret@h/?readPreference=nearby",
            "mongodb://me:s3cret@h/?timeoutms=soon",
            "mongodb+srv://me:s3cret@h.example.org/?timeout=5",
            "mongodb://me:s3:cret@h/",
        ],
    )
    def test_what_the_driver_refuses_is_said_without_the_password(self, uri: str) -> None:
        with pytest.raises(ConfigError, match="a MongoDB connection string") as caught:
            get_backend(uri)
        assert "s3" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_options_of_the_uri_go_before_the_settings(self, server: MongoServer) -> None:
        with of(f"{server.uri}&maxPoolSize=3&timeoutMS=61234", pool=7, timeout=9) as backend:
            options = backend._opened()._client.options
            assert options.pool_options.max_pool_size == 3
            assert options.timeout == 61.234
        with of(server.uri, pool=7, timeout=9) as backend:
            options = backend._opened()._client.options
            assert options.pool_options.max_pool_size == 7
            assert options.timeout == 9
            assert options.server_selection_timeout == 9
            assert options.pool_options.connect_timeout == 9

    def test_a_missing_driver_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in list(sys.modules):
            if name.startswith("openheart.storage.mongodb"):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "pymongo", None)
        monkeypatch.setitem(sys.modules, "bson", None)
        with pytest.raises(MissingDependency, match=r"pip install 'openheart\[mongodb\]'") as caught:
            get_backend("mongodb://me:s3cret@h/")
        assert "s3cret" not in str(caught.value)


class TestDocuments:
    def test_a_target_is_one_document_and_large_counts_are_whole_numbers(self, server: MongoServer) -> None:
        with (
            of(f"{server.uri.replace('/?', '/documents?')}", instance="one") as backend,
            server.client() as client,
        ):
            backend.apply([Change("a.b/$c", "🥨"), Change("a.b/$c", "❤️", 2)])
            (row,) = client["documents"][COLLECTION].find()
            assert row == {"_id": row["_id"], "i": "one", "target": "a.b/$c", "c": {"🥨": 1, "❤️": 2}}
            assert len(row["_id"]) == 20
            assert type(row["c"]["🥨"]).__name__ == "Int64"
            assert type(backend.counts(["a.b/$c"])[0]["🥨"]) is int

    @pytest.mark.parametrize("emoji", ["", "$inc", "a.b", "a\0b"])
    def test_what_cannot_be_a_field_never_reaches_the_server(self, server: MongoServer, emoji: str) -> None:
        with of(server.uri) as backend:
            with pytest.raises(ValueError, match="canonical emoji"):
                backend.incr("page", emoji)
            assert backend.counts(["page"]) == [{}]

    def test_a_batch_is_one_command_and_writes_ask_for_the_majority(self, server: MongoServer) -> None:
        commands: list[dict[str, Any]] = []

        class Listener(monitoring.CommandListener):
            def started(self, event: monitoring.CommandStartedEvent) -> None:
                commands.append({**event.command})

            def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

            def failed(self, event: monitoring.CommandFailedEvent) -> None: ...

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(monitoring, "_LISTENERS", monitoring._Listeners([Listener()], [], [], [], []))
            with of(f"{server.uri}&w=0", instance="majority") as backend:
                backend.apply([Change(f"page/{number}", "🥨") for number in range(300)])
                del commands[:]
                backend.counts([f"page/{number}" for number in range(300)])
                backend.incr("page/0", "🥨")
        assert [next(iter(command)) for command in commands if "endSessions" not in command] == [
            "find",
            "findAndModify",
        ]
        assert commands[1]["writeConcern"] == {"w": "majority"}

    def test_a_check_leaves_no_document_of_any_instance(self, server: MongoServer) -> None:
        with of(f"{server.uri.replace('/?', '/checks?')}") as backend, server.client() as client:
            backend.check()
            assert client["checks"][COLLECTION].count_documents({}) == 0

    def test_a_check_that_fails_in_the_middle_leaves_nothing_either(self, server: MongoServer) -> None:
        with of(f"{server.uri.replace('/?', '/checks?')}") as backend, server.client() as client:
            server.fail("find", errorCode=13)
            with pytest.raises(BackendUnusable, match="readWrite"):
                backend.check()
            assert client["checks"][COLLECTION].count_documents({}) == 0

    def test_a_read_that_shows_something_else_is_named(
        self, server: MongoServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with of(server.uri) as backend:
            monkeypatch.setattr(type(backend._opened()._collection), "find_one", lambda *_: None)
            with pytest.raises(BackendUnusable, match="readPreference"):
                backend.check()


def test_a_fork_goes_on_with_a_client_of_its_own(server: MongoServer) -> None:
    assert run_child(FORKS, server.uri) == "81\n"


def test_a_child_tries_a_server_that_is_unavailable_once_and_remembers_it(server: MongoServer) -> None:
    causes = run_child(FORK_WITHOUT_A_SERVER, server.uri).splitlines()
    assert causes == ["ServerSelectionTimeoutError", "NoneType", "NoneType"]


def test_every_vector_passes_on_mongodb(server: MongoServer) -> None:
    app = testing.create_app(uri=server.uri, instance="vectors")
    try:
        outcomes = run_vectors(wsgi_sender(app))
    finally:
        app.extensions["openheart"].service.close()
    assert outcomes
    assert all(outcome.passed for outcome in outcomes), table(outcomes)


class TestDoctor:
    def findings(self, uri: str, **settings: Any) -> list[Finding]:
        app = Flask("host")
        OpenHeart(app, env=False, uri=uri, **settings)
        return examine(app)

    def test_the_doctor_prints_the_shard_command_and_says_that_a_server_stands_alone(
        self, server: MongoServer
    ) -> None:
        found = self.findings(server.uri, mongo_database="mine")
        assert [row.level for row in found] == ["ok", "note", "note"]
        assert found[1].fix.endswith('sh.shardCollection("mine.openheart_reactions", { _id: "hashed" })')
        assert "is standalone" in found[2].what

    def test_on_a_replica_set_there_is_nothing_to_say_of_lost_answers(self, mongodb_set: MongoServer) -> None:
        assert [row.level for row in self.findings(mongodb_set.uri)] == ["ok", "note"]

    def test_a_server_that_is_unavailable_is_an_error(self) -> None:
        found = self.findings("mongodb://127.0.0.1:9/", mongodb_timeout="200ms")
        assert [row.level for row in found] == ["error", "note"]


def test_the_settings_reach_the_backend() -> None:
    app = testing.create_app(uri="mongodb://127.0.0.1:9/", mongodb_timeout="200ms", mongo_database="mine")
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:9 is unavailable"):
        app.extensions["openheart"].service.reactions("page")
