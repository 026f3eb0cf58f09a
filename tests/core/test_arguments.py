"""Slug functions get what the view of the page gets, whatever the app's hooks do to the arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, g, request

import openheart
from openheart import OpenHeart

Values = dict[str, Any]
LANGUAGES = ("de", "en")


def site() -> Flask:
    app = Flask("site")
    OpenHeart(app, env=False, uri="memory:")
    return app


def show(**_: object) -> Values:
    return {"target": openheart.page.target, "reactions": openheart.page.reactions}


def show_slug(slug: str) -> Values:
    return show()


def pull_language(endpoint: str | None, values: Values | None) -> None:
    # As Flask's documentation has it, and with a check.
    if values and "lang" in values:
        g.lang = values.pop("lang")
        if g.lang not in LANGUAGES:
            abort(404)


def add_language(endpoint: str, values: Values) -> None:
    values.setdefault("lang", g.get("lang", "en"))


class TestAPreprocessorOfUrlValues:
    @pytest.mark.parametrize("place", ["the app", "the blueprint", "the blueprint inside"])
    def test_what_it_takes_out_the_slug_function_does_not_get(self, place: str) -> None:
        app = site()
        inner, outer = Blueprint("inner", "site"), Blueprint("outer", "site")
        {"the app": app, "the blueprint": outer, "the blueprint inside": inner}[place].url_value_preprocessor(
            pull_language
        )
        inner.add_url_rule(
            "/<lang>/<slug>", "post", show_slug, openheart=lambda slug: f"post-{slug}-{g.lang}"
        )
        outer.register_blueprint(inner)
        app.register_blueprint(outer)
        client = app.test_client()

        assert client.post("/openheart/de/a", data="🥨").json == {"🥨": 1}
        assert client.get("/openheart/en/a").json == {}
        assert client.get("/de/a").json == {"target": "post-a-de", "reactions": {"🥨": 1}}
        assert client.get("/openheart/?target=de/a&target=en/a").json == {"de/a": {"🥨": 1}, "en/a": {}}

    def test_that_of_another_blueprint_is_not_called(self) -> None:
        app = site()
        other = Blueprint("other", "site")
        other.url_value_preprocessor(lambda endpoint, values: abort(500))
        app.register_blueprint(other)
        app.add_url_rule("/<slug>", "post", show_slug, openheart=lambda slug: slug)

        assert app.test_client().post("/openheart/a", data="🥨").status_code == 200

    def test_what_it_changes_the_slug_function_gets_changed(self) -> None:
        def find_post(endpoint: str | None, values: Values | None) -> None:
            if values and "slug" in values:
                values["post"] = {"id": values.pop("slug").lower()}

        app = site()
        app.url_value_preprocessor(find_post)
        app.add_url_rule("/<slug>", "post", show, openheart=lambda post: post["id"])

        assert app.test_client().post("/openheart/A", data="🥨").status_code == 200
        assert app.test_client().get("/a").json == {"target": "a", "reactions": {"🥨": 1}}

    @pytest.mark.parametrize(
        "target", [lambda slug, lang: f"{slug}-{lang}", lambda lang, **rest: f"{rest['slug']}-{lang}"]
    )
    def test_a_function_that_names_what_was_taken_out_gets_it_all_the_same(
        self, target: Callable[..., str]
    ) -> None:
        app = site()
        app.url_value_preprocessor(pull_language)
        app.add_url_rule("/<lang>/<slug>", "post", show_slug, openheart=target)

        assert app.test_client().get("/de/a").json == {"target": "a-de", "reactions": {}}

    def test_where_it_aborts_there_is_no_page(self) -> None:
        app = site()
        app.url_value_preprocessor(pull_language)
        app.add_url_rule("/<lang>/<slug>", "post", show_slug, openheart=lambda slug: slug)

        assert app.test_client().post("/openheart/xx/a", data="🥨").status_code == 404

    def test_view_slug_gets_the_same(self) -> None:
        app = site()
        app.url_value_preprocessor(pull_language)

        @app.route("/<lang>/<slug>", openheart=True)
        def post(slug: str) -> Values:
            return show()

        post.slug(lambda slug: slug)  # type: ignore[attr-defined]

        assert app.test_client().get("/de/a").json == {"target": "post.a", "reactions": {}}

    def test_asking_for_other_pages_leaves_the_language_of_this_one(self) -> None:
        app = site()
        app.url_value_preprocessor(pull_language)
        app.url_defaults(add_language)

        @app.route("/<lang>/<slug>", openheart=lambda slug: f"{slug}-{g.lang}")
        def post(slug: str) -> list[str]:
            found = [openheart.target_for("post", slug=slug, lang=each) for each in LANGUAGES]
            return [g.lang, *found, openheart.target_for("post", slug="b"), g.lang]

        for lang in LANGUAGES:
            answer = app.test_client().get(f"/{lang}/a")
            assert answer.json == [lang, "a-de", "a-en", f"b-{lang}", lang]

    def test_it_works_outside_a_request_and_a_context(self) -> None:
        app = openheart.load(name="site", uri="memory:")
        app.url_value_preprocessor(pull_language)
        app.url_defaults(add_language)
        app.add_url_rule("/<lang>/<slug>", "post", show_slug, openheart=lambda slug: f"{slug}-{g.lang}")

        assert openheart.target_for("post", slug="a") == "a-en"


class TestAFunctionOfBeforeRequest:
    @staticmethod
    def app(view: Callable[..., Values]) -> Flask:
        app = site()

        @app.before_request
        def take_language() -> None:
            if request.view_args and "lang" in request.view_args:
                g.lang = request.view_args.pop("lang")

        app.add_url_rule("/<lang>/<slug>", "post", view, openheart=lambda slug: slug)
        return app

    def test_what_it_takes_out_is_what_neither_the_view_nor_the_slug_function_names(self) -> None:
        client = self.app(show_slug).test_client()

        assert client.post("/openheart/de/a", data="🥨").json == {"🥨": 1}
        assert client.get("/en/a").json == {"target": "a", "reactions": {"🥨": 1}}

    def test_a_slug_function_that_forgets_an_argument_of_the_view_is_still_an_error(self) -> None:
        # Else the pages of two languages would share their counts.
        app = self.app(lambda slug, lang="": show())
        app.testing = True

        with pytest.raises(TypeError, match="lang"):
            app.test_client().post("/openheart/de/a", data="🥨")


def test_a_hook_that_adds_arguments_to_every_address_leaves_ours_alone() -> None:
    app = site()
    app.url_defaults(lambda endpoint, values: values.setdefault("lang", "en"))
    app.url_value_preprocessor(lambda endpoint, values: values.update(lang="en") if values else None)
    client = app.test_client()

    with app.test_request_context():
        address = openheart.url_for("posts/a")
    assert client.post(address, data="🥨").json == {"🥨": 1}
    assert client.get("/openheart/posts/a").json == {"🥨": 1}
    assert client.get("/openheart?target=posts/a").json == {"posts/a": {"🥨": 1}}
    assert client.get("/openheart/-/healthz").status_code == 200
