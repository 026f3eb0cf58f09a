"""What is kept for each application, and where its counts go."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

import openheart
from openheart.batteries import Battery, Row, battery_of
from openheart.core.state import state_of
from openheart.errors import ConfigError, OpenHeartError
from openheart.testing import create_app


def test_the_state_is_that_of_the_app_given_then_the_current_one_then_APP() -> None:
    given, current = create_app(), create_app()
    loaded = openheart.load(name="loaded", uri="memory:")
    assert state_of() is loaded.extensions["openheart"]
    with current.app_context():
        assert state_of() is current.extensions["openheart"]
        assert state_of(given) is given.extensions["openheart"]


def test_an_app_without_openheart_is_told_what_to_call() -> None:
    with pytest.raises(OpenHeartError, match=r"load\(app\) or OpenHeart\(app\)"):
        state_of(Flask("host"))


@pytest.mark.parametrize(
    ("uri", "expected"), [("sqlite:///a/b.db", "instance/a/b.db"), (None, "instance/openheart.db")]
)
def test_a_relative_path_starts_at_the_instance_folder(
    tmp_path: Path, uri: str | None, expected: str
) -> None:
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    (tmp_path / "instance").mkdir()
    openheart.load(app, uri=uri)
    app.test_client().post("/openheart/a", data="🥨")
    assert (tmp_path / expected).is_file()


def test_closing_closes_also_what_is_used_for_the_first_time_meanwhile() -> None:
    said: list[str] = []

    class Last(Battery[str]):
        row = Row("last", f"{__name__}:Last", place=100)

        def open(self) -> str:
            return "last"

        def shut(self, resource: str) -> None:
            said.append("last")

    class Waited(Last):
        row = Row("waited", f"{__name__}:Waited", place=0)

        def shut(self, resource: str) -> None:
            # As what runs in the background does while it is waited for.
            _ = battery_of(Last, self.app).resource
            said.append("waited")

    class Between(Last):
        row = Row("between", f"{__name__}:Between", place=50)

        def shut(self, resource: str) -> None:
            said.append("between")

    app = create_app()
    _ = battery_of(Between, app).resource
    _ = battery_of(Waited, app).resource
    state_of(app).close()
    assert said == ["waited", "between", "last"]
    assert not battery_of(Last, app).is_open


@pytest.mark.parametrize("option", ["emoji", "emoji_deny"])
def test_a_list_of_emoji_with_something_else_in_it_is_refused_by_name(option: str) -> None:
    with pytest.raises(ConfigError, match=f"OPENHEART_{option.upper()}='🥨,text'.*'text'"):
        create_app(**{option: "🥨,text"})
