"""load(), unload(), run() and what hangs on APP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
import pytest
from flask import Flask

import openheart
from openheart.core.state import state_of
from openheart.errors import BackendError, ConfigError, InvalidEmoji, InvalidTarget, OpenHeartError

from .conftest import open_databases


def count(app: Flask, target: str = "hello") -> object:
    return app.test_client().get(f"/openheart/{target}").json


def react(app: Flask, target: str = "hello") -> object:
    return app.test_client().post(f"/openheart/{target}", data="🥨").json


class TestLoad:
    def test_it_builds_an_app_that_counts_in_a_file_named_after_it(self) -> None:
        app = openheart.load(name="myblog")
        assert react(app) == {"🥨": 1}
        assert (Path(app.instance_path) / "myblog.db").is_file()

    def test_two_instances_of_one_app_have_files_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INSTANCE", "b")
        app = openheart.load(name="myblog")
        react(app)
        assert (Path(app.instance_path) / "myblog-b.db").is_file()

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
            ({"app": Flask("host"), "name": "other"}, r"name='other'.*'host'"),
            ({"prot": 1}, r"prot=.*the nearest is PORT"),
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
        assert list(state.service.backend.iter_targets()) == []

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
