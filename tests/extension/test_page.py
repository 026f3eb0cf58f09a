"""request.openheart, openheart.page, and what templates use."""

from __future__ import annotations

from typing import Any, assert_type

import pytest
from flask import Flask, Request, render_template_string, request

import openheart
from openheart import OpenHeart
from openheart.errors import BackendUnavailable, InvalidTarget, OpenHeartError, TargetNotFound
from openheart.storage import Counts
from openheart.storage.memory.backend import MemoryBackend


def site(**options: Any) -> Flask:
    app = Flask("site")
    app.testing = True
    OpenHeart(app, env=False, **{"uri": "memory:", **options})
    return app


def calls(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many targets each storage call asks for."""
    seen: list[int] = []
    counts = MemoryBackend.counts

    def counted(self: MemoryBackend, targets: Any) -> list[Counts]:
        seen.append(len(targets))
        return counts(self, targets)

    monkeypatch.setattr(MemoryBackend, "counts", counted)
    return seen


class TestThePage:
    def test_it_reads_reacts_and_knows_its_target_and_address(self) -> None:
        app = site()

        @app.route("/posts/<slug>", openheart=lambda slug: f"post-{slug}")
        def post(slug: str) -> dict[str, Any]:
            mine = request.openheart  # type: ignore[attr-defined]
            return {"before": mine.reactions, "after": mine.react("🥨"), "is": [mine.target, mine.url]}

        answer = app.test_client().get("/posts/caf%C3%A9?q=1").json

        assert answer == {
            "before": {},
            "after": {"🥨": 1},
            "is": ["post-café", "/openheart/posts/caf%C3%A9"],
        }
        assert app.test_client().get(answer["is"][1]).json == {"🥨": 1}

    def test_it_is_one_object_however_it_is_asked_for(self) -> None:
        app = site()
        with app.test_request_context("/"):
            assert openheart.page.__class__ is openheart.Page
            first = openheart.page._get_current_object()  # type: ignore[attr-defined]
            assert request.openheart is first  # type: ignore[attr-defined]

    def test_without_a_marked_route_every_page_has_reactions(self) -> None:
        app = site()
        app.add_url_rule("/a/", "a", lambda: {"t": openheart.page.target})
        assert app.test_client().get("/a/").json == {"t": "a"}

    def test_it_is_false_where_there_are_no_reactions(self) -> None:
        app = site()
        app.add_url_rule("/a", "a", lambda: str(bool(openheart.page)), openheart=True)
        app.add_url_rule("/b", "b", lambda: str(bool(openheart.page)))
        client = app.test_client()
        assert (client.get("/a").text, client.get("/b").text) == ("True", "False")
        assert not openheart.page

    def test_it_has_its_addresses_under_the_names_of_flask_openheart_too(self) -> None:
        app = site()

        @app.route("/café", openheart=True)
        @app.route("/other")
        def show() -> list[str | None]:
            it = openheart.page
            return [it.get_url, it.get_url_external, it.post_url, it.post_url_external]

        path = "/below/openheart/caf%C3%A9"
        answer = app.test_client().get("/café", environ_overrides={"SCRIPT_NAME": "/below"})
        assert answer.json == [path, f"http://localhost{path}"] * 2
        assert app.test_client().get("/other").json == [None] * 4

    def test_below_another_app_its_address_is_that_of_the_request(self) -> None:
        app = site()
        app.add_url_rule("/a", "a", lambda: openheart.page.url or "")
        below = {"SCRIPT_NAME": "/below"}
        assert app.test_client().get("/a", environ_overrides=below).text == "/below/openheart/a"

    def test_on_an_error_page_it_has_none_and_breaks_nothing(self) -> None:
        app = site()

        @app.errorhandler(404)
        def missing(error: Exception) -> tuple[str, int]:
            return render_template_string("{{ request.openheart.reactions }}{{ request.openheart.url }}"), 404

        answer = app.test_client().get("/nothing")
        assert (answer.status_code, answer.text) == (404, "{}None")

    def test_reacting_where_there_are_no_reactions_says_what_to_do(self) -> None:
        app = site(open_targets=False)
        app.add_url_rule("/a", "a", lambda: openheart.page.react("🥨"))
        with pytest.raises(TargetNotFound, match="openheart=True"):
            app.test_client().get("/a")

    def test_a_page_is_shown_while_the_storage_is_unavailable(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def away(self: MemoryBackend, targets: Any) -> list[Counts]:
            raise BackendUnavailable("gone fishing")

        app = site()
        app.add_url_rule(
            "/a", "a", lambda: render_template_string("{{ request.openheart.reactions }}{{ reactions('x') }}")
        )
        monkeypatch.setattr(MemoryBackend, "counts", away)
        assert app.test_client().get("/a").text == "{}{}"
        assert "gone fishing" in caplog.text
        with app.app_context(), pytest.raises(BackendUnavailable):
            openheart.reactions("x")

    def test_nothing_is_asked_of_the_storage_before_it_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        app = site()
        seen = calls(app, monkeypatch)
        app.add_url_rule("/a", "a", lambda: str(request.openheart.url))  # type: ignore[attr-defined]
        app.test_client().get("/a")
        assert seen == []
        assert not app.extensions["openheart"].service.is_open

    def test_outside_a_request_it_says_so(self) -> None:
        with pytest.raises(OpenHeartError, match="in a view"):
            _ = openheart.page.target

    def test_a_request_class_of_the_apps_own_is_extended(self) -> None:
        class Own(Request):
            own = "yes"

        app = Flask("site")
        app.request_class = Own
        OpenHeart(app, env=False, uri="memory:")
        app.add_url_rule("/a", "a", lambda: request.own + request.openheart.target)  # type: ignore[attr-defined]
        assert app.test_client().get("/a").text == "yesa"


def test_a_type_checker_knows_them_all() -> None:
    app = openheart.load(site())
    app.add_url_rule("/a", "a", lambda: "")
    with app.test_request_context("/a"):
        assert_type(openheart.page, openheart.Page)
        assert_type(openheart.page.reactions, dict[str, int])
        assert_type(openheart.page.react("🥨"), dict[str, int])
        assert_type(openheart.page.target, str | None)
        assert_type(openheart.page.url, str | None)
        assert_type(openheart.react("a", "🥨"), dict[str, int])
        assert_type(openheart.reactions("a"), dict[str, int])
        assert_type(openheart.reactions_of(["a"]), dict[str, dict[str, int]])
        assert_type(openheart.url_for("a"), str)
        assert_type(openheart.get_app(), Flask)
        assert_type(openheart.APP, Flask | None)


class TestLists:
    def test_the_counts_of_a_list_are_one_storage_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        app = site()
        seen = calls(app, monkeypatch)
        with app.app_context():
            openheart.react("a", "🥨")
            assert openheart.reactions_of(["/a", "b", "/a"]) == {"/a": {"🥨": 1}, "b": {}}
            assert openheart.reactions_of([]) == {}
            shown = render_template_string(
                "{% set c = reactions(['a', 'b']) %}{{ c['a']['🥨'] }}{{ c['b'] }}"
            )
        assert shown == "1{}"
        assert seen == [2, 2]

    def test_largest_counts_come_first(self) -> None:
        app = site()
        with app.app_context():
            for emoji in "👍🥨🥨":
                openheart.react("a", emoji)
            assert list(openheart.reactions_of(["a"])["a"]) == ["🥨", "👍"]

    def test_what_is_no_target_is_an_error(self) -> None:
        with site().app_context(), pytest.raises(InvalidTarget):
            openheart.reactions_of([".."])


class TestAddresses:
    def app(self) -> Flask:
        app = site()
        app.add_url_rule("/posts/<slug>", "post", lambda slug: "", openheart=lambda slug: f"post-{slug}")
        app.add_url_rule("/plain/<x>", "plain", lambda x: "")
        return app

    @pytest.mark.parametrize("root", ["", "/below"])
    def test_an_endpoint_gives_the_address_of_its_pages_reactions(self, root: str) -> None:
        with self.app().test_request_context("/", environ_overrides={"SCRIPT_NAME": root}):
            assert openheart.url_for("post", slug="é?") == f"{root}/openheart/posts/%C3%A9%3F"
            assert openheart.url_for("post", slug="a", _external=True) == (
                f"http://localhost{root}/openheart/posts/a"
            )
            assert openheart.url_for("example.com/a b") == f"{root}/openheart/example.com/a%20b"
            assert openheart.url_for("/") == f"{root}/openheart/"

    def test_a_page_without_reactions_has_no_target(self) -> None:
        app = self.app()
        with app.test_request_context("/"):
            assert openheart.target_for("post", slug="a") == "post-a"
            with pytest.raises(TargetNotFound):
                openheart.target_for("plain", x="1")
        with app.app_context():
            assert openheart.target_for("post", slug="é") == "post-é"

    def test_url_for_gives_the_address_of_a_target(self) -> None:
        with self.app().test_request_context("/"):
            assert openheart.url_for("posts/a") == "/openheart/posts/a"
            assert request.url_rule is None
            with pytest.raises(TargetNotFound):
                openheart.url_for()

    def test_templates_have_them_in_imported_macros_too(self) -> None:
        from jinja2 import DictLoader

        app = self.app()
        app.jinja_loader = DictLoader(
            {
                "m.html": "{% macro m() %}{{ openheart_url('post', slug='a') }} "
                "{{ openheart_target('post', slug='a') }}"
                "{% endmacro %}",
                "p.html": "{% from 'm.html' import m %}{{ m() }}",
            }
        )
        app.add_url_rule("/a", "a", lambda: app.jinja_env.get_template("p.html").render())
        assert app.test_client().get("/a").text == "/openheart/posts/a post-a"

    def test_names_of_the_apps_own_stay_its_own(self) -> None:
        app = Flask("site")
        app.jinja_env.globals["reactions"] = "mine"
        OpenHeart(app, env=False, uri="memory:")
        with app.test_request_context("/"):
            assert render_template_string("{{ reactions }} {{ openheart_url('a') }}") == "mine /openheart/a"

    def test_the_environment_of_the_templates_is_not_made_early(self) -> None:
        app = site()
        assert "jinja_env" not in app.__dict__
        app.jinja_options["trim_blocks"] = True
        assert app.jinja_env.trim_blocks
