from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.storage import Change

from ..engines import get_engine
from ..servers.s3 import S3Server, make_bucket
from .ended import Run

SQLITE = "sqlite:///openheart.db"


@pytest.fixture
def name(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of this test's own, in the environment."""
    made = f"openheart-{uuid.uuid4()}"
    make_bucket(s3_server.endpoint, made)
    variables = {
        "OPENHEART_S3_ENDPOINT": s3_server.endpoint,
        "AMAZON_BUCKET": made,
        "AMAZON_ID": "tests",
        "AMAZON_SECRET": "tests",
    }
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    return made


@pytest.fixture
def filled() -> None:
    with get_engine(SQLITE) as backend:
        backend.apply([Change("a", "🥨", 2), Change("b", "❤️")])


def counts() -> dict[str, dict[str, int]]:
    with get_engine(SQLITE) as backend:
        return dict(backend.iter_targets())


@pytest.mark.usefixtures("filled")
def test_what_was_backed_up_comes_back_and_comes_back_again(run: Run, name: str) -> None:
    before = counts()
    ended = run("backup", "one")
    assert ended == (
        0,
        "",
        f"2 targets with 3 reactions are in the bucket {name} as one, read back and compared\n",
    )
    with get_engine(SQLITE) as backend:
        backend.delete(("a", "b"))
    for _ in range(2):
        assert run("restore", "one") == (0, "", "2 of 2 targets of one are restored with all their counts\n")
        assert counts() == before


@pytest.mark.usefixtures("filled", "name")
def test_on_a_terminal_bars_show_how_far_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "100%  2 of 2 targets" in run("backup", "one").err
    assert run("restore", "one").err.count("100%  2 of 2 targets") >= 2


@pytest.mark.usefixtures("filled", "name")
def test_without_a_name_the_latest_backup_of_the_instance_is_restored(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("backup").code == 0
    with get_engine(SQLITE) as backend:
        backend.apply([Change("c", "🥨", 5)])
    made = json.loads(run("backup", "z-latest", "--json").out)
    assert (made["targets"], made["reactions"], made["instance"]) == (3, 8, None)
    monkeypatch.setenv("INSTANCE", "other")
    run("react", "d", "🥨")
    assert run("backup", "of-another").code == 0
    assert "no backup 'none'" in run("restore", "none").err
    monkeypatch.delenv("INSTANCE")
    monkeypatch.setenv("OPENHEART_URI", "sqlite:///new.db")
    restored = json.loads(run("restore", "--json").out)
    assert (restored["name"], restored["restored"], restored["larger"]) == ("z-latest", 3, 0)


def test_the_group_alone_prints_its_help(run: Run) -> None:
    ended = run("bucket")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: openheart bucket [OPTIONS] ")
    assert "\n\n  The S3 bucket" in ended.err


@pytest.mark.usefixtures("filled", "name")
def test_the_backups_are_listed(run: Run) -> None:
    assert run("restore", "--list") == (0, "", "")
    run("backup", "one")
    ended = run("restore", "--list")
    assert ended.out.startswith("one  20")
    assert ended.out.endswith("  2 targets  3 reactions\n")
    assert [row["name"] for row in json.loads(run("restore", "--list", "--json").out)] == ["one"]


@pytest.mark.usefixtures("filled", "name")
def test_counts_that_grew_since_are_left_and_said(run: Run) -> None:
    run("backup", "one")
    with get_engine(SQLITE) as backend:
        backend.incr("a", "🥨")
    ended = run("restore", "one")
    assert ended.code == 0
    assert "1 target with larger counts than in the backup: nothing was changed there" in ended.err
    assert counts()["a"] == {"🥨": 3}


@pytest.mark.usefixtures("name")
def test_where_there_is_no_backup_it_is_said(run: Run) -> None:
    ended = run("restore")
    assert (ended.code, ended.out) == (2, "")
    assert "no backup of this INSTANCE: `openheart restore --list` shows" in ended.err


@pytest.mark.usefixtures("filled", "name")
def test_a_name_that_is_none_is_refused(run: Run) -> None:
    ended = run("backup", "../one")
    assert ended.code == 2
    assert "'../one' cannot name a backup" in ended.err


@pytest.mark.usefixtures("filled")
def test_without_a_bucket_it_says_which_setting_is_wanted(run: Run) -> None:
    ended = run("backup")
    assert ended.code == 2
    assert "AMAZON_BUCKET=None" in ended.err


@pytest.mark.usefixtures("filled", "name")
def test_a_server_that_is_unavailable_is_one_line_and_an_exit_code_of_its_own(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENHEART_S3_ENDPOINT", "http://127.0.0.1:9")
    for command in (("backup", "one"), ("restore", "one"), ("bucket", "clear")):
        ended = run(*command)
        assert ended.code == 3
        assert ended.err.count("\n") == 1
        assert "at http://127.0.0.1:9 cannot be reached" in ended.err


@pytest.mark.usefixtures("filled")
def test_it_acts_on_the_app_of_flask_too(run: Run, name: str, s3_server: S3Server) -> None:
    app = Flask("host", instance_path=str(Path.cwd()))
    settings: dict[str, Any] = {"amazon_bucket": name, "amazon_id": "tests", "amazon_secret": "tests"}
    OpenHeart(app, env=False, uri=SQLITE, s3_endpoint=s3_server.endpoint, **settings)
    assert run("backup", "one", app=app).code == 0
    assert run("restore", "one", app=app).code == 0


class TestClear:
    def test_the_name_of_the_bucket_is_asked_for(
        self, run: Run, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        openheart.load(name="one", uri="memory:")
        openheart.amazon.put_amazon_key("a", "1")
        openheart.amazon.put_amazon_key("b", "2")
        asked: list[str] = []
        typed = ["another", name]

        def prompt(text: str, **_: object) -> str:
            asked.append(text)
            return typed.pop(0)

        monkeypatch.setattr("click.prompt", prompt)
        ended = run("bucket", "clear")
        assert ended.code == 2
        assert "'another' is not the name of the bucket; nothing was removed" in ended.err
        ended = run("bucket", "clear")
        assert (ended.code, ended.err) == (0, f"2 keys were removed from the bucket {name}\n")
        assert asked == ["Type the name of the bucket to remove all its 2 keys"] * 2

    def test_a_script_names_it(self, run: Run, name: str) -> None:
        assert run("bucket", "clear", "--confirm", "another").code == 2
        assert run("bucket", "clear", "--confirm", name).code == 0
