"""load(), unload(), run() and what hangs on APP."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import flask
import pytest
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.base import load_standalone
from openheart.config import known_options
from openheart.core.state import state_of
from openheart.errors import BackendError, ConfigError, InvalidEmoji, InvalidTarget, OpenHeartError
from openheart.storage.capabilities import listed

from .conftest import open_databases


def count(app: Flask, target: str = "hello") -> object:
    return app.test_client().get(f"/openheart/{target}").json


def react(app: Flask, target: str = "hello") -> object:
    return app.test_client().post(f"/openheart/{target}", data="🥨").json


class TestLoad:
    def test_it_builds_an_app_that_counts_in_a_file_of_its_own(self) -> None:
        app = openheart.load(name="myblog")
        assert react(app) == {"🥨": 1}
        assert (Path(app.instance_path) / "openheart.db").is_file()

    def test_a_file_that_an_earlier_version_named_after_the_app_goes_on(self) -> None:
        former = openheart.load(name="myblog", uri="sqlite:///myblog.db")
        assert react(former) == {"🥨": 1}
        openheart.unload()
        app = openheart.load(name="myblog")
        assert react(app) == {"🥨": 2}
        assert not (Path(app.instance_path) / "openheart.db").exists()

    @pytest.mark.parametrize(
        ("name", "value", "uri"),
        [
            ("SQLALCHEMY_DATABASE_URI", "sqlite:///app.db", "sqlite:///app.db"),
            ("SQLALCHEMY_DATABASE_URI", "sqlite:///openheart.db", None),
            (
                "SQLALCHEMY_DATABASE_URI",
                "sqlite+pysqlite:///file:app.db?mode=rwc&uri=true",
                "sqlite:///app.db",
            ),
            ("SQLALCHEMY_BINDS", {"users": "sqlite:///./app.db"}, "sqlite:///app.db"),
            ("DATABASE", "{instance}/app.db", "sqlite:///app.db"),
        ],
    )
    def test_the_apps_own_database_is_no_place_for_counts(
        self, name: str, value: Any, uri: str | None
    ) -> None:
        app = Flask("myblog")
        app.config[name] = value.format(instance=app.instance_path) if isinstance(value, str) else value
        with pytest.raises(
            ConfigError, match=f"OPENHEART_URI=.*expected a file of its own.*: {name} of this app"
        ):
            openheart.load(app, uri=uri)

    def test_another_program_under_the_former_name_is_left_alone(self) -> None:
        app = Flask("myblog")
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///myblog.db"
        own = Path(app.instance_path, "myblog.db")
        own.parent.mkdir()
        with closing(sqlite3.connect(own)) as connection:
            connection.execute("CREATE TABLE post (id INTEGER)")
        before = own.read_bytes()
        openheart.load(app)
        assert react(app) == {"🥨": 1}
        assert own.read_bytes() == before

    def test_two_instances_of_one_app_have_files_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INSTANCE", "b")
        app = openheart.load(name="myblog")
        react(app)
        assert (Path(app.instance_path) / "openheart-b.db").is_file()

    def test_logger_and_instance_name_the_logger(self) -> None:
        app = openheart.load(name="myblog", logger="blog", instance="eu", uri="memory:")
        assert state_of(app).service.logger.name == "openheart.blog.eu"

    def test_nothing_is_opened_before_the_first_use(self) -> None:
        app = openheart.load(name="myblog")
        assert not Path(app.instance_path).exists()

    def test_it_wraps_an_app_and_leaves_its_routes_alone(self) -> None:
        app = Flask("host")
        app.add_url_rule("/", "home", lambda: "home")
        assert openheart.load(app, uri="memory:") is app
        client = app.test_client()
        assert client.get("/").text == "home"
        assert client.get("/healthz").status_code == 404
        assert react(app) == {"🥨": 1}

    @pytest.mark.parametrize(
        ("template", "shown"),
        [
            ("page.html.tpl", "&lt;b&gt;"),
            ("page.xml.tpl", "&lt;b&gt;"),
            ("page.html", "&lt;b&gt;"),
            ("mail.txt.tpl", "<b>"),
            ("mail.tpl", "<b>"),
        ],
    )
    def test_templates_as_quorums_users_name_them_are_escaped(
        self, tmp_path: Path, template: str, shown: str
    ) -> None:
        app = openheart.load(name="myblog", uri="memory:")
        app.template_folder = str(tmp_path)
        (tmp_path / template).write_text("{{ text }}")
        with app.app_context():
            assert flask.render_template(template, text="<b>") == shown
            assert flask.render_template_string("{{ text }}", text="<b>") == "&lt;b&gt;"

    def test_loading_an_app_again_returns_it_unchanged(self) -> None:
        app = openheart.load(name="one", uri="memory:")
        react(app)
        rules = len(list(app.url_map.iter_rules()))
        assert openheart.load(app) is app
        assert len(list(app.url_map.iter_rules())) == rules
        assert count(app) == {"🥨": 1}

    def test_APP_is_the_last_app_and_the_first_goes_on(self) -> None:
        assert openheart.APP is None
        first = openheart.load(name="first", uri="memory:")
        react(first)
        second = openheart.load(name="second", uri="memory:")
        assert openheart.APP is second
        assert openheart.get_app() is second
        assert (count(first), count(second)) == ({"🥨": 1}, {})

    def test_the_environment_goes_before_arguments(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENHEART_URL_PREFIX", "/hearts")
        app = openheart.load(name="one", uri="memory:", url_prefix="/ignored")
        assert app.test_client().get("/hearts/a").json == {}

    def test_the_secret_key_reaches_flask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert openheart.load(name="one", secret_key="argument").secret_key == "argument"
        monkeypatch.setenv("SECRET_KEY", "variable")
        assert openheart.load(name="two", secret_key="argument").secret_key == "variable"

    def test_a_key_that_the_app_has_stays_unless_another_is_given(self) -> None:
        app = Flask("host")
        app.secret_key = "own"
        openheart.load(app, uri="memory:")
        assert app.secret_key == "own"

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"locales": ("englisch",)}, r"OPENHEART_LOCALES=.*en_us, pt_br"),
            ({"execution": "perhaps"}, r"OPENHEART_EXECUTION='perhaps'.*yes"),
            ({"redis_session": "perhaps"}, r"OPENHEART_REDIS_SESSION='perhaps'.*yes"),
            ({"redis_session": True}, r"REDISTOGO_URL=None.*because OPENHEART_REDIS_SESSION is"),
            ({"mongo_database": "a b"}, r"MONGO_DATABASE='a b'.*letters"),
            ({"models": "models"}, r"models='models'.*the module of your document classes"),
            ({"logger": 5}, r"logger=5.*the name of a logger"),
            ({"app": "app"}, r"app='app'.*a Flask app"),
            ({"name": 5}, r"name=5.*import name"),
            ({"prot": 1}, r"prot=.*the nearest is PORT"),
            ({"SESION_COOKIE_NAME": 1}, r"SESION_COOKIE_NAME=.*of openheart or Flask; .*SESSION_COOKIE_NAME"),
            ({"session_cookie_name": 1}, r"session_cookie_name=.*the nearest is SESSION_COOKIE_NAME"),
            ({"OPENHEART_URL": 1}, r"OPENHEART_URL=.*the nearest is OPENHEART_URI"),
            ({"SQLALCHEMY_DATABASE_URI": 1}, r"SQLALCHEMY_.*set those of other extensions in app\.config"),
            ({"port": "x"}, r"PORT='x' \(from a keyword argument\).*integer"),
            ({"uri": "nosql://x"}, r"OPENHEART_URI='nosql://x'.*memory, mongodb"),
            ({"url_prefix": "/"}, r"OPENHEART_URL_PREFIX='/'.*swallow"),
            ({"emoji": "🥨 x"}, r"OPENHEART_EMOJI=.*emoji"),
        ],
    )
    def test_an_argument_it_cannot_honour_is_refused_by_name(
        self, arguments: dict[str, Any], expected: str
    ) -> None:
        with pytest.raises(ConfigError, match=expected):
            openheart.load(**arguments)
        assert openheart.APP is None

    def test_every_argument_may_stand_at_its_default(self) -> None:
        app = openheart.load(
            None,
            "one",
            locales=["en_us"],
            secret_key=None,
            execution=False,
            redis_session=False,
            mongo_database=None,
            logger="site",
            models=None,
            safe=False,
            uri="memory:",
        )
        assert react(app) == {"🥨": 1}


class TestFlasksSettings:
    def test_they_go_into_the_config_of_the_app(self) -> None:
        app = openheart.load(
            name="one", uri="memory:", SESSION_COOKIE_NAME="site", TESTING=True, MAX_CONTENT_LENGTH=None
        )
        assert app.config["SESSION_COOKIE_NAME"] == "site"
        assert app.testing is True
        assert app.config["MAX_CONTENT_LENGTH"] is None
        assert openheart.conf("SESSION_COOKIE_NAME") == "site"

    def test_names_that_the_given_app_has_are_taken_too(self) -> None:
        app = Flask("host")
        app.config.update(SHOP_CURRENCY="EUR", SESSION_COOKIE_NAME="old")
        openheart.load(app, uri="memory:", SHOP_CURRENCY="USD", SESSION_COOKIE_NAME="new")
        assert (app.config["SHOP_CURRENCY"], app.config["SESSION_COOKIE_NAME"]) == ("USD", "new")

    def test_a_refused_load_changes_nothing_of_the_app(self) -> None:
        app = Flask("host")
        before = dict(app.config)
        with pytest.raises(ConfigError):
            openheart.load(app, uri="nosql://x", SESSION_COOKIE_NAME="site")
        assert app.config == before

    def test_none_of_their_names_is_also_one_of_ours(self) -> None:
        ours = {option.name for option in known_options()}
        names = set(Flask.default_config)
        assert names & ours == {"DEBUG", "SECRET_KEY"}
        assert {f"OPENHEART_{name}" for name in names} & ours == set()


class TestTheLevel:
    def test_it_is_that_of_the_logger_of_an_app_that_was_built(self) -> None:
        openheart.load(name="level_of_info", uri="memory:")
        quiet = openheart.load(name="level_of_critical", uri="memory:", level="critical")
        assert quiet.logger.getEffectiveLevel() == logging.CRITICAL
        assert logging.getLogger("level_of_info").isEnabledFor(logging.INFO)
        assert not logging.getLogger("level_of_info").isEnabledFor(logging.DEBUG)

    @pytest.mark.parametrize("flask_debug", [False, True])
    def test_without_LEVEL_the_logger_of_a_given_app_is_left_alone(self, flask_debug: bool) -> None:
        app = Flask("level_of_given")
        app.logger.setLevel(logging.ERROR)
        app.debug = flask_debug
        openheart.load(app, uri="memory:")
        assert app.logger.level == logging.ERROR

    @pytest.mark.parametrize("source", ["environment", "keyword", "app.config", ".env"])
    def test_where_LEVEL_is_set_it_is_that_of_a_given_app_too_until_unload(
        self, source: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = Flask("level_of_given")
        app.logger.setLevel(logging.ERROR)
        if source == "environment":
            monkeypatch.setenv("LEVEL", "INFO")
        if source == "app.config":
            app.config["LEVEL"] = "INFO"
        if source == ".env":
            Path(".env").write_text("LEVEL=INFO")
        openheart.load(app, uri="memory:", level="INFO" if source == "keyword" else None)
        assert app.logger.level == logging.INFO
        openheart.unload()
        assert app.logger.level == logging.ERROR


class TestDebug:
    @pytest.mark.filterwarnings("ignore:DEBUG .* is deprecated:DeprecationWarning")
    @pytest.mark.parametrize("given", [False, True])
    def test_it_is_that_of_the_app(self, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        app = Flask("host") if given else None
        assert openheart.load(app, uri="memory:").debug is False
        monkeypatch.setenv("DEBUG", "1")
        app = Flask("host") if given else None
        loaded = openheart.load(app, uri="memory:")
        assert loaded.debug is True
        assert loaded.jinja_env.auto_reload is True

    @pytest.mark.filterwarnings("ignore:DEBUG .* is deprecated:DeprecationWarning")
    def test_templates_of_an_app_that_has_used_them_are_read_again_too(self) -> None:
        app = Flask("host")
        assert app.jinja_env.auto_reload is False
        openheart.load(app, uri="memory:", debug=True)
        assert app.jinja_env.auto_reload is True

    def test_off_is_off_and_unset_leaves_it(self) -> None:
        apps = [Flask("host"), Flask("host")]
        for app, debug in zip(apps, (False, None), strict=True):
            app.debug = True
            openheart.load(app, uri="memory:", DEBUG=debug)
        assert [app.debug for app in apps] == [False, True]


class TestTheNameOfAGivenApp:
    def test_it_is_that_of_the_logs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        app = openheart.load(Flask("host"), name="shop", uri="memory:", instance="eu")
        assert app.name == "host"
        assert state_of(app).service.logger.name == "openheart.shop.eu"
        app = openheart.load(Flask("host"), name="shop", logger="site", uri="memory:")
        assert state_of(app).service.logger.name == "openheart.site"
        monkeypatch.setenv("NAME", "variable")
        app = openheart.load(Flask("host"), name="shop", uri="memory:")
        assert state_of(app).service.logger.name == "openheart.variable"

    def test_its_import_name_is_no_name_for_the_logs_as_in_an_app_that_is_built(self) -> None:
        app = openheart.load(Flask(__name__), name=__name__, uri="memory:")
        assert state_of(app).service.logger.name == "openheart"


TRACED_FLASK = """
import flask

class Traced(flask.Flask):
    pass

older = [flask.Flask("first"), flask.Flask("second")]
if {before}:
    flask.Flask = Traced
    import openheart
else:
    import openheart
    flask.Flask = Traced
from openheart.base import load_standalone

assert isinstance(openheart.load(name="built", uri="memory:"), Traced)
assert isinstance(load_standalone(uri="memory:"), Traced)
assert openheart.load(older[0], uri="memory:") is older[0]
openheart.APP = older[1]
assert openheart.load(uri="memory:") is older[1]
for app in (Traced("given"), *older):
    if "openheart" not in app.extensions:
        openheart.load(app, uri="memory:")
    assert app.test_client().post("/openheart/hello", data="🥨").json == {{"🥨": 1}}
"""


@pytest.mark.parametrize("before", [True, False])
def test_an_app_is_of_the_flask_that_a_tracing_library_put_in_its_place_and_older_apps_go_on(
    before: bool,
) -> None:
    # As OpenTelemetry does; in a process of its own, because it matters what was imported first.
    code = TRACED_FLASK.format(before=before)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


class TestUnknownVariables:
    def test_each_is_one_warning_with_the_nearest_name(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("OPENHEART_ORIGIN", "s3cret")
        Path(".env").write_text("OPENHEART_ORIGIN=s3cret\nOPENHEART_ZZZZ=s3cret\n")
        app = Flask("host")
        app.config.update(OPENHEART_HOLDD="s3cret", OPENHEART_HOLD=False)
        openheart.load(app, uri="memory:")
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            (
                "WARNING",
                "OPENHEART_ORIGIN (from the environment) is not a setting, so it has no effect; "
                "the nearest setting is OPENHEART_ORIGINS",
            ),
            ("WARNING", "OPENHEART_ZZZZ (from .env) is not a setting, so it has no effect"),
            (
                "WARNING",
                "OPENHEART_HOLDD (from app.config) is not a setting, so it has no effect; "
                "the nearest setting is OPENHEART_HOLD",
            ),
        ]

    @pytest.mark.parametrize("start", [lambda: OpenHeart(Flask("host"), uri="memory:"), load_standalone])
    def test_the_extension_and_the_server_warn_too(
        self,
        start: Callable[[], object],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("OPENHEART_ORIGIN", "*")
        start()
        assert [record.getMessage().partition(" ")[0] for record in caplog.records] == ["OPENHEART_ORIGIN"]

    def test_known_ones_are_no_warning(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("OPENHEART_LISTING", "on")
        openheart.load(name="one", uri="memory:")
        assert caplog.records == []


class TestSafe:
    def test_an_unknown_variable_is_refused_with_the_nearest_name(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENHEART_ORIGIN", "*")
        openheart.load(name="one", uri="memory:")
        with pytest.raises(ConfigError, match="OPENHEART_ORIGIN.*OPENHEART_ORIGINS"):
            openheart.load(name="two", uri="memory:", safe=True)

    def test_the_storage_is_tried_and_nothing_is_left_behind(self) -> None:
        app = openheart.load(name="one", safe=True)
        state = state_of(app)
        assert list(listed(state.service.backend).iter_targets()) == []

    def test_a_storage_that_does_not_work_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BackendError, match="folder"):
            openheart.load(name="one", uri=f"sqlite:///{tmp_path}", safe=True)
        assert openheart.APP is None

    def test_the_storage_is_closed_again_because_a_server_may_fork(self) -> None:
        openheart.load(name="one", safe=True)
        assert open_databases() == set()


class TestUnload:
    def test_it_lets_APP_go_and_only_that(self) -> None:
        first = openheart.load(name="first")
        second = openheart.load(name="second")
        react(first)
        react(second)
        openheart.unload()
        assert openheart.APP is None
        states = [state_of(app) for app in (first, second)]
        assert [state.service.is_open for state in states] == [True, False]
        states[0].service.close()

    def test_calling_it_twice_or_with_nothing_loaded_is_fine(self) -> None:
        openheart.unload()
        openheart.load(name="one", uri="memory:")
        openheart.unload()
        openheart.unload()
        assert openheart.APP is None

    def test_an_app_that_was_unloaded_still_counts(self) -> None:
        app = openheart.load(name="one")
        react(app)
        openheart.unload()
        assert react(app) == {"🥨": 2}
        state_of(app).service.close()


class TestPython:
    def test_reactions_from_python_are_those_of_the_web(self) -> None:
        app = openheart.load(name="one", uri="memory:")
        assert openheart.react("/posts/café/", "❤") == {"❤️": 1}
        assert openheart.reactions("posts/café") == {"❤️": 1}
        assert count(app, "posts/caf%C3%A9") == {"❤️": 1}

    def test_the_current_app_goes_before_APP(self) -> None:
        first = openheart.load(name="first", uri="memory:")
        openheart.load(name="second", uri="memory:")
        with first.app_context():
            openheart.react("a", "🥨")
        assert openheart.reactions("a") == {}
        assert count(first, "a") == {"🥨": 1}

    def test_what_is_wrong_is_an_error_of_its_own_type(self) -> None:
        with pytest.raises(OpenHeartError, match=r"openheart\.load"):
            openheart.reactions("a")
        openheart.load(name="one", uri="memory:")
        with pytest.raises(InvalidEmoji):
            openheart.react("a", "text")
        with pytest.raises(InvalidTarget):
            openheart.reactions("..")

    def test_an_app_without_openheart_is_named(self) -> None:
        with Flask("host").app_context(), pytest.raises(OpenHeartError, match="'host'"):
            openheart.reactions("a")

    def test_conf_finds_variables_of_the_app(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert openheart.conf("MAX_POSTS", 5) == 5
        monkeypatch.setenv("MAX_POSTS", "7")
        assert openheart.conf("MAX_POSTS", 5, cast=int) == 7
        openheart.load(name="one", port=8080)
        assert openheart.conf("PORT", cast=int) == 8080


class TestNames:
    def test_every_public_name_is_there(self) -> None:
        for name in openheart.__all__:
            getattr(openheart, name)
        assert set(openheart.__all__) <= set(dir(openheart))

    def test_an_unknown_name_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="nothing"):
            openheart.nothing  # type: ignore[attr-defined]  # noqa: B018 - looking it up is the act


class TestRun:
    def test_with_nothing_loaded_it_says_what_to_call(self) -> None:
        with pytest.raises(OpenHeartError, match=r"call openheart\.load\(\) first"):
            openheart.run()

    def test_an_argument_for_load_is_refused(self) -> None:
        openheart.load(name="one", uri="memory:")
        with pytest.raises(SystemExit, match="uri='sqlite:///x'.*pass other settings to load"):
            openheart.run(uri="sqlite:///x")
