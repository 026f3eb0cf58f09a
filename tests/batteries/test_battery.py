"""The shape that all batteries share, on batteries that are made here."""

from __future__ import annotations

import os
import threading
from typing import Any, ClassVar

import pytest
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.batteries import Battery, Option, Row, battery, battery_of
from openheart.errors import BatteryError, ConfigError, MailRefused, MissingDependency, OpenHeartError
from openheart.settings import casts
from openheart.system import probe

from ..waiting import PATIENCE, until

NEEDED: Option[str | None] = Option("THING_URL", casts.uri(), None, "The thing of the app.")
PASSWORD: Option[Any] = Option("THING_PASSWORD", casts.secret_text(), None, "Its password.", secret=True)


class Thing(Battery[str]):
    """Says what happens to it."""

    row = Row("thing", f"{__name__}:Thing")
    said: ClassVar[list[str]] = []
    fails: ClassVar[dict[str, Exception]] = {}

    def say(self, what: str) -> None:
        self.said.append(what)
        if error := self.fails.get(what):
            raise error

    def open(self) -> str:
        self.say("open")
        return "resource"

    def shut(self, resource: str) -> None:
        self.say(f"shut {resource}")

    def check(self) -> None:
        self.say("check")


class Late(Thing):
    row = Row("late", f"{__name__}:Late", place=9)

    def open(self) -> str:
        super().open()
        return "late"


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thing, "said", [])
    monkeypatch.setattr(Thing, "fails", {})


@pytest.fixture
def app() -> Flask:
    return openheart.load(name="one", uri="memory:")


@pytest.fixture
def thing(app: Flask) -> Thing:
    return battery_of(Thing, app)


def test_it_opens_at_its_first_use_and_once(thing: Thing) -> None:
    assert not thing.is_open
    assert [thing.resource, thing.resource] == ["resource", "resource"]
    assert thing.is_open
    assert thing.said == ["open"]


def test_threads_that_use_it_at_once_open_it_once(thing: Thing) -> None:
    barrier = threading.Barrier(8)

    def use() -> None:
        barrier.wait()
        _ = thing.resource

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert thing.said == ["open"]


def test_one_that_cannot_be_opened_is_tried_again_at_the_next_use(thing: Thing) -> None:
    thing.fails["open"] = BatteryError("thing", "unavailable")
    with pytest.raises(BatteryError, match="thing: unavailable"):
        _ = thing.resource
    assert not thing.is_open
    thing.fails.clear()
    assert thing.resource == "resource"


@pytest.mark.parametrize(
    "failure", [BatteryError("thing", "unavailable"), MailRefused({"bob@example.net": "550 No"}, [])]
)
def test_threads_that_wait_for_one_that_cannot_be_opened_do_not_try_it_in_turn(
    thing: Thing, monkeypatch: pytest.MonkeyPatch, failure: BatteryError
) -> None:
    came: list[None] = []
    caught: list[BatteryError] = []

    class Counting:
        lock = threading.RLock()

        def __enter__(self) -> None:
            came.append(None)
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    def open() -> str:
        thing.say("open")
        until(lambda: len(came) >= 8)
        raise failure

    def use() -> None:
        with pytest.raises(BatteryError) as raised:
            _ = thing.resource
        caught.append(raised.value)

    monkeypatch.setattr(thing._own.here, "lock", Counting())
    monkeypatch.setattr(thing, "open", open)
    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert thing.said == ["open"]
    assert {(type(each), str(each), each.detail) for each in caught} == {
        (type(failure), str(failure), failure.detail)
    }
    assert len({id(each) for each in caught}) == 8
    with pytest.raises(BatteryError):
        _ = thing.resource
    assert thing.said == ["open", "open"]


def test_closing_it_again_does_nothing_and_the_next_use_opens_it(thing: Thing) -> None:
    thing.close()
    _ = thing.resource
    thing.close()
    thing.close()
    _ = thing.resource
    assert thing.said == ["open", "shut resource", "open"]


def test_a_fork_opens_one_of_its_own_and_leaves_the_parents_open(thing: Thing) -> None:
    _ = thing.resource
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        thing.said.clear()
        before = thing.is_open
        _ = thing.resource
        thing.close()
        os.write(writing, f"{before} {thing.said}".encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reading, 1000) == b"False ['open', 'shut resource']"
    os.close(reading)
    os.close(writing)
    assert thing.is_open
    assert thing.said == ["open"]


def test_threads_that_use_it_first_after_a_fork_share_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counted(Thing):
        row = Row("counted", f"{__name__}:Counted")

        def open(self) -> str:
            super().open()
            return f"resource {len(self.said)}"

    counted = battery_of(Counted, app)
    _ = counted.resource
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        both_are_there = threading.Barrier(2)

        class Meeting(battery._Process[str]):
            def __init__(self) -> None:
                both_are_there.wait(PATIENCE)
                super().__init__()

        monkeypatch.setattr(battery, "_Process", Meeting)
        counted.said.clear()
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(counted.resource)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.write(writing, f"{found} {counted.said}".encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reading, 1000) == b"['resource 1', 'resource 1'] ['open']"
    os.close(reading)
    os.close(writing)


def test_a_fork_that_happens_while_it_is_opened_does_not_wait_for_it(app: Flask) -> None:
    class Forking(Thing):
        row = Row("forking", f"{__name__}:Forking")
        status: ClassVar[list[int]] = []

        def open(self) -> str:
            if not self.status:
                self.status.append(0)
                forked = threading.Thread(target=self.fork)
                forked.start()
                forked.join()
            return "resource"

        def fork(self) -> None:
            child = os.fork()
            if not child:
                os._exit(0 if self.resource == "resource" else 1)
            self.status[0] = os.waitpid(child, 0)[1]

    assert battery_of(Forking, app).resource == "resource"
    assert Forking.status == [0]


def test_each_app_has_its_own() -> None:
    one, two = Flask("one"), Flask("two")
    for app in (one, two):
        OpenHeart(app, env=False, uri="memory:")
    assert battery_of(Thing, one) is battery_of(Thing, one)
    assert battery_of(Thing, one) is not battery_of(Thing, two)
    with two.app_context():
        assert battery_of(Thing).app is two


def test_without_an_app_it_says_what_to_call() -> None:
    with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
        battery_of(Thing)


def test_in_an_app_without_openheart_it_says_what_to_call() -> None:
    with pytest.raises(OpenHeartError, match=r"OpenHeart\(app\)"):
        battery_of(Thing, Flask("bare"))


def test_unload_closes_them_by_their_place_and_not_by_their_first_use(app: Flask) -> None:
    _ = battery_of(Late, app).resource
    _ = battery_of(Thing, app).resource
    openheart.unload()
    assert Thing.said == ["open", "open", "shut resource", "shut late"]


def test_one_that_does_not_close_keeps_neither_the_others_nor_the_storage_open(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    openheart.react("hello", "🥨")
    _ = battery_of(Thing, app).resource
    _ = battery_of(Late, app).resource
    Thing.fails["shut resource"] = RuntimeError("stuck")
    openheart.unload()
    assert Thing.said[-1] == "shut late"
    assert "The battery thing did not close" in caplog.text
    assert "stuck" in caplog.text


def test_health_is_asked_again_only_after_some_seconds(thing: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [thing.health(), thing.health()] == [None, None]
    assert thing.said == ["check"]
    thing.fails["check"] = BatteryError("thing", "unavailable")
    assert thing.health() is None
    monkeypatch.setattr(probe, "LASTS", -1.0)
    assert thing.health() == "unavailable"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BatteryError("thing", "unavailable\x1b[2J"), "unavailable\\x1b[2J"),
        (
            ConfigError("THING_URL", None, "the default", "it"),
            "THING_URL=None (from the default) cannot be used: expected it",
        ),
        (ValueError("amqp://me:hunter2@h\nrefused"), "ValueError: amqp://me:***@h\\nrefused"),
    ],
)
def test_what_is_wrong_is_one_line_without_secrets(thing: Thing, error: Exception, expected: str) -> None:
    thing.fails["check"] = error
    assert thing.health() == expected


def test_readyz_lists_each_and_a_fault_of_one_is_logged_and_not_shown(
    app: Flask, thing: Thing, caplog: pytest.LogCaptureFixture
) -> None:
    _ = battery_of(Late, app)
    client = app.test_client()
    assert client.get("/openheart/-/readyz").json == {
        "status": "ready",
        "batteries": {"thing": "ok", "late": "ok"},
    }
    battery_of(Thing, app)._health._own.here.checked_at = float("-inf")
    thing.fails["check"] = BatteryError("thing", "the server at 10.0.0.1 is unavailable")
    answer = client.get("/openheart/-/readyz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["batteries"] == {"thing": "failing", "late": "ok"}
    assert "10.0.0.1" not in answer.text
    assert "The battery thing does not work: the server at 10.0.0.1 is unavailable" in caplog.text


def test_an_app_whose_vital_battery_fails_is_not_ready(
    app: Flask, thing: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Thing, "vital", True)
    thing.fails["check"] = BatteryError("thing", "the server at 10.0.0.1 is unavailable")
    answer = app.test_client().get("/openheart/-/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "10.0.0.1" not in answer.text


def row(**changes: Any) -> Row:
    return Row(**{"name": "thing", "where": "x:X", "needs": [NEEDED, PASSWORD], **changes})


def config_of(**values: Any) -> Any:
    config = {NEEDED: values.get("url"), PASSWORD: values.get("password")}

    class Config:
        def __getitem__(self, option: Option[Any]) -> Any:
            return config[option]

        def source(self, option: Option[Any]) -> str:
            return "the environment"

    return Config()


def test_the_first_setting_that_it_needs_switches_it_on() -> None:
    assert row().is_on(config_of(url="thing://h"))
    assert not row().is_on(config_of(password="s3cret"))
    assert not row(needs=[]).is_on(config_of(url="thing://h"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"THING_URL=None.*it to be set \(The thing of the app\)"),
        ({"url": "thing://h"}, r"THING_PASSWORD=None.*\(Its password\), because THING_URL is"),
    ],
)
def test_a_setting_that_is_missing_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        row().check(config_of(**values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": "things"}, r"THING_URL='thing://me:\*\*\*@h'.*pip install 'openheart\[things\]'"),
        ({}, r"pip install not_installed_thing"),
        ({"needs": []}, "thing=None .from the code.*not_installed_thing to be installed"),
    ],
)
def test_a_library_that_is_missing_is_named_with_how_to_get_it(changes: dict[str, Any], message: str) -> None:
    values = {"url": "thing://me:hunter2@h", "password": "s3cret"}
    with pytest.raises(MissingDependency, match=message) as caught:
        row(library="not_installed_thing", **changes).check(config_of(**values))
    assert "hunter2" not in str(caught.value)


def test_a_library_that_is_there_is_not_imported() -> None:
    row(needs=[], library="antigravity").check(config_of())


def test_a_battery_whose_settings_the_app_does_not_know_says_how_to_load_it(app: Flask) -> None:
    class Stranger(Thing):
        row = Row("stranger", "x:X", settings=[NEEDED])

    with pytest.raises(
        OpenHeartError, match=r"'one' was loaded without the battery stranger: .*OPENHEART_BATTERIES"
    ):
        battery_of(Stranger, app)
