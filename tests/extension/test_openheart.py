"""OpenHeart(app) and init_app(): inside apps of others."""

from __future__ import annotations

import gc
import logging
import os
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask, Response, jsonify
from flask.json.provider import DefaultJSONProvider
from flask_wtf import CSRFProtect
from werkzeug.exceptions import HTTPException

import openheart
from openheart import OpenHeart
from openheart.config import casts, known_options
from openheart.core.state import state_of
from openheart.errors import ConfigError, OpenHeartError
from openheart.settings.option import Option
from openheart.storage.capabilities import listed


def host(**options: object) -> Flask:
    app = Flask("host")

    @app.get("/only-get")
    def only_get() -> str:
        return "host"

    OpenHeart(app, env=False, **{"uri": "memory:", **options})
    return app


def test_one_extension_serves_apps_with_settings_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_URI", "nosql://not-for-these")
    oh = OpenHeart(env=False, uri="memory:")
    apps = [Flask("a"), Flask("b")]
    oh.init_app(apps[0], url_prefix="/a", emoji="🥨")
    oh.init_app(apps[1], url_prefix="/b", emoji="👍")
    a, b = (app.test_client() for app in apps)
    assert a.post("/a/x", data="🥨").json == {"🥨": 1}
    assert b.get("/b/x").json == {}
    assert b.post("/b/x", data="🥨").status_code == 400
    assert a.get("/b/x").status_code == 404
    assert vars(oh).keys() == {"_env", "_options", "_slugs", "_users"}


def test_two_apps_with_different_storages_under_threads_never_mix_a_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENHEART_URI", "nosql://not-for-these")
    oh, apps = OpenHeart(env=False), [Flask("one"), Flask("two")]
    oh.init_app(apps[0], url_prefix="/one", emoji="🥨", uri="memory:")
    oh.init_app(apps[1], url_prefix="/two", emoji="👍", uri=f"sqlite:///{tmp_path}/two.db")

    def react(number: int) -> tuple[int, int]:
        mine, other = number % 2, 1 - number % 2
        prefixes, emoji = ("/one", "/two"), "🥨👍"
        client = apps[mine].test_client()
        counted = client.post(f"{prefixes[mine]}/x", data=emoji[mine]).status_code
        return counted, client.post(f"{prefixes[mine]}/x", data=emoji[other]).status_code

    try:
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(react, range(400))) == {(200, 400)}
        assert apps[0].test_client().get("/one/x").json == {"🥨": 200}
        assert apps[1].test_client().get("/two/x").json == {"👍": 200}
    finally:
        for app in apps:
            app.extensions["openheart"].service.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system does not list open files")
def test_contexts_and_threads_that_end_leave_nothing_open(tmp_path: Path) -> None:
    app = host(uri=f"sqlite:///{tmp_path}/counts.db")
    opened = [len(os.listdir("/proc/self/fd"))]

    def visit() -> None:
        with app.app_context():
            openheart.react("a", "🥨")
            openheart.reactions("a")

    try:
        for _ in range(3):
            threads = [Thread(target=visit) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            opened.append(len(os.listdir("/proc/self/fd")))
        assert app.test_client().get("/openheart/a").json == {"🥨": 48}
    finally:
        app.extensions["openheart"].service.close()
    # A few connections are kept for the threads to come, with up to three files each.
    assert max(opened) - min(opened) < 48


def test_many_apps_of_one_extension_leave_nothing_behind() -> None:
    oh = OpenHeart(env=False, uri="memory:")
    gone: list[weakref.ref[object]] = []
    for _ in range(20):
        app = Flask("many")
        oh.init_app(app)
        app.add_url_rule("/p/<x>", "p", lambda x: openheart.page.reactions, openheart=True)
        app.test_client().post("/openheart/p/a", data="🥨")
        assert app.test_client().get("/p/a").json == {"🥨": 1}
        gone += [weakref.ref(app), weakref.ref(app.extensions["openheart"].service)]
        del app
    gc.collect()
    assert [each() for each in gone if each() is not None] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_of_a_server_that_forks_goes_on_counting(tmp_path: Path) -> None:
    app = host(uri=f"sqlite:///{tmp_path}/counts.db")
    try:
        assert app.test_client().post("/openheart/a", data="🥨").json == {"🥨": 1}
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if app.test_client().post("/openheart/a", data="🥨").json == {"🥨": 2} else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert app.test_client().post("/openheart/a", data="🥨").json == {"🥨": 3}
    finally:
        app.extensions["openheart"].service.close()


def test_a_listener_hears_of_its_own_app_and_may_fail_at_no_cost(caplog: pytest.LogCaptureFixture) -> None:
    apps = [host(), host()]
    heard: list[dict[str, object]] = []

    def listen(sender: Flask, **data: object) -> None:
        heard.append({"sender": sender, **data})
        raise RuntimeError("a broken listener")

    with openheart.reaction_added.connected_to(listen, apps[0]):
        for app in apps:
            assert app.test_client().post("/openheart/a", data="🥨").json == {"🥨": 1}

    assert heard == [{"sender": apps[0], "target": "a", "emoji": "🥨", "counts": {"🥨": 1}}]
    assert "a broken listener" in caplog.text


def test_it_works_in_an_application_context_without_a_request() -> None:
    app = host()
    with app.app_context():
        assert openheart.react("/a", "🥨") == {"🥨": 1}
        assert openheart.reactions("a") == {"🥨": 1}


def test_settings_may_stand_in_the_apps_config() -> None:
    app = Flask("host")
    app.config["OPENHEART_URI"] = "memory:"
    app.config["OPENHEART_WRITE_ONLY"] = True
    OpenHeart(app, env=False)
    assert app.test_client().get("/openheart/a").status_code == 403


class TestTheConfigOfTheApp:
    def test_it_holds_each_setting_in_force_under_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENHEART_MAX_BODY", "4KB")
        monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
        app = Flask("host")
        app.config.update(OPENHEART_MAX_BODY=1, PORT="8080", DEBUG=True)
        OpenHeart(app, uri="memory:", write_only=True)
        config = app.config
        assert (config["OPENHEART_URI"], config["OPENHEART_WRITE_ONLY"]) == ("memory:", True)
        assert (config["OPENHEART_MAX_BODY"], config["SMTP_PASSWORD"]) == (4096, "hunter2")
        assert (config["OPENHEART_URL_PREFIX"], config["OPENHEART_ORIGINS"]) == ("/openheart", ["*"])
        assert (config["PORT"], config["DEBUG"], config["LEVEL"], config["NAME"]) == (
            "8080",
            True,
            "DEBUG",
            None,
        )
        assert {option.name for option in known_options()} <= set(config)

    def test_the_key_that_the_app_signs_with_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_KEY", "of the environment, for openheart")
        app = Flask("host")
        app.secret_key = "own"
        OpenHeart(app, uri="memory:")
        assert app.secret_key == "own"
        without = Flask("without")
        OpenHeart(without, uri="memory:")
        assert without.secret_key == "of the environment, for openheart"

    def test_what_was_filled_in_is_not_taken_for_what_the_user_has_set(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENHEART_MAX_BODY", "4KB")
        app = Flask("host")
        app.config["OPENHEART_HOLD"] = True
        OpenHeart(app, uri="memory:", write_only=True)
        monkeypatch.delenv("OPENHEART_MAX_BODY")
        copied = Flask("copied")
        copied.config.from_mapping(app.config)
        del app.extensions["openheart"]
        again = Flask("again")
        again.config.update(app.config, PORT=5001)
        for other in (copied, again):
            OpenHeart(other)
        sources = [
            {
                row.option.name: row.source
                for row in state_of(other).config.items()
                if row.source != "the default"
            }
            for other in (copied, again)
        ]
        assert sources[0] == {"OPENHEART_HOLD": "app.config"}
        assert sources[1] == {"OPENHEART_HOLD": "app.config", "PORT": "app.config"}

    def test_a_setting_of_another_package_is_there_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        option = Option("OPENHEART_SHOP", casts.integer(0, 9), 5, "How much.")
        monkeypatch.setattr("openheart.extension.openheart.further_options", lambda config: [option])
        app = host()
        assert app.config["OPENHEART_SHOP"] == 5


class TestItsStorage:
    def test_it_is_that_of_the_current_app_opened_at_first_use(self, tmp_path: Path) -> None:
        oh = OpenHeart(env=False)
        one, two = Flask("one"), Flask("two")
        oh.init_app(one, uri=f"sqlite:///{tmp_path}/one.db")
        oh.init_app(two, uri="memory:")
        try:
            with one.app_context():
                assert not (tmp_path / "one.db").exists()
                oh.storage.incr("a", "🥨")
                with two.app_context():
                    assert dict(oh.storage.iter("a")) == {}
                assert dict(oh.storage.iter("a")) == {"🥨": 1}
                assert oh.storage.is_connected()
            assert one.test_client().get("/openheart/a").json == {"🥨": 1}
        finally:
            state_of(one).close()

    def test_it_works_in_a_view(self) -> None:
        oh = OpenHeart(env=False, uri="memory:")
        app = Flask("host")
        oh.init_app(app)
        app.add_url_rule("/", "pages", lambda: [target for target, _ in listed(oh.storage).iter_targets()])
        app.test_client().post("/openheart/a", data="🥨")
        assert app.test_client().get("/").json == ["a"]

    def test_without_an_app_it_says_what_to_enter(self) -> None:
        oh = OpenHeart(Flask("host"), env=False, uri="memory:")
        with pytest.raises(OpenHeartError, match=r"app\.app_context\(\)"):
            _ = oh.storage
        with (
            Flask("other").app_context(),
            pytest.raises(OpenHeartError, match="was not added to the app 'other'"),
        ):
            _ = oh.storage


def test_adding_it_twice_is_an_error_that_says_so() -> None:
    with pytest.raises(OpenHeartError, match="was already added to the app"):
        OpenHeart().init_app(host())


def test_a_wrong_setting_leaves_the_app_as_it_was() -> None:
    app = Flask("host")
    rules = [*app.url_map.iter_rules()]
    with pytest.raises(ConfigError):
        OpenHeart(app, env=False, uri="nosql://x")
    assert [*app.url_map.iter_rules()] == rules
    assert "openheart" not in app.extensions


class TestTheHostStaysItself:
    def test_its_404_and_405_are_its_own(self) -> None:
        plain, extended = Flask("host"), host()
        plain.add_url_rule("/only-get", "only_get", lambda: "host", methods=["GET"])
        requests = (
            ("GET", "/nothing"),
            ("POST", "/only-get"),
            ("GET", "/openhearts"),
            ("GET", "/healthz"),
        )
        for method, address in requests:
            before = plain.test_client().open(address, method=method)
            after = extended.test_client().open(address, method=method)
            assert (after.status_code, after.data, dict(after.headers)) == (
                before.status_code,
                before.data,
                dict(before.headers),
            ), address

    def test_its_error_handlers_see_nothing_of_ours(self) -> None:
        app = host()
        seen: list[Exception] = []

        @app.errorhandler(Exception)
        def everything(error: Exception) -> tuple[str, int]:
            seen.append(error)
            return "host's own page", error.code or 500 if isinstance(error, HTTPException) else 500

        client = app.test_client()
        for method, address, status in (
            ("BREW", "/openheart/a", 405),
            ("PUT", "/openheart/-/healthz", 405),
            ("GET", "/openheart/..%2f", 400),
            ("POST", "/openheart/a", 400),
        ):
            answer = client.open(address, method=method)
            assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
        assert seen == []
        assert client.get("/nothing").text == "host's own page"

    @pytest.mark.parametrize("add", [OpenHeart, openheart.load])
    def test_its_own_logging_is_not_touched(
        self, add: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Under load() LEVEL is the level of the app's logger too, where it is set.
        if add is not openheart.load:
            monkeypatch.setenv("LEVEL", "DEBUG")
        loggers = [logging.getLogger(name) for name in (None, "openheart", "openheart.blog", "host")]
        before = [(logger.level, [*logger.handlers], [*logger.filters]) for logger in loggers]
        app = Flask("host")

        add(app, uri="memory:", name="host" if add is openheart.load else "blog")
        app.test_client().post("/openheart/a", data="🥨")

        assert [(logger.level, [*logger.handlers], [*logger.filters]) for logger in loggers] == before

    def test_its_json_provider_is_not_asked(self) -> None:
        class Shouting(DefaultJSONProvider):
            def dumps(self, obj: object, **kwargs: object) -> str:
                return '"LOUD"'

        app = host()
        app.json = Shouting(app)
        app.add_url_rule("/json", "json", lambda: jsonify({}))
        client = app.test_client()
        assert client.get("/json").json == "LOUD"
        assert client.post("/openheart/a", data="🥨").json == {"🥨": 1}

    def test_its_hooks_and_its_response_class_go_on_working(self) -> None:
        class Marked(Response):
            pass

        app = Flask("host")
        app.response_class = Marked
        kinds: list[type[Response]] = []

        @app.after_request
        def note(response: Response) -> Response:
            kinds.append(type(response))
            response.headers["X-Host"] = "yes"
            return response

        OpenHeart(app, env=False, uri="memory:")
        assert app.test_client().get("/openheart/a").headers["X-Host"] == "yes"
        assert kinds == [Marked]

    def test_its_protection_of_forms_holds_until_reactions_are_exempt(self) -> None:
        app = host(access_log=True)
        app.secret_key = "for the test"
        csrf = CSRFProtect(app)
        before = app.test_client().post("/openheart/a", data="🥨").status_code
        csrf.exempt(app.view_functions["openheart.reactions"])
        after = [app.test_client().post(f"/openheart{path}", data="🥨").status_code for path in ("/a", "")]
        assert (before, after) == (400, [200, 200])
        assert app.test_client().post("/only-get").status_code == 405
        assert app.test_client().get("/openheart/a").headers.getlist("Set-Cookie") == []

    def test_a_route_below_the_prefix_that_the_host_adds_wins(self) -> None:
        app = host()
        app.add_url_rule("/openheart/about", "about", lambda: "about")
        client = app.test_client()
        assert client.get("/openheart/about").text == "about"
        assert client.get("/openheart/about/more").json == {}

    def test_url_for_finds_the_address_of_a_target(self) -> None:
        app = host()
        with app.test_request_context():
            address = app.url_for("openheart.reactions", target="posts/café?")
        assert address == "/openheart/posts/caf%C3%A9%3F"
        app.test_client().post(address, data="🥨")
        batch = app.test_client().get("/openheart/?target=posts/café%253F")
        assert batch.json == {"posts/café%3F": {"🥨": 1}}

    def test_below_another_app_the_paths_are_those_of_the_request(self) -> None:
        below = {"SCRIPT_NAME": "/below"}
        answer = host().test_client().get("/openheart/-/openapi.json", environ_overrides=below)
        assert answer.json is not None
        assert answer.json["servers"] == [{"url": "/below/openheart"}]
