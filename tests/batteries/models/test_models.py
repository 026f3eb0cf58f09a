from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import mongoengine
import pytest
from mongoengine import connection
from pymongo.errors import AutoReconnect

import openheart
from openheart.batteries import battery_of
from openheart.batteries.models.battery import Models
from openheart.batteries.mongodb.battery import Mongodb
from openheart.errors import ConfigError, MissingDependency

from ...child import run_child
from ...servers.mongodb import MongoServer
from ...waiting import until

NOBODY = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50"

POST = """
import mongoengine

class Post(mongoengine.Document):
    title = mongoengine.StringField(required=True)
    meta = {"collection": "posts"}
"""

FORK = """
import os, sys, types
import openheart, mongoengine
models = types.ModuleType("models")
exec(sys.argv[2], models.__dict__)
openheart.load(name="one", uri="memory:", mongohq_url=sys.argv[1], mongo_database="forked", models=models)
models.Post.drop_collection()
models.Post(title="parent").save()
before = openheart.mongodb.get_connection()
child = os.fork()
if not child:
    models.Post(title="child").save()
    assert models.Post._get_collection().database.client is openheart.mongodb.get_connection()
    assert openheart.mongodb.get_connection() is not before
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
models.Post(title="again").save()
assert models.Post._get_collection().database.client is before
print(sorted(post.title for post in models.Post.objects))
openheart.unload()
"""


@pytest.fixture(scope="module")
def server(mongodb_alone: MongoServer) -> MongoServer:
    mongodb_alone.empty()
    return mongodb_alone


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    yield
    openheart.unload()
    assert not connection._connections
    connection._connection_settings.clear()


def module(code: str = POST, name: str = "models") -> Any:
    made = ModuleType(name)
    exec(code, made.__dict__)
    return made


def test_documents_are_in_the_database_of_the_app_by_its_own_client(server: MongoServer) -> None:
    models = module()
    openheart.load(name="one", uri="memory:", mongohq_url=server.uri, mongo_database="site", models=models)
    models.Post(title="hello").save()
    assert [row["title"] for row in openheart.mongodb.get_db("site")["posts"].find()] == ["hello"]
    assert models.Post._get_collection().database.client is openheart.mongodb.get_connection()


def test_load_opens_nothing() -> None:
    models = module()
    app = openheart.load(name="one", uri="memory:", mongohq_url=NOBODY, models=models)
    assert not battery_of(Mongodb, app).is_open
    with pytest.raises(Exception, match=r"Timeout: 0\.05s.*127\.0\.0\.1"):
        models.Post.objects.count()


@pytest.mark.parametrize(
    ("uri", "named", "expected"),
    [
        ("mongodb://h/theirs", "mine", "theirs"),
        ("mongodb://h", "mine", "mine"),
        ("mongodb://h", None, "openheart"),
    ],
)
def test_the_database_is_that_of_get_db(uri: str, named: str | None, expected: str) -> None:
    models = module()
    openheart.load(name="one", uri="memory:", mongohq_url=uri, mongo_database=named, models=models)
    assert models.Post._get_db().name == expected == openheart.mongodb.get_db().name


def test_a_document_with_a_connection_of_its_own_stays_there() -> None:
    models = module(
        POST
        + """
class Log(mongoengine.Document):
    meta = {"db_alias": "logs"}

class Base(mongoengine.Document):
    meta = {"abstract": True, "db_alias": "logs"}

class Entry(Base):
    pass
"""
    )
    openheart.load(name="one", uri="memory:", mongohq_url=NOBODY, models=models)
    assert models.Post._meta["db_alias"] == "openheart:one"
    assert models.Log._meta["db_alias"] == models.Entry._meta["db_alias"] == "logs"


def test_documents_elsewhere_stay_on_the_default_connection() -> None:
    elsewhere = module(POST, "elsewhere")
    openheart.load(name="one", uri="memory:", mongohq_url=NOBODY, models=module())
    assert elsewhere.Post._meta.get("db_alias") is None
    assert mongoengine.Document._meta.get("db_alias") is None


def test_documents_of_submodules_imported_ones_and_subclasses_are_of_the_module() -> None:
    below = module("from mongoengine import *\nclass Below(Document): pass", "shop.models.below")
    imported = module("from mongoengine import *\nclass Imported(DynamicDocument): pass", "other")
    code = "from mongoengine import *\nclass Base(Document): meta={'allow_inheritance': True}"
    models = module(code, "shop.models")
    models.Imported = imported.Imported
    later = module("", "later")
    later.Base = models.Base
    exec("class Special(Base): pass", later.__dict__)
    like = module("from mongoengine import *\nclass Like(Document): pass", "shop.models_of_others")
    openheart.load(name="one", uri="memory:", mongohq_url=NOBODY, models=models)
    for document in (models.Base, below.Below, imported.Imported, later.Special):
        assert document._meta["db_alias"] == "openheart:one"
    assert like.Like._meta.get("db_alias") is None


def test_files_and_sequences_are_on_the_connection_too(server: MongoServer) -> None:
    models = module(
        """
import mongoengine, uuid

class Line(mongoengine.EmbeddedDocument):
    number = mongoengine.SequenceField()

class Bill(mongoengine.Document):
    number = mongoengine.SequenceField()
    lines = mongoengine.EmbeddedDocumentListField(Line)
    scan = mongoengine.FileField()
    scans = mongoengine.ListField(mongoengine.FileField())
    elsewhere = mongoengine.SequenceField(db_alias="logs")
    key = mongoengine.UUIDField(default=uuid.uuid4)
"""
    )
    openheart.load(name="one", uri="memory:", mongohq_url=server.uri, models=models)
    assert models.Bill.elsewhere.db_alias == "logs"
    models.Bill.elsewhere.db_alias = "openheart:one"
    bill = models.Bill(lines=[models.Line()])
    bill.scan.put(b"paper")
    bill.save()
    found = models.Bill.objects.get(key=bill.key)
    assert found.scan.read() == b"paper"
    assert (found.number, found.lines[0].number) == (1, 1)
    assert models.Bill.scans.field.db_alias == "openheart:one"


def test_unload_lets_the_client_go_and_the_next_use_makes_another(server: MongoServer) -> None:
    models = module()
    openheart.load(name="one", uri="memory:", mongohq_url=server.uri, mongo_database="again", models=models)
    models.Post(title="before").save()
    app = openheart.get_app()
    client = openheart.mongodb.get_connection()
    openheart.unload()
    assert not connection._connections
    assert models.Post.objects.count() == 1
    assert models.Post._get_collection().database.client is not client
    for battery in list(app.extensions["openheart"].batteries.values()):
        battery.close()


def test_documents_that_are_used_while_the_app_closes_get_the_next_client_afterwards(
    server: MongoServer,
) -> None:
    models = module()
    app = openheart.load(
        name="one", uri="memory:", mongohq_url=server.uri, mongo_database="closing", models=models
    )
    models.Post(title="before").save()
    battery_of(Models, app).close()
    assert models.Post.objects.count() == 1
    battery_of(Mongodb, app).close()
    assert not battery_of(Models, app).is_open
    assert models.Post.objects.count() == 1
    assert models.Post._get_collection().database.client is openheart.mongodb.get_connection()


def test_a_module_goes_to_the_next_app_also_when_it_was_used_while_the_last_closed() -> None:
    models = module()
    app = openheart.load(name="before", uri="memory:", mongohq_url="mongodb://h/one", models=models)
    battery_of(Models, app).close()
    assert models.Post._get_db().name == "one"
    battery_of(Mongodb, app).close()
    openheart.load(name="after", uri="memory:", mongohq_url="mongodb://h/two", models=models)
    assert models.Post._get_db().name == "two"


@pytest.mark.slow
def test_a_server_that_was_away_is_used_again(server: MongoServer) -> None:
    models = module()
    uri = f"{server.uri}&serverSelectionTimeoutMS=20000"
    openheart.load(name="one", uri="memory:", mongohq_url=uri, mongo_database="away", models=models)
    models.Post(title="before").save()
    server.kill()
    server.start()

    def is_back() -> bool:
        # The first use may still find a connection of before.
        try:
            models.Post(title="after").save()
        except AutoReconnect:
            return False
        return True

    until(is_back)
    assert {post.title for post in models.Post.objects} == {"before", "after"}


def test_two_apps_have_databases_of_their_own_also_with_classes_of_one_name(server: MongoServer) -> None:
    first, second = module(POST, "first"), module(POST, "second")
    one = openheart.load(
        name="one", uri="memory:", mongohq_url=server.uri, mongo_database="one", models=first
    )
    openheart.load(name="two", uri="memory:", mongohq_url=server.uri, mongo_database="two", models=second)
    first.Post(title="of one").save()
    second.Post(title="of two").save()
    assert [post.title for post in first.Post.objects] == ["of one"]
    assert [post.title for post in second.Post.objects] == ["of two"]
    # Closing one leaves the other alone.
    for battery in list(one.extensions["openheart"].batteries.values()):
        battery.close()
    assert [post.title for post in second.Post.objects] == ["of two"]
    assert [post.title for post in first.Post.objects] == ["of one"]
    for battery in list(one.extensions["openheart"].batteries.values()):
        battery.close()


def test_two_apps_of_one_name_have_connections_of_their_own() -> None:
    first, second = module(POST, "first"), module(POST, "second")
    apps = [
        openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h/one", models=first),
        openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h/two", models=second),
    ]
    assert (first.Post._get_db().name, second.Post._get_db().name) == ("one", "two")
    for app in apps:
        for battery in list(app.extensions["openheart"].batteries.values()):
            battery.close()


def test_a_module_is_not_taken_from_another_app_that_has_it_on_another_database() -> None:
    models = module()
    one = openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h/one", models=models)
    with pytest.raises(ConfigError, match="models='models'.*: 'one' has them on another database"):
        openheart.load(name="two", uri="memory:", mongohq_url="mongodb://h/two", models=models)
    assert openheart.APP is one
    assert models.Post._meta["db_alias"] == "openheart:one"


def test_a_module_goes_to_the_next_app_after_unload() -> None:
    models = module()
    openheart.load(name="before", uri="memory:", mongohq_url="mongodb://h/one", models=models)
    openheart.unload()
    openheart.load(name="after", uri="memory:", mongohq_url="mongodb://h/two", models=models)
    assert models.Post._get_db().name == "two"
    assert list(connection._connection_settings) == ["openheart:after"]


def test_documents_of_an_app_that_is_gone_are_not_given_to_another_of_its_name() -> None:
    left = module(POST, "left")
    openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h/one", models=left)
    openheart.unload()
    gc.collect()
    openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h/two", models=module())
    with pytest.raises(Exception, match="the application of these models no longer exists"):
        left.Post.objects.count()


def test_a_module_goes_to_another_app_on_the_same_database_as_in_tests_with_a_factory() -> None:
    models = module()
    for name in ("one", "one", "two"):
        openheart.load(name=name, uri="memory:", mongohq_url="mongodb://h/same", models=models)
    assert models.Post._meta["db_alias"] == "openheart:two"


def test_an_app_that_is_gone_keeps_no_module() -> None:
    models = module()
    app: Any = openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h/one", models=models)
    app = None
    openheart.load(name="other", uri="memory:")
    gc.collect()
    assert app is None
    openheart.load(name="two", uri="memory:", mongohq_url="mongodb://h/two", models=models)
    assert models.Post._get_db().name == "two"


def test_threads_share_the_client(server: MongoServer) -> None:
    models = module()
    openheart.load(name="one", uri="memory:", mongohq_url=server.uri, mongo_database="threads", models=models)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: models.Post(title=str(number)).save(), range(50)))
    assert models.Post.objects.count() == 50
    assert models.Post._get_collection().database.client is openheart.mongodb.get_connection()


def test_a_fork_gets_a_client_of_its_own(server: MongoServer) -> None:
    assert run_child(FORK, server.uri, POST) == "['again', 'child', 'parent']\n"


def test_readiness_lists_them(server: MongoServer) -> None:
    app = openheart.load(name="one", uri="memory:", mongohq_url=server.uri, models=module())
    ready = app.test_client().get("/openheart/-/readyz")
    assert ready.json == {"status": "ready", "batteries": {"models": "ok", "mongodb": "ok"}}


def test_without_a_mongodb_load_says_which_variable_is_wanted() -> None:
    with pytest.raises(ConfigError, match="MONGOHQ_URL=None.*mongodb://localhost:27017/name"):
        openheart.load(name="one", uri="memory:", models=module())
    assert openheart.APP is None


def test_a_module_without_documents_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="models='empty'.*a module that defines or imports document classes of mongoengine"
    ):
        openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h", models=ModuleType("empty"))


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import find_spec

    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "mongoengine" else find_spec(name)
    )
    with pytest.raises(MissingDependency, match=r"mongoengine to be .*'openheart\[models\]'"):
        openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h", models=module())


def test_without_models_their_library_is_not_loaded(tmp_path: Path) -> None:
    code = "import sys, openheart; openheart.load(name='one', uri='memory:', mongohq_url='mongodb://h');"
    code += "openheart.unload(); print('mongoengine' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_the_battery_tells_what_mongoengine_calls_the_connection() -> None:
    app = openheart.load(name="one", uri="memory:", mongohq_url="mongodb://h", models=module())
    assert battery_of(Models, app).alias == "openheart:one"
