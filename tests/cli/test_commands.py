from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.cli import FlaskGroup

import openheart
from openheart import OpenHeart
from openheart.cli import commands, openheart_group
from openheart.protocol import emoji_version
from openheart.settings.config import OPENHEART_URI, known_options
from openheart.storage import Change

from ..engines import get_engine
from ..waiting import PATIENCE
from .ended import Run


@pytest.fixture
def host() -> Iterator[Flask]:
    """An app of somebody else, with reactions in a file of its own."""
    app = Flask("host")
    OpenHeart(app, env=False, uri="sqlite:////" + str(Path.cwd() / "host.db").lstrip("/"))
    yield app
    app.extensions["openheart"].service.close()


def test_a_reaction_is_added_and_the_counts_are_printed(run: Run) -> None:
    assert run("react", "hello", "🥨") == (0, "🥨 1\n", "")
    assert run("react", "hello", "❤") == (0, "❤️ 1\n🥨 1\n", "")
    assert run("react", "hello", "🥨") == (0, "🥨 2\n❤️ 1\n", "")
    assert Path("openheart.db").is_file()


def test_a_stored_text_that_a_terminal_would_obey_is_escaped(run: Run) -> None:
    run("react", "hello", "🥨")
    with closing(sqlite3.connect("openheart.db")) as connection, connection:
        # As an import of another program may leave it.
        connection.execute("UPDATE reaction SET emoji = ?", ("x\x1b[2J\x9b31m",))

    assert run("count", "hello").out == "x\\x1b[2J\\x9b31m 1\n"
    assert run("top").out.split() == ["1", "hello", "x\\x1b[2J\\x9b31m", "1"]
    as_json = run("count", "hello", "--json").out
    assert json.loads(as_json) == {"x\x1b[2J\x9b31m": 1}
    assert as_json.strip().isprintable()


def test_counts_are_printed_for_scripts_too(run: Run) -> None:
    run("react", "hello", "🥨")

    assert run("count", "hello", "--json") == (0, '{"🥨": 1}\n', "")
    assert run("count", "other", "--json") == (0, "{}\n", "")
    nothing = f"openheart: there are no reactions to other in {Path('openheart.db').absolute()}\n"
    assert run("count", "other") == (0, "", nothing)


@pytest.mark.parametrize(
    "command",
    [
        ("count", "hello"),
        ("top",),
        ("export",),
        ("export", "out.jsonl"),
        ("rename", "a", "b"),
        ("delete", "a"),
        ("migrate", "sqlite:///wrong.db", "sqlite:///new.db"),
    ],
)
def test_a_command_that_reads_creates_no_database(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OPENHEART_URI", "sqlite:///wrong.db")
    ended = run(*command)
    assert (ended.code, ended.out) == (3, "")
    assert f"there are no counts, because {Path('wrong.db').absolute()} does not exist" in ended.err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("top",), 0, "there are no reactions in "),
        (("export",), 0, "there are no reactions to any page in "),
        (("export", "--prefix", "x"), 0, "there are no reactions to x in "),
        (("rename", "nothere", "x"), 0, "there are no reactions to nothere in "),
        (("delete", "nothere"), 0, "there are no reactions to nothere in "),
    ],
)
def test_what_finds_nothing_says_of_what_and_where(
    run: Run, command: tuple[str, ...], code: int, said: str
) -> None:
    run("react", "a", "🥨")
    run("delete", "a", "--yes")
    ended = run(*command)
    assert (ended.code, ended.out) == (code, "")
    assert f"openheart: {said}{Path('openheart.db').absolute()}" in ended.err


def test_the_configuration_says_where_the_counts_are(run: Run) -> None:
    assert run("config").err == f"openheart: the counts are in {Path('openheart.db').absolute()}\n"


def test_one_reaction_is_one_reaction(run: Run) -> None:
    run("react", "a", "🥨")
    assert "Remove 1 reaction to a?" in run("delete", "a").err


def test_a_target_is_written_as_in_a_url(run: Run) -> None:
    run("react", "HTTPS://Example.COM:443/caf%C3%A9/#top", "🥨")

    assert run("count", "example.com/café").out == "🥨 1\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("react", "https://example.com/?p=12", "🥨"),
        ("count", "https://example.com/?p=12"),
        ("delete", "--yes", "https://example.com/?p=12"),
        ("rename", "https://example.com/?p=12", "b"),
        ("rename", "example.com", "https://example.com/?p=12"),
    ],
)
def test_a_query_that_would_be_cut_is_refused_and_the_named_parameters_are_kept(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    run("react", "example.com", "🥨")

    ended = run(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert "'https://example.com/?p=12' would lose 'p' of its query" in ended.err
    assert "set OPENHEART_QUERY=p if" in ended.err
    assert run("top").out == "       1  example.com  🥨 1\n"

    monkeypatch.setenv("OPENHEART_QUERY", "p")
    assert run(*arguments).code == 0
    with_utm = [f"{each}&utm=1" if "?" in each else each for each in arguments]
    assert "would lose 'utm'" in run(*with_utm).err


def test_a_named_parameter_tells_two_pages_apart(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_QUERY", "p")
    run("react", "https://example.com/?p=12", "🥨")
    run("react", "https://example.com/?p=13", "🎉")

    assert run("count", "example.com?p=12").out == "🥨 1\n"
    assert run("rename", "example.com/?p=13", "example.com/post").out == "🎉 1\n"
    assert run("top").out == "       1  example.com/?p=12  🥨 1\n       1  example.com/post  🎉 1\n"


def test_a_target_with_a_question_mark_of_its_own_can_still_be_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with get_engine("sqlite:///openheart.db") as backend:
        backend.apply([Change("example.com/?p=1&q=2", "🥨")])
    monkeypatch.setenv("OPENHEART_QUERY", "p")
    assert run("count", "example.com/%3Fp=1&q=2").out == "🥨 1\n"
    assert run("rename", "example.com/%3Fp=1&q=2", "example.com/?p=1").out == "🥨 1\n"


def test_the_pages_with_the_most_reactions_come_first(run: Run) -> None:
    for target in ("a", "b", "b", "c"):
        run("react", target, "🥨")

    assert run("top", "--limit", "2").out == "       2  b  🥨 2\n       1  a  🥨 1\n"
    assert json.loads(run("top", "--json").out)[0] == {"target": "b", "total": 2, "reactions": {"🥨": 2}}


def test_the_configuration_is_printed_with_sources_and_without_secrets(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    monkeypatch.setenv("OPENHEART_URI", "sqlite:///x.db")
    Path(".env").write_text("PORT=81")

    lines = {line.split()[0]: line.split(None, 2)[1:] for line in run("config").out.splitlines()}
    rows = json.loads(run("config", "--json").out)

    assert list(lines) == [row["name"] for row in rows] == [option.name for option in known_options()]
    assert lines["PORT"] == ["81", ".env"]
    assert lines["SECRET_KEY"] == ["***", "the environment"]
    assert lines["HOST"] == ["127.0.0.1", "the default"]
    assert {"name": "SECRET_KEY", "value": "***", "source": "the environment"} in rows


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["react", "hello", "x"], {}, 2, "is not an emoji"),
        (["count", "../x"], {}, 2, "segment"),
        (["count", "hello"], {"PORT": "http"}, 2, "PORT='http' (from the environment)"),
        (["config"], {"OPENHEART_URI": "nope://h"}, 2, "schemes memory, mongodb"),
        (["react", "hello", "🥨"], {"OPENHEART_EMOJI": "❤️"}, 2, "❤️"),
        (["react", "hello", "🥨"], {"OPENHEART_HOLD": "1"}, 3, "OPENHEART_HOLD is on"),
        (["count", "hello"], {"OPENHEART_URI": "sqlite:////nowhere/at/all.db"}, 3, "all.db does not exist"),
        (["react", "a", "🥨"], {"OPENHEART_URI": "sqlite:////nowhere/at/all.db"}, 3, "there is no folder"),
        (["count"], {}, 2, "(see `openheart count --help`)"),
        (["nope"], {}, 2, "No such command"),
        (["top", "--limit", "0"], {}, 2, "--limit"),
        (["conform", "ftp://h"], {}, 2, "a server's prefix"),
        (["conform", "--group", "nope", "http://h"], {}, 2, "nope"),
        (["run", "--port", "http"], {}, 2, "PORT='http' (from a command flag)"),
        (["run", "--host", "nowhere.invalid"], {}, 2, "HOST='nowhere.invalid'"),
        (["run", "--safe"], {"OPENHEART_HOLDD": "1"}, 2, "the nearest is OPENHEART_HOLD"),
        (["run", "--safe", "--uri", "sqlite:////nowhere/at/all.db"], {}, 3, "there is no folder"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_documented_exit_code(
    arguments: list[str],
    environment: dict[str, str],
    code: int,
    message: str,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    ended = run(*arguments)

    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("openheart: ")
    assert ended.err.count("\n") == 1
    assert message in ended.err
    assert f"  {code} " in commands.EPILOG


def test_nothing_after_the_name_prints_the_help_as_an_error(run: Run) -> None:
    ended = run()

    assert (ended.code, ended.out) == (2, "")
    assert "Exit codes:" in ended.err


def test_the_deprecated_debug_is_named_to_the_operator(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("react", "hello", "🥨")
    monkeypatch.setenv("DEBUG", "1")

    ended = run("count", "hello")

    assert (ended.code, ended.err.splitlines()[0]) == (
        0,
        "openheart: DEBUG (from the environment) is deprecated: set LEVEL=DEBUG instead",
    )


def test_the_versions_are_those_that_matter_in_a_report(run: Run) -> None:
    out = run("--version").out

    assert out.startswith(f"openheart {openheart.__version__}, Emoji {emoji_version()}, Python 3.")
    assert "Flask 3." in out
    assert "SQLite 3." in out


def test_doctor_ends_with_1_only_where_something_does_not_work(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENHEART_WRITE_ONLY", "1")

    fine = run("doctor")
    monkeypatch.setenv("OPENHEART_URI", "sqlite:////nowhere/at/all.db")
    broken = run("doctor", "--json")

    assert fine.code == 0
    assert (
        "note     OPENHEART_WRITE_ONLY is on: no visitor sees a count\n         -> unset it to show counts\n"
        in fine.out
    )
    assert broken.code == 1
    assert json.loads(broken.out)[0]["level"] == "error"


def test_doctor_finds_a_setting_that_keeps_the_server_from_starting(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "http")

    ended = run("doctor")

    assert (ended.code, ended.err) == (1, "")
    assert ended.out.startswith("error    PORT='http'")
    assert "-> correct PORT, which is set in the environment" in ended.out


class TestRun:
    @pytest.fixture
    def served(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """What base.run() was asked for; nothing is served."""
        calls: list[dict[str, Any]] = []

        def fake(**arguments: Any) -> None:
            calls.append({"app": openheart.APP, **arguments})

        monkeypatch.setattr("openheart.base.run", fake)
        return calls

    def test_flags_go_to_the_server(self, run: Run, served: list[dict[str, Any]]) -> None:
        assert (
            run("run", "--host", "::1", "--port", "0", "--server", "werkzeug", "--uri", "memory:").code == 0
        )

        [call] = served
        assert (call["host"], call["port"], call["server"], call["level"]) == ("::1", "0", "werkzeug", None)
        assert call["app"].extensions["openheart"].config.source(OPENHEART_URI) == "a command flag"
        assert openheart.APP is None

    def test_a_browser_opens_the_page_once_the_port_is_open(
        self, run: Run, served: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        done = threading.Event()

        def open_browser(url: str) -> None:
            opened.append(url)
            done.set()

        monkeypatch.setattr("webbrowser.open", open_browser)

        run("run", "--open")
        served[0]["ready"]("http://127.0.0.1:5000")
        assert done.wait(PATIENCE)
        monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")
        served[0]["ready"]("http://127.0.0.1:5000")

        assert opened == ["http://127.0.0.1:5000"]

    def test_no_browser_opens_by_default(self, run: Run, served: list[dict[str, Any]]) -> None:
        run("run")

        assert served[0]["ready"] is None

    def test_under_flask_it_serves_the_app_of_flask(
        self, run: Run, served: list[dict[str, Any]], host: Flask
    ) -> None:
        assert run("run", "--port", "0", app=host).code == 0

        assert served[0]["app"] is host

    def test_under_flask_settings_of_the_app_are_not_taken(self, run: Run, host: Flask) -> None:
        ended = run("run", "--uri", "memory:", app=host)

        assert (ended.code, "belong to load() in your app" in ended.err) == (2, True)


class TestUnderFlask:
    def test_commands_act_on_the_storage_of_the_app(self, run: Run, host: Flask) -> None:
        run("react", "x", "🥨", app=host)
        host.test_client().post("/openheart/x", data="🥨")

        assert run("count", "x", app=host).out == "🥨 2\n"
        assert json.loads(run("top", "--json", app=host).out)[0]["total"] == 2
        assert not Path("openheart.db").exists()

    def test_config_and_doctor_are_about_the_app(self, run: Run, host: Flask) -> None:
        assert "host.db  a keyword argument" in run("config", app=host).out
        assert "host.db accepts writes and reads" in run("doctor", app=host).out

    def test_an_app_without_openheart_is_named(self, run: Run) -> None:
        ended = run("count", "x", app=Flask("bare"))

        assert (ended.code, ended.out) == (2, "")
        assert "openheart was not added to the app 'bare'" in ended.err

    def test_errors_are_one_line_there_too(self, host: Flask, capsys: pytest.CaptureFixture[str]) -> None:
        group = FlaskGroup(create_app=lambda: host, load_dotenv=False)
        group.add_command(openheart_group)

        with pytest.raises(SystemExit) as ended:
            group.main(["openheart", "count", "../x"], prog_name="flask")

        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith("openheart: The target has a segment")


def spawn(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openheart", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_python_m_openheart_is_the_command() -> None:
    assert spawn("react", "hello", "🥨").stdout == "🥨 1\n"
    assert spawn("count", "../x").returncode == 2


def test_a_terminal_without_emoji_gets_their_numbers_and_json_stays_json() -> None:
    spawn("react", "hello", "🥨")

    assert spawn("count", "hello", PYTHONIOENCODING="latin-1").stdout == "\\U0001f968 1\n"
    assert spawn("count", "hello", "--json", PYTHONIOENCODING="latin-1").stdout == '{"\\ud83e\\udd68": 1}\n'


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_complete(shell: str) -> None:
    # Click asks bash for its version, and writes a warning where there is none.
    assert "_OPENHEART_COMPLETE" in spawn(_OPENHEART_COMPLETE=f"{shell}_source").stdout


@pytest.mark.parametrize(
    ("words", "cword", "expected"),
    [("openheart co", "1", ["config", "conform", "count"]), ("openheart react x 🥨", "3", ["🥨"])],
)
def test_commands_and_emoji_are_completed(words: str, cword: str, expected: list[str]) -> None:
    ended = spawn(_OPENHEART_COMPLETE="zsh_complete", COMP_WORDS=words, COMP_CWORD=cword)

    assert [line for line in ended.stdout.splitlines() if line in expected] == expected


@pytest.mark.parametrize(
    "arguments",
    [
        "react \udcff 🥨",
        "react a \udcff",
        "count \udcff",
        "rename \udcff a",
        "rename a \udcff",
        "delete \udcff --yes",
    ],
)
def test_bytes_that_are_no_text_are_an_error_of_the_command_line(run: Run, arguments: str) -> None:
    ended = run(*arguments.split())

    assert (ended.code, ended.out) == (2, "")
    assert "U+DCFF" in ended.err


def test_a_url_that_is_no_text_is_refused_before_it_is_asked(run: Run) -> None:
    ended = run("conform", "http://\udcff/")

    assert ended.code == 2
    assert "contains bytes that are not UTF-8" in ended.err
