"""Reactions on the app's own routes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from flask import Blueprint, Flask, abort
from flask.testing import FlaskClient
from flask.views import MethodView
from werkzeug.routing import BaseConverter, Rule

import openheart
from openheart import OpenHeart
from openheart.core.pages import PageRule
from openheart.errors import ConfigError

Options = dict[str, Any]


def site(**options: Any) -> Flask:
    app = Flask("site")
    OpenHeart(app, env=False, **{"uri": "memory:", **options})
    return app


def page(**values: Any) -> dict[str, Any]:
    return {"target": openheart.page.target, "url": openheart.page.url}


def stored(app: Flask, target: str) -> dict[str, int]:
    with app.app_context():
        return openheart.reactions(target)


def react(client: FlaskClient, address: str, **more: Any) -> int:
    return client.post(address, data="🥨", **more).status_code


def test_a_marked_route_keeps_its_page_and_gains_reactions_below_the_prefix() -> None:
    app = site()
    app.add_url_rule("/posts/<slug>", "post", lambda slug: f"page of {slug}", openheart=True)
    client = app.test_client()

    assert react(client, "/openheart/posts/a") == 200

    assert client.get("/posts/a").text == "page of a"
    assert client.get("/openheart/posts/a").json == {"🥨": 1}
    assert stored(app, "posts/a") == {"🥨": 1}


def test_two_pages_of_one_route_never_share_counts() -> None:
    app = site()
    app.add_url_rule("/p/<slug>", "p", page, openheart=True)
    client = app.test_client()

    react(client, "/openheart/p/a")

    assert client.get("/openheart/?target=/p/a&target=/p/b").json == {"/p/a": {"🥨": 1}, "/p/b": {}}


@pytest.mark.parametrize("options", [{"url_prefix": "/blog"}, {}])
def test_a_route_of_a_blueprint_is_marked_when_it_is_registered_after_init_app(options: Options) -> None:
    blueprint = Blueprint("blog", "site")
    blueprint.add_url_rule("/posts/<slug>", "post", page, openheart=True)
    app = site()
    app.register_blueprint(blueprint, **options)
    path = f"{options.get('url_prefix', '')}/posts/a"

    assert app.test_client().get(path).json == {"target": path[1:], "url": f"/openheart{path}"}
    assert react(app.test_client(), f"/openheart{path}") == 200
    assert stored(app, path) == {"🥨": 1}


def test_nested_blueprints_and_method_views_may_be_marked() -> None:
    class Post(MethodView):
        def get(self, slug: str) -> dict[str, Any]:
            return page()

        def post(self, slug: str) -> str:
            return "a comment"

    inner, outer = Blueprint("inner", "site"), Blueprint("outer", "site")
    inner.add_url_rule("/<slug>", view_func=Post.as_view("post"), openheart=True)
    outer.register_blueprint(inner, url_prefix="/b")
    app = site()
    app.register_blueprint(outer, url_prefix="/a")
    client = app.test_client()

    assert client.post("/a/b/c").text == "a comment"
    assert react(client, "/openheart/a/b/c") == 200
    assert stored(app, "a/b/c") == {"🥨": 1}


def test_a_function_at_the_route_gives_the_target_and_says_which_pages_there_are() -> None:
    posts = {"new": 7}

    def target(slug: str) -> str | None:
        return f"post-{posts[slug]}" if slug in posts else None

    app = site()
    app.add_url_rule("/posts/<slug>", "post", page, openheart=target)
    client = app.test_client()

    assert react(client, "/openheart/posts/new") == 200
    assert stored(app, "post-7") == {"🥨": 1}
    refused = client.post("/openheart/posts/gone", data="🥨")
    assert (refused.status_code, refused.content_type) == (404, "application/problem+json")
    assert client.get("/openheart/posts/gone").status_code == 404
    assert client.get("/posts/gone").json == {"target": None, "url": None}
    posts["renamed"] = 7
    assert client.get("/openheart/posts/renamed").json == {"🥨": 1}


@pytest.mark.parametrize("before", [True, False])
def test_slug_works_before_and_after_init_app(before: bool) -> None:
    oh, app = OpenHeart(env=False, uri="memory:"), Flask("site")

    def add_slug() -> None:
        @oh.slug("post")
        def target(number: int) -> str:
            return f"n{number}"

    if before:
        add_slug()
    app.add_url_rule("/early/<int:number>", "post", page)
    oh.init_app(app)
    if not before:
        add_slug()

    assert react(app.test_client(), "/openheart/early/5") == 200
    assert stored(app, "n5") == {"🥨": 1}
    assert react(app.test_client(), "/openheart/anything") == 404


def test_slugs_of_an_endpoint_that_an_app_does_not_have_leave_its_targets_open() -> None:
    oh, app = OpenHeart(env=False, uri="memory:"), Flask("site")
    oh.slug("elsewhere")(lambda: "x")
    oh.init_app(app)

    assert react(app.test_client(), "/openheart/anything") == 200


@pytest.mark.parametrize(
    ("endpoint", "nearest"),
    [("psot", "'post'"), ("blog.post", "'post'"), ("nothing like it", "flask routes")],
)
def test_a_slug_function_that_no_app_uses_is_said_once_with_the_nearest_endpoint(
    endpoint: str, nearest: str, caplog: pytest.LogCaptureFixture
) -> None:
    oh, app = OpenHeart(env=False, uri="memory:"), Flask("site")
    oh.slug(endpoint)(lambda number: "x")
    oh.init_app(app)
    app.add_url_rule("/<int:number>", "post", page)

    for _ in range(2):
        assert react(app.test_client(), "/openheart/5") == 200

    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert repr(endpoint) in line
    assert nearest in line


def test_a_slug_function_for_another_app_of_the_extension_is_nothing_to_say(
    caplog: pytest.LogCaptureFixture,
) -> None:
    oh, apps = OpenHeart(env=False, uri="memory:"), [Flask("a"), Flask("b")]
    oh.slug("post")(lambda: "x")
    for app in apps:
        oh.init_app(app)
    apps[1].add_url_rule("/post", "post", page)

    for app in apps:
        assert react(app.test_client(), "/openheart/post") == 200

    assert caplog.records == []
    assert (stored(apps[0], "post"), stored(apps[1], "x")) == ({"🥨": 1}, {"🥨": 1})


@pytest.mark.parametrize(("status", "answer"), [(404, 404), (410, 404), (403, 403), (401, 401)])
def test_a_slug_function_may_abort(status: int, answer: int) -> None:
    def target(slug: str) -> str:
        abort(status)

    app = site()
    app.add_url_rule("/posts/<slug>", "post", page, openheart=target)
    app.register_error_handler(status, lambda error: ("the host's page", status))

    refused = app.test_client().post("/openheart/posts/a", data="🥨")

    assert (refused.status_code, refused.content_type) == (answer, "application/problem+json")


def test_a_slug_function_may_be_a_coroutine_function() -> None:
    class Site(Flask):
        def async_to_sync(self, func: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
            return lambda **arguments: asyncio.run(func(**arguments))

    async def target(slug: str) -> str | None:
        return slug if slug == "a" else None

    app = Site("site")
    OpenHeart(app, env=False, uri="memory:")
    app.add_url_rule("/posts/<slug>", "post", page, openheart=target)

    assert react(app.test_client(), "/openheart/posts/a") == 200
    assert react(app.test_client(), "/openheart/posts/b") == 404
    assert stored(app, "a") == {"🥨": 1}


@pytest.mark.parametrize(
    ("returned", "target"),
    [(5, "5"), (0, "0"), (Decimal("7"), "7"), (UUID(int=1), "00000000-0000-0000-0000-000000000001")],
)
def test_a_slug_function_may_return_a_number_or_a_uuid(returned: object, target: str) -> None:
    app = site()
    app.add_url_rule("/posts/<slug>", "post", page, openheart=lambda slug: returned)

    assert react(app.test_client(), "/openheart/posts/a") == 200
    assert stored(app, target) == {"🥨": 1}


@pytest.mark.parametrize("returned", [[5], True, b"5"])
def test_a_slug_function_that_returns_something_else_is_told_so(returned: object) -> None:
    app = site()
    app.testing = True
    app.add_url_rule("/posts/<slug>", "post", page, openheart=lambda slug: returned)

    told = f"'post' returned {returned!r}: return the target as text, a number or a UUID"
    with pytest.raises(TypeError, match=re.escape(told)):
        app.test_client().get("/openheart/posts/5")


class TestTheSlugOfAView:
    def test_its_result_is_cast_to_text_and_follows_the_endpoint(self) -> None:
        app = site()

        @app.route("/posts/<int:number>", openheart=True)
        def post(number: int) -> dict[str, Any]:
            return page()

        @app.route("/photos/<int:number>", endpoint="photo", openheart=True)
        def show(number: int) -> dict[str, Any]:
            return page()

        @post.slug  # type: ignore[attr-defined, untyped-decorator]
        def post_slug(number: int) -> int | None:
            return number if number < 3 else None

        @show.slug  # type: ignore[attr-defined, untyped-decorator]
        def photo_slug(number: int) -> object:
            return number or abort(404)

        client = app.test_client()
        assert react(client, "/openheart/posts/1") == 200
        assert react(client, "/openheart/posts/3") == 404
        assert react(client, "/openheart/photos/1") == 200
        assert react(client, "/openheart/photos/0") == 404
        assert (stored(app, "post.1"), stored(app, "photo.1")) == ({"🥨": 1}, {"🥨": 1})
        assert client.get("/posts/1").json == {"target": "post.1", "url": "/openheart/posts/1"}
        assert client.get("/posts/3").json == {"target": None, "url": None}
        assert post_slug(2) == 2

    def test_it_belongs_to_the_app_of_the_route(self) -> None:
        def make(name: str) -> Flask:
            app = Flask(name)
            oh.init_app(app, uri="memory:")

            @app.route("/posts/<slug>", openheart=True)
            def post(slug: str) -> str:
                return slug

            post.slug(lambda slug: f"{name}-{slug}")  # type: ignore[attr-defined]
            return app

        oh = OpenHeart(env=False)
        one, two = make("one"), make("two")
        for app in (one, two):
            assert react(app.test_client(), "/openheart/posts/a") == 200
            assert stored(app, f"post.{app.name}-a") == {"🥨": 1}

    def test_views_that_are_not_marked_or_take_no_attribute_are_left_alone(self) -> None:
        def show() -> dict[str, Any]:
            return page()

        app = site()
        app.add_url_rule("/plain", "plain", show)
        app.add_url_rule("/named", "named", show, openheart=lambda: "named")
        app.add_url_rule("/own", "own", [].copy, openheart=True)
        assert react(app.test_client(), "/openheart/own") == 200
        assert not hasattr(show, "slug")


class TestOpenTargets:
    def test_any_address_is_a_target_until_a_route_is_marked(self) -> None:
        app = site()
        client = app.test_client()
        assert react(client, "/openheart/any/thing") == 200
        app = site()
        app.add_url_rule("/marked", "marked", page, openheart=True)
        app.add_url_rule("/plain", "plain", page)
        client = app.test_client()
        assert react(client, "/openheart/marked") == 200
        for address in ("/openheart/plain", "/openheart/any", "/openheart/", "/openheart/openheart/marked"):
            assert react(client, address) == 404
        assert client.get("/openheart/?target=marked&target=any").status_code == 404
        assert client.get("/plain").json == {"target": None, "url": None}

    def test_it_may_be_said_either_way(self) -> None:
        opened = site(open_targets=True)
        opened.add_url_rule("/marked/<x>", "marked", page, openheart=lambda x: None)
        assert react(opened.test_client(), "/openheart/any") == 200
        assert react(opened.test_client(), "/openheart/marked/x") == 404
        closed = site(open_targets=False)
        assert react(closed.test_client(), "/openheart/any") == 404


class TestOneTargetForOnePage:
    @pytest.mark.parametrize(
        ("rule", "spellings", "target"),
        [
            ("/a/<x>/", ["a/1", "a/1/", "a//1"], "a/1"),
            ("/n/<int:x>", ["n/7", "n/007"], "n/7"),
            ("/w/<path:x>", ["w/a/b", "w/a/b/"], "w/a/b"),
            ("/é/<x>", ["%C3%A9/a", "e%CC%81/a"], "é/a"),
            ("/", [""], "/"),
        ],
    )
    def test_however_it_is_spelt(self, rule: str, spellings: list[str], target: str) -> None:
        app = site()
        app.add_url_rule(rule, "p", page, openheart=True)
        for spelling in spellings:
            assert react(app.test_client(), f"/openheart/{spelling}") == 200, spelling
        assert stored(app, target) == {"🥨": len(spellings)}

    def test_a_page_that_redirects_to_another_has_the_counts_of_that_one(self) -> None:
        app = site()
        app.add_url_rule("/new/<x>", "new", page, openheart=True)
        app.add_url_rule("/old/<x>", "old", redirect_to="/new/<x>")
        app.add_url_rule("/list/", "list", page, defaults={"number": 1}, openheart=True)
        app.add_url_rule("/list/<int:number>", "list", page, openheart=True)
        assert react(app.test_client(), "/openheart/old/a") == 200
        assert react(app.test_client(), "/openheart/list/1") == 200
        assert (stored(app, "new/a"), stored(app, "list")) == ({"🥨": 1}, {"🥨": 1})

    def test_a_full_address_of_this_host_is_the_page_and_one_of_another_is_none(self) -> None:
        app = site()
        app.config["SERVER_NAME"] = "example.com"
        app.add_url_rule("/p/<x>", "p", page, openheart=True)
        client = app.test_client()
        for address in (
            "p/a",
            "example.com/p/a",
            "https://Example.com/p/a",
            "?target=http://example.com/p/a?q",
        ):
            assert react(client, f"/openheart/{address}") == 200, address
        assert stored(app, "p/a") == {"🥨": 4}
        assert react(client, "/openheart/other.com/p/a") == 404

    def test_a_converter_without_a_way_back_to_the_path_is_left_alone(self) -> None:
        class Post(BaseConverter):
            def to_python(self, value: str) -> object:
                return object()

        app = site()
        app.url_map.converters["post"] = Post
        app.add_url_rule("/<post:x>/<int:n>", "p", page, openheart=True)
        assert react(app.test_client(), "/openheart/a/1") == 200
        assert react(app.test_client(), "/openheart/b/1") == 200
        assert stored(app, "a/1") == {"🥨": 1}

    def test_values_that_a_preprocessor_takes_out_are_in_the_target(self) -> None:
        app = site()
        app.url_value_preprocessor(lambda endpoint, values: values and values.pop("lang", None) and None)
        app.add_url_rule("/<lang>/p", "p", page, openheart=lambda lang: f"p-{lang}")
        assert app.test_client().get("/de/p").json == {"target": "p-de", "url": "/openheart/de/p"}


class TestHosts:
    def test_pages_of_two_subdomains_never_share_counts(self) -> None:
        app = Flask("site", subdomain_matching=True)
        app.config["SERVER_NAME"] = "example.com"
        OpenHeart(app, env=False, uri="memory:")
        blog = Blueprint("blog", "site", subdomain="blog")
        blog.add_url_rule("/p/<x>", "p", page, openheart=True)
        app.register_blueprint(blog)
        app.add_url_rule("/p/<x>", "p", page, openheart=True)
        client = app.test_client()
        assert react(client, "/openheart/p/a", base_url="http://blog.example.com") == 200
        assert react(client, "/openheart/blog.example.com/p/a", base_url="http://example.com") == 200
        assert stored(app, "blog.example.com/p/a") == {"🥨": 2}
        assert client.get("/openheart/p/a", base_url="http://example.com").json == {}
        assert react(client, "/openheart/example.com/p/a", base_url="http://blog.example.com") == 200
        assert stored(app, "p/a") == {"🥨": 1}

    def test_ours_are_on_every_host_of_an_app_with_host_matching(self) -> None:
        app = Flask("site", host_matching=True, static_host="example.com")
        OpenHeart(app, env=False, uri="memory:")
        for host in ("a.test", "b.test"):
            app.add_url_rule("/p/<x>", host.replace(".", "_"), page, host=host, openheart=True)
        client = app.test_client()
        for host in ("a.test", "b.test"):
            base = f"http://{host}"
            shown = client.get("/p/x", base_url=base).json
            assert shown == {"target": f"{host}/p/x", "url": "/openheart/p/x"}
            assert react(client, "/openheart/p/x", base_url=base) == 200
            assert client.get("/openheart/-/healthz", base_url=base).status_code == 200
            with app.test_request_context(base_url=base):
                assert app.url_for("openheart.reactions", target="p/x") == "/openheart/p/x"
        assert stored(app, "a.test/p/x") == {"🥨": 1}


class TestTheRuleClass:
    def test_flasks_own_rule_options_still_work(self) -> None:
        app = site()
        app.add_url_rule("/a", "a", page, openheart=True, strict_slashes=False, methods=["GET", "POST"])
        assert app.test_client().post("/a/").status_code == 200
        assert app.test_client().post("/openheart/a/", data="🥨").status_code == 200

    def test_a_copy_of_a_rule_is_marked_too(self) -> None:
        app = site()
        app.add_url_rule("/a", "a", page, openheart=True)
        rule = next(app.url_map.iter_rules("a"))
        assert isinstance(rule, PageRule)
        assert isinstance(rule.empty(), PageRule)
        assert rule.empty().openheart is True  # type: ignore[attr-defined]

    def test_a_rule_class_of_the_apps_own_is_extended(self) -> None:
        class Own(Rule):
            def __init__(self, string: str, *args: Any, own: str = "", **options: Any) -> None:
                super().__init__(string, *args, **options)
                self.own = own

        app = Flask("site")
        app.url_rule_class = Own
        OpenHeart(app, env=False, uri="memory:")
        app.add_url_rule("/a", "a", page, openheart=True, own="yes")
        assert next(app.url_map.iter_rules("a")).own == "yes"  # type: ignore[attr-defined]
        assert react(app.test_client(), "/openheart/a") == 200

    def test_one_that_cannot_be_extended_is_an_error_that_says_what_it_should_be(self) -> None:
        app = Flask("site")
        app.url_rule_class = lambda *args, **options: Rule(*args, **options)  # type: ignore[assignment]
        with pytest.raises(ConfigError, match="a subclass of werkzeug.routing.Rule"):
            OpenHeart(app, env=False, uri="memory:")
        assert "openheart" not in app.extensions

    def test_what_is_no_mark_is_refused_with_the_name_of_the_route(self) -> None:
        with pytest.raises(ConfigError, match="the route /a"):
            site().add_url_rule("/a", "a", page, openheart="yes")
        with pytest.raises(ConfigError, match="settings are those of the app, for OpenHeart"):
            site().add_url_rule("/a", "a", page, openheart={"url_prefix": "/likes"})

    def test_a_route_before_init_app_is_flasks_own_error_which_names_the_option(self) -> None:
        with pytest.raises(TypeError, match="unexpected keyword argument 'openheart'"):
            Flask("site").add_url_rule("/a", "a", page, openheart=True)


def test_named_parameters_of_a_query_tell_the_pages_of_a_route_apart() -> None:
    app = site(query="p")
    app.add_url_rule("/", "front", page, openheart=True)
    app.add_url_rule("/posts/<int:number>/", "post", page, openheart=True)
    client = app.test_client()

    for address, target in (
        ("/?p=12&utm_source=x", "?p=12"),
        ("/posts/7/?p=a%20b%26c&q", "posts/7?p=a b%26c"),
        ("/posts/007/?p=1", "posts/7?p=1"),
        ("/posts/7/?q=1", "posts/7"),
    ):
        shown = client.get(address).json or {}
        assert shown["target"] == target
        assert react(client, shown["url"]) == 200
        assert react(client, f"/openheart/?target={quote(address, safe='')}") == 200
        assert stored(app, target) == {"🥨": 2}, address
    assert react(client, "/openheart/elsewhere%3Fp=1") == 404


def test_a_slug_function_decides_alone() -> None:
    app = site(query="p")
    app.add_url_rule("/posts/<number>", "post", page, openheart=lambda number: f"post-{number}")
    client = app.test_client()

    assert react(client, "/openheart/posts/7%3Fp=1") == 200
    assert react(client, "/openheart/posts/7%3Fp=2") == 200
    assert stored(app, "post-7") == {"🥨": 2}


def test_the_address_of_a_page_has_its_named_parameters() -> None:
    app = site(query="p")
    app.add_url_rule("/post", "post", page, openheart=True)
    client = app.test_client()

    with app.test_request_context("/"):
        assert openheart.target_for("post", p="a&b", q=1) == "post/?p=a%26b"
        address = openheart.url_for("post", p="a&b", q=1)
        assert openheart.url_for("post/?p=a%26b") == "/openheart/post/%3Fp=a%2526b"
        assert react(client, address) == 200
        assert openheart.reactions_of(["/post?p=a%26b&q=1"]) == {"/post?p=a%26b&q=1": {"🥨": 1}}
        assert openheart.react("/post?p=a%26b", "🥨") == {"🥨": 2}
