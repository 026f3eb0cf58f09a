from __future__ import annotations

import subprocess
import sys
import uuid
from typing import Any

import pytest
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.batteries import battery_of
from openheart.batteries.mongodb import battery as module
from openheart.batteries.mongodb.battery import Mongodb, database_name
from openheart.core.state import state_of
from openheart.errors import ConfigError, MissingDependency, OpenHeartError

from ...child import run_child
from ...servers.mongodb import MongoServer

FORK = """
import os, sys
import openheart
openheart.load(name="one", uri="memory:", mongohq_url=sys.argv[1])
openheart.mongodb.get_db().things.insert_one({"who": "parent"})
before = openheart.mongodb.get_connection()
child = os.fork()
if not child:
    assert openheart.mongodb.get_connection() is not before
    openheart.mongodb.get_db().things.insert_one({"who": "child"})
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert openheart.mongodb.get_connection() is before
print(sorted(row["who"] for row in openheart.mongodb.get_db().things.find()))
openheart.unload()
"""


@pytest.fixture(scope="module")
def server(mongodb_alone: MongoServer) -> MongoServer:
    mongodb_alone.empty()
    return mongodb_alone


def test_the_app_has_one_client_and_the_database_that_load_names(server: MongoServer) -> None:
    openheart.load(name="one", uri="memory:", mongohq_url=server.uri, mongo_database="mine")
    client = openheart.mongodb.get_connection()
    assert openheart.mongodb.get_connection() is client
    database = openheart.mongodb.get_db()
    assert database.name == "mine"
    database["posts"].insert_one({"title": "hello"})
    assert client["mine"]["posts"].count_documents({}) == 1
    assert openheart.mongodb.get_db("other").name == "other"


@pytest.mark.parametrize(
    ("uri", "named", "expected"),
    [
        ("mongodb://h/theirs", "mine", "theirs"),
        ("mongodb://h/", "mine", "mine"),
        ("mongodb://h", None, "openheart"),
    ],
)
def test_the_database_is_that_of_the_uri_then_mongo_database_then_openheart(
    uri: str, named: str | None, expected: str
) -> None:
    openheart.load(name="one", uri="memory:", mongohq_url=uri, mongo_database=named)
    assert openheart.mongodb.get_db().name == expected


@pytest.mark.parametrize(
    ("uri", "instance", "expected"),
    [
        ("mongodb://h/theirs", "eu", "theirs-eu"),
        ("mongodb://h", "eu", "openheart-eu"),
        ("mongodb://h", "eu.west", "openheart-eu+west"),
        ("mongodb://h", "eu_west", "openheart-eu_west"),
    ],
)
def test_each_instance_has_a_database_of_its_own(uri: str, instance: str, expected: str) -> None:
    app = Flask("one")
    OpenHeart(app, env=False, uri="memory:", mongohq_url=uri, instance=instance)
    assert database_name(state_of(app).config) == expected


@pytest.fixture
def name() -> str:
    """A database that no other test uses."""
    return f"site_{uuid.uuid4().hex}"


def test_two_instances_do_not_see_each_others_documents(server: MongoServer, name: str) -> None:
    found = {}
    for instance in ("eu", "us", None):
        app = openheart.load(
            name="one", uri="memory:", mongohq_url=server.uri, mongo_database=name, instance=instance
        )
        openheart.mongodb.get_db()["posts"].insert_one({"title": instance})
        found[instance] = [row["title"] for row in openheart.mongodb.get_db()["posts"].find()]
        assert openheart.mongodb.get_db("shared", app).name == "shared"
        openheart.unload()
    assert found == {"eu": ["eu"], "us": ["us"], None: [None]}


def test_an_instance_that_makes_the_name_too_long_is_named() -> None:
    openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h", instance="x" * 60)
    with pytest.raises(ConfigError, match="INSTANCE='xxx.*a shorter one: MongoDB's longest name is 63 bytes"):
        openheart.mongodb.get_db()


def test_data_that_was_there_before_INSTANCE_was_set_is_reported_once(
    server: MongoServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings: dict[str, Any] = {"uri": "memory:", "mongohq_url": server.uri, "mongo_database": name}
    openheart.load(name="one", **settings)
    openheart.mongodb.get_db()["posts"].insert_one({"title": "hello"})
    openheart.unload()
    assert caplog.messages == []

    openheart.load(name="one", instance="eu", **settings)
    openheart.mongodb.get_db()
    openheart.mongodb.get_db()
    warning = f"INSTANCE=eu: the app's MongoDB database is {name}-eu, which is empty, and {name} has data: "
    assert caplog.messages == [f"{warning}move it, or unset INSTANCE"]
    openheart.mongodb.get_db()["posts"].insert_one({"title": "of eu"})
    openheart.unload()

    openheart.load(name="one", instance="eu", **settings)
    openheart.mongodb.get_db()
    assert len(caplog.messages) == 1


def test_counts_in_the_same_database_are_no_data_of_the_app(
    server: MongoServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = openheart.load(name="one", uri=server.uri, mongo_database=name)
    assert app.test_client().post("/openheart/a", data="🥨").status_code == 200
    openheart.unload()
    openheart.load(name="one", uri=server.uri, mongo_database=name, instance="eu")
    openheart.mongodb.get_db()
    assert caplog.messages == []


def test_a_server_that_does_not_answer_is_not_waited_for_long(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LOOK_TIME", 0.1)
    openheart.load(name="one", uri="memory:", mongohq_url="mongodb://127.0.0.1:1/", instance="eu")
    assert openheart.mongodb.get_db().name == "openheart-eu"
    assert caplog.messages == []


def test_the_variables_go_before_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGOHQ_URL", "mongodb://variable/")
    monkeypatch.setenv("MONGO_DATABASE", "variable")
    openheart.load(name="one", uri="memory:", mongo_database="argument")
    assert openheart.mongodb.get_db().name == "variable"


def test_where_the_counts_are_in_mongodb_the_app_may_use_it_too() -> None:
    openheart.load(name="one", uri="mongodb://h/theirs")
    assert openheart.mongodb.get_db().name == "theirs"


def test_unload_closes_the_client_and_the_next_use_makes_another(server: MongoServer) -> None:
    app = openheart.load(name="one", uri="memory:", mongohq_url=server.uri)
    client = openheart.mongodb.get_connection()
    client.admin.command("ping")
    openheart.unload()
    with pytest.raises(Exception, match="after close"):
        client.admin.command("ping")
    assert openheart.mongodb.get_connection(app) is not client
    battery_of(Mongodb, app).close()


def test_two_apps_have_clients_of_their_own() -> None:
    one, two = Flask("one"), Flask("two")
    for app in (one, two):
        OpenHeart(app, env=False, uri="memory:", mongohq_url=f"mongodb://{app.name}/")
    with one.app_context():
        first = openheart.mongodb.get_connection()
    assert openheart.mongodb.get_connection(two) is not first
    assert openheart.mongodb.get_connection(one) is first


def test_a_fork_gets_a_client_of_its_own(server: MongoServer) -> None:
    assert run_child(FORK, server.uri) == "['child', 'parent']\n"


def test_without_a_uri_it_says_which_variable_is_wanted() -> None:
    openheart.load(name="one", uri="memory:")
    with pytest.raises(ConfigError, match="MONGOHQ_URL=None.*mongodb://localhost:27017/name"):
        openheart.mongodb.get_connection()


def test_another_kind_of_uri_is_refused_without_its_password() -> None:
    openheart.load(name="one", uri="memory:", mongohq_url="redis://me:s3cret@h/")
    with pytest.raises(ConfigError, match=r"MONGOHQ_URL='redis://me:\*\*\*@h/'.*a MongoDB"):
        openheart.mongodb.get_db()


def test_a_uri_that_the_driver_refuses_names_the_setting_and_hides_the_password() -> None:
    openheart.load(name="one", uri="memory:", mongohq_url="mongodb://me:s3cret@h:port/")
    with pytest.raises(ConfigError, match="MONGOHQ_URL=") as caught:
        openheart.mongodb.get_connection()
    assert "s3cret" not in str(caught.value)


def test_without_an_app_it_says_what_to_call() -> None:
    with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
        openheart.mongodb.get_connection()


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h/")
    for name in list(sys.modules):
        if name.startswith("openheart.storage.mongodb"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pymongo", None)
    with pytest.raises(MissingDependency, match=r"MONGOHQ_URL.*pip install 'openheart\[mongodb\]'"):
        openheart.mongodb.get_connection()


def test_openheart_mongodb_loads_no_driver_until_it_is_used() -> None:
    code = "import sys, openheart; openheart.mongodb; print('pymongo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_health_says_within_seconds_that_the_server_is_unavailable_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHECK_TIME", 0.2)
    app = openheart.load(name="one", uri="memory:", mongohq_url="mongodb://me:s3cret@127.0.0.1:1/")
    health = battery_of(Mongodb, app).health()
    assert health == (
        "mongodb://me:***@127.0.0.1:1/ does not answer (ServerSelectionTimeoutError); "
        "start it, or correct the URI"
    )


def test_health_is_well_where_the_server_answers(server: MongoServer) -> None:
    app = openheart.load(name="one", uri="memory:", mongohq_url=server.uri)
    assert battery_of(Mongodb, app).health() is None
