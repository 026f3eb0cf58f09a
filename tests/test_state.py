"""What is kept for each application, and where its counts go."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

import openheart
from openheart.errors import ConfigError, OpenHeartError
from openheart.state import state_of
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
    ("uri", "expected"), [("sqlite:///a/b.db", "instance/a/b.db"), (None, "instance/host.db")]
)
def test_a_relative_path_starts_at_the_instance_folder(
    tmp_path: Path, uri: str | None, expected: str
) -> None:
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    (tmp_path / "instance").mkdir()
    openheart.load(app, uri=uri)
    app.test_client().post("/openheart/a", data="🥨")
    assert (tmp_path / expected).is_file()


@pytest.mark.parametrize("option", ["emoji", "emoji_deny"])
def test_a_list_of_emoji_with_something_else_in_it_is_refused_by_name(option: str) -> None:
    with pytest.raises(ConfigError, match=f"OPENHEART_{option.upper()}='🥨,text'.*'text'"):
        create_app(**{option: "🥨,text"})
