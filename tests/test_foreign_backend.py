"""A backend of another package that has the five methods only, as its entry point brings it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import openheart
from openheart import OpenHeart, reaction_added
from openheart.cli import openheart_group
from openheart.errors import (
    BackendError,
    BackendNotConnected,
    BackendUnavailable,
    CapabilityMissing,
    ConfigError,
    OutcomeUnknown,
)
from openheart.storage import Storage, get_backend

from .cli.ended import Ended

URI = "five:counts.json"

MODULE = '''
import json
import threading
from pathlib import Path

from openheart.errors import ConfigError
from openheart.storage import Backend

given = []


class FiveBackend(Backend):
    path = None
    lock = threading.Lock()

    def connect(self, uri, *args, **kwargs):
        given.append((uri, args, kwargs))
        if uri == "five:":
            raise ConfigError("OPENHEART_URI", uri, "the URI given", "five: and the name of a file")
        self.path = Path(uri.partition(":")[2])
        if not self.path.exists():
            self.path.write_text("{}")

    def disconnect(self):
        self.path = None

    def is_connected(self):
        return self.path is not None

    def incr(self, slug, reaction):
        with self.lock:
            everything = json.loads(self.path.read_text())
            counts = everything.setdefault(slug, {})
            counts[reaction] = counts.get(reaction, 0) + 1
            self.path.write_text(json.dumps(everything))

    def iter(self, slug):
        yield from json.loads(self.path.read_text()).get(slug, {}).items()


class Answering(FiveBackend):
    """It knows the counts after a reaction."""

    def incr(self, slug, reaction):
        super().incr(slug, reaction)
        return {reaction: 1000}


class Late(FiveBackend):
    """It knows what was there some time ago."""

    def incr(self, slug, reaction):
        super().incr(slug, reaction)
        return {}
'''


@pytest.fixture(autouse=True)
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, installed; what its ``connect`` was given."""
    site = tmp_path / "site"
    installed = site / "five_backend-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: five-backend\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[openheart.backends]\nfive = five_backend:FiveBackend\nanswering = five_backend:Answering\n"
        "late = five_backend:Late\n"
    )
    (site / "five_backend.py").write_text(MODULE)
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "five_backend", raising=False)
    import five_backend  # type: ignore[import-not-found]

    yield five_backend.given
    monkeypatch.delitem(sys.modules, "five_backend")


@pytest.fixture
def client() -> FlaskClient:
    return openheart.load(name="host", uri=URI).test_client()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    with pytest.raises(SystemExit) as ended:
        openheart_group.main(list(arguments), prog_name="openheart")
    return Ended(ended.value.code, *capsys.readouterr())


def test_load_serves_reactions_from_it(client: FlaskClient) -> None:
    told = []

    def listen(sender: object, **data: Any) -> None:
        told.append(data)

    with reaction_added.connected_to(listen):
        assert client.post("/openheart/a", data="🥨").json == {"🥨": 1}
        assert client.post("/openheart/a", data="❤️").json == {"❤️": 1, "🥨": 1}

    assert client.get("/openheart/a").json == {"❤️": 1, "🥨": 1}
    assert client.get("/openheart/?target=b&target=a").json == {"b": {}, "a": {"❤️": 1, "🥨": 1}}
    assert client.get("/openheart/-/readyz").json == {"status": "ready"}
    assert client.get("/openheart/?list=").status_code == 403
    assert told[-1] == {"target": "a", "emoji": "❤️", "counts": {"❤️": 1, "🥨": 1}}


def test_the_counts_that_incr_returns_are_the_answer() -> None:
    client = openheart.load(name="host", uri="answering:counts.json").test_client()

    assert client.post("/openheart/a", data="🥨").json == {"🥨": 1000}


def test_a_reaction_that_its_answer_does_not_show_yet_is_no_emoji_too_many() -> None:
    client = openheart.load(name="host", uri="late:counts.json").test_client()
    answer = client.post("/openheart/a", data="🥨")

    assert (answer.status_code, answer.json) == (200, {})
    assert client.get("/openheart/a").json == {"🥨": 1}


def test_the_commands_that_need_no_more_work(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENHEART_URI", URI)

    assert run(capsys, "react", "a", "🥨") == (0, "🥨 1\n", "")
    assert run(capsys, "count", "a") == (0, "🥨 1\n", "")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["top"], "list its targets"),
        (["export"], "list its targets"),
        (["export", "out.jsonl"], "list its targets"),
        (["import", "in.csv"], "move counts"),
        (["rename", "a", "b"], "move counts"),
        (["delete", "a", "--yes"], "move counts"),
        (["migrate", URI, "memory:"], "list its targets"),
        (["migrate", "memory:", URI], "list its targets"),
        (["backup"], "list its targets"),
        (["restore"], "move counts"),
    ],
)
def test_a_command_that_needs_more_says_what_is_missing(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("OPENHEART_URI", URI)
    Path("in.csv").write_text("a,🥨,1\n")

    ended = run(capsys, *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"openheart: FiveBackend cannot {what}, which is needed here: ")
    assert "or make it openheart.storage." in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not Path("out.jsonl").exists()


def test_the_doctor_says_what_it_lacks(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENHEART_URI", URI)

    ended = run(capsys, "doctor")

    assert ended.code == 0
    assert "ok       The storage five:counts.json answers reads\n" in ended.out
    for lack in (
        "repeat a reaction",
        "store or read several counts in one call",
        "limit the different emoji of a page",
        "list its targets",
        "move counts",
    ):
        assert f"note     FiveBackend cannot {lack}" in ended.out


def test_a_setting_that_needs_more_is_refused_at_start() -> None:
    with pytest.raises(
        ConfigError, match="OPENHEART_LISTING=.*no value; FiveBackend cannot list its targets"
    ):
        openheart.load(name="host", uri=URI, listing=True)
    with pytest.raises(ConfigError, match="OPENHEART_MAX_EMOJI=9 .*no value: FiveBackend cannot limit the"):
        openheart.load(name="host", uri=URI, max_emoji=9)
    with pytest.raises(ConfigError, match="INSTANCE='blue'.*FiveBackend .* does not separate instances"):
        openheart.load(name="host", uri=URI, instance="blue")


def test_the_list_of_a_tenant_is_a_problem_document() -> None:
    app = Flask("host")
    OpenHeart(app, env=False, uri=URI)
    app.add_url_rule("/", "view", lambda: openheart.scoped("blue").list().targets)

    answer = app.test_client().get("/")

    assert (answer.status_code, answer.content_type) == (501, "application/problem+json")
    assert "FiveBackend cannot list its targets" in answer.get_json(force=True)["detail"]
    with app.app_context(), pytest.raises(CapabilityMissing):
        app.extensions["openheart"].service.top()
    app.extensions["openheart"].close()


def test_a_failure_of_its_file_is_a_503_whose_cause_is_in_the_message_of_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.post("/openheart/a", data="🥨")
    Path("counts.json").unlink()

    reading, writing = client.get("/openheart/a"), client.post("/openheart/a", data="🥨")

    assert (reading.status_code, reading.get_json(force=True)["type"]) == (503, "storage-unavailable")
    assert (writing.status_code, writing.get_json(force=True)["type"]) == (503, "outcome-unknown")
    messages = [str(record.msg) for record in caplog.records if record.levelno == logging.ERROR]
    assert [message.partition(": [Errno")[0] for message in messages] == [
        "BackendError: FiveBackend: FileNotFoundError",
        "OutcomeUnknown: FiveBackend: FileNotFoundError",
    ]


def test_a_place_that_it_refuses_is_a_503_that_the_log_explains(caplog: pytest.LogCaptureFixture) -> None:
    client = openheart.load(name="host", uri="five:").test_client()

    assert client.get("/openheart/a").status_code == 503
    assert "expected five: and the name of a file" in caplog.text


def test_the_with_block_gives_to_connect_what_the_backend_was_made_with(given: Any) -> None:
    with get_backend(URI, "second", colour="red", folder=Path("folder")) as backend:
        assert backend.is_connected()
        assert backend.folder == Path("folder")
        assert backend.add("a", "🥨") == {"🥨": 1}
        assert backend.counts(["a", "b"]) == [{"🥨": 1}, {}]

    assert given == [(URI, ("second",), {"colour": "red"})]
    assert not backend.is_connected()
    with pytest.raises(BackendNotConnected):
        backend.check()


def test_storage_works_on_it_and_connects_once(given: Any) -> None:
    with Storage("a", {"OPENHEART_URI": URI}) as page:
        assert page.react("🥨") == {"🥨": 1}
        assert page.react("🥨") == {"🥨": 2}
        assert page.reactions == {"🥨": 2}

    assert len(given) == 1
    with Storage("a", {"OPENHEART_URI": URI}):
        pass


def test_a_reaction_whose_counts_cannot_be_read_is_an_unknown_outcome(monkeypatch: Any) -> None:
    with get_backend(URI) as backend:
        monkeypatch.setattr(backend, "iter", lambda slug: Path("nowhere").read_bytes())
        with pytest.raises(OutcomeUnknown, match="a reaction was stored, but its counts cannot be read"):
            backend.add("a", "🥨")
    with pytest.raises(BackendUnavailable), get_backend("five:nowhere/counts.json"):
        pass
    assert issubclass(OutcomeUnknown, BackendError)
