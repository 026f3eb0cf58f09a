from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import flask
import pytest

import openheart
from openheart.batteries import Row, registry
from openheart.batteries.battery import Battery
from openheart.batteries.registry import class_of, own_rows
from openheart.errors import ConfigError
from openheart.settings.plugins import BATTERIES

TABLE = own_rows()

THIRD = """
from openheart.config import casts
from openheart.batteries import Battery, Option, Row, battery_of

SIZE = Option("THIRD_SIZE", casts.integer(1, 9), 3, "How large it is.", group="third")
KEY = Option("THIRD_KEY", casts.secret_text(), None, "Its key.", secret=True, group="third")
ROW = Row("third", "third:Third", settings=[SIZE, KEY])

class Third(Battery[int]):
    row = ROW
    def install(self):
        self.app.third = "installed"
    def open(self):
        return self.config[SIZE]

NOT_A_ROW = object()
OTHER_NAME = Row("other", "third:Third")
OURS = Row("mail", "third:Third")
"""

ROUTED = """
from flask import Response
from openheart.batteries import Battery, Row
from openheart.web.route import Route, reading
from openheart.web.routes import add_route

ROW = Row("routed", "routed:Routed")
DOCUMENT = {"get": {"operationId": "sayHello", "responses": {"200": {"description": "A greeting"}}}}

def hello(state):
    return Response("hello from " + state.prefix)

class Routed(Battery[None]):
    row = ROW
    def install(self):
        add_route(self.app, Route("/-/hello", "openheart.hello", reading(hello), document=DOCUMENT))
    def open(self):
        return None
"""

ALL_ON = {
    "AMAZON_BUCKET": "b",
    "AMAZON_ID": "id",
    "AMAZON_SECRET": "secret",
    "CLOUDAMQP_URL": "amqp://127.0.0.1:1/",
    "MONGOHQ_URL": "mongodb://127.0.0.1:1/one?serverSelectionTimeoutMS=50",
    "OPENHEART_LIVE": "1",
    "OPENHEART_LOCALES": "en,de",
    "OPENHEART_REDIS_SESSION": "1",
    "OPENHEART_S3_ENDPOINT": "http://127.0.0.1:1",
    "OPENHEART_URI": "memory:",
    "OPENHEART_WEBHOOK": "http://127.0.0.1:1",
    "OPENHEART_WEBHOOK_PRIVATE": "1",
    "OPENHEART_WEBHOOK_SECRET": "whsec_d2hhdCBvbmx5IHRoZSB0d28gb2YgdGhlbSBrbm93",
    "OPENHEART_PUSHER_ENDPOINT": "http://127.0.0.1:1",
    "PUSHER_APP_ID": "1",
    "PUSHER_KEY": "key",
    "PUSHER_SECRET": "secret",
    "REDISTOGO_URL": "valkey://127.0.0.1:1",
    "SECRET_KEY": "k",
    "SMTP_HOST": "127.0.0.1:1",
}
USE_ALL = """
import contextlib, sys
import openheart
import openheart.amazon, openheart.amqp, openheart.mail, openheart.pusher
from openheart.batteries import battery_of, registry
from openheart.errors import BatteryError

app = openheart.load(name="one")
there = set(sys.modules)
names = []
for row in registry.own_rows():
    if registry.is_on(row, app.extensions["openheart"].config):
        names.append(row.name)
        with contextlib.suppress(BatteryError):
            battery_of(registry.class_of(row), app).check()
        with contextlib.suppress(BatteryError):
            if row.name == "amazon":
                openheart.amazon.put_amazon_key("a", b"1", app=app)
            elif row.name == "pusher":
                openheart.pusher.trigger("a", "b", {}, app=app)
            elif row.name == "amqp":
                openheart.amqp.publish("a", {}, app=app)
            elif row.name == "mail":
                openheart.send_mail(app, "a", "a@example.org", ["b@example.org"], data="c")
openheart.unload()
print(*names)
later = set(sys.modules) - there
print(*[name for name in later if name.partition(".")[0] not in sys.stdlib_module_names])
"""


@pytest.fixture(autouse=True)
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs a package with a battery, and with entry points that are wrong."""
    (tmp_path / "third.py").write_text(THIRD)
    (tmp_path / "routed.py").write_text(ROUTED)
    (tmp_path / "broken.py").write_text("raise RuntimeError('half\\ninstalled')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("third", "routed"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    values = {
        "third": "third:ROW",
        "routed": "routed:ROW",
        "broken": "broken:ROW",
        "gone": "not_there:ROW",
        "not_a_row": "third:NOT_A_ROW",
        "renamed": "third:OTHER_NAME",
        "mail": "third:OURS",
    }
    points = [EntryPoint(name, value, BATTERIES) for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == BATTERIES else [])


def test_a_battery_of_another_package_is_off_until_it_is_named() -> None:
    app = openheart.load(name="one", uri="memory:")
    assert not hasattr(app, "third")
    assert "third" not in sys.modules


def test_a_battery_of_another_package_is_switched_on_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_BATTERIES", "third")
    monkeypatch.setenv("THIRD_SIZE", "7")
    app = openheart.load(name="one", uri="memory:", safe=True)
    import third  # type: ignore[import-not-found]

    assert app.third == "installed"  # type: ignore[attr-defined]
    assert third.battery_of(third.Third).resource == 7
    assert app.test_client().get("/openheart/-/readyz").json == {
        "status": "ready",
        "batteries": {"third": "ok"},
    }


def test_a_route_of_it_is_served_and_documented_as_our_own() -> None:
    app = openheart.load(name="one", uri="memory:", url_prefix="/hearts", openheart_batteries="routed")
    client = app.test_client()
    assert client.get("/hearts/-/hello").text == "hello from /hearts"
    refused = client.post("/hearts/-/hello")
    assert (refused.status_code, refused.content_type) == (405, "application/problem+json")
    document = client.get("/hearts/-/openapi.json").json
    assert document is not None
    assert document["paths"]["/-/hello"]["get"]["operationId"] == "sayHello"
    with app.test_request_context():
        assert flask.url_for("openheart.hello") == "/hearts/-/hello"


def test_its_settings_are_cast_masked_and_known_like_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRD_KEY", "s3cret")
    app = openheart.load(name="one", uri="memory:", openheart_batteries="third", third_size=5)
    config = app.extensions["openheart"].config
    shown = {setting.option.name: setting.text for setting in config.items()}
    assert (shown["THIRD_SIZE"], shown["THIRD_KEY"]) == ("5", "***")
    openheart.unload()
    with pytest.raises(ConfigError, match="THIRD_SIZE=12"):
        openheart.load(name="one", uri="memory:", openheart_batteries="third", third_size=12)


def test_its_settings_are_unknown_while_it_is_off() -> None:
    with pytest.raises(ConfigError, match="third_size"):
        openheart.load(name="one", uri="memory:", third_size=5)


def test_its_settings_may_be_in_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('OPENHEART_BATTERIES = ["third"]\nTHIRD_SIZE = 4\n')
    openheart.load(name="one", uri="memory:", openheart_config="settings.toml")
    import third

    assert third.battery_of(third.Third).resource == 4


def test_a_name_given_twice_is_one_battery() -> None:
    openheart.load(name="one", uri="memory:", openheart_batteries="third,third")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("thrid", "OPENHEART_BATTERIES='thrid'.*those of the installed packages: broken, gone, mail, "),
        ("broken", "broken:ROW to be importable; RuntimeError: half"),
        ("gone", "not_there:ROW to be importable; ModuleNotFoundError"),
        ("not_a_row", "third:NOT_A_ROW to be a Row of openheart.batteries"),
        ("renamed", "a Row with the name of its entry point.*'other'"),
        ("mail", "other than the names of openheart's own.*'mail'"),
    ],
)
def test_a_name_that_cannot_be_used_is_an_error_of_load(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        openheart.load(name="one", uri="memory:", openheart_batteries=name)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_row_has_its_class_and_the_class_its_row(row: Row) -> None:
    kind: type[Battery[Any]] = class_of(row)
    assert kind.row is row
    assert kind.name == row.name


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_row_is_in_the_table_of_the_docs(row: Row) -> None:
    page = (Path(openheart.__file__).parents[1] / "docs" / "howto" / "batteries.rst").read_text(
        encoding="utf-8"
    )
    entries = re.findall(r"   \* - ``(\w+)``\n     - .*\n     - (.*)\n     -(.*)\n", page)
    (switch, extra) = next((switch, extra) for name, switch, extra in entries if name == row.name)
    assert not row.needs or f"``{row.needs[0].name}``" in switch
    assert extra.strip(" `") == (row.extra or "")


def test_the_order_is_that_in_which_they_may_need_each_other() -> None:
    places = [row.place for row in TABLE]
    assert places == sorted(set(places))
    assert TABLE[0].name == "background"
    assert TABLE[0].place < Row("third", "x:X").place < TABLE[1].place
    named = {row.name: row.place for row in TABLE}
    assert named["sessions"] < named["valkey"]


def test_load_without_settings_imports_no_battery_and_no_library_of_one() -> None:
    libraries = sorted(
        {row.library for row in TABLE if row.library} | {"redis", "smtplib", "botocore", "cachelib"}
    )
    code = (
        "import sys, openheart\n"
        "openheart.load(name='one', uri='memory:')\n"
        f"libraries, rows = {libraries}, {[row.name for row in TABLE]}\n"
        "own = [name.split('.')[2:] for name in sys.modules if name.startswith('openheart.batteries.')]\n"
        "print(sorted({name[-1] for name in own if len(name) > 1 or name[0] not in rows}), "
        "[name for name in libraries if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['battery', 'registry', 'row'] []\n"


def test_load_imports_what_is_on_so_that_threads_need_not_do_it_at_the_same_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE_ALL], env={**os.environ, **ALL_ON}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names, imported = done.stdout.split("\n")[:2]
    assert set(names.split()) == {row.name for row in TABLE if row.needs}
    assert imported == ""
