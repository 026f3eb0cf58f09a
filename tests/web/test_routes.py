"""What is registered where."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask, request

import openheart
from openheart.base import load_standalone
from openheart.testing import create_app

from ..waiting import PATIENCE
from .conftest import MakeClient


def test_in_an_app_that_is_not_ours_everything_is_below_the_prefix() -> None:
    rules = {rule.rule for rule in create_app(url_prefix="/a/b").url_map.iter_rules()}
    assert rules
    assert all(rule == "/a/b" or rule.startswith("/a/b/") for rule in rules)


@pytest.mark.parametrize("prefix", ["/hearts", "/a/b", "/ü"])
def test_a_prefix_of_any_depth_serves_the_same(make_client: MakeClient, prefix: str) -> None:
    client = make_client(url_prefix=prefix)
    assert client.post(f"{prefix}/caf%C3%A9/x/", data="🥨").json == {"🥨": 1}
    assert client.get(f"{prefix}//caf%C3%A9//x").json == {"🥨": 1}
    assert client.get(f"{prefix}/-/healthz").status_code == 200
    bad = {"PATH_INFO": (prefix.encode() + b"/\xff").decode("latin-1")}
    assert client.get(environ_overrides=bad).status_code == 400


@pytest.mark.parametrize(
    "address", ["/openheart/-/healthz", "/openheart/-/readyz", "/openheart/-/openapi.json"]
)
def test_what_can_only_be_read_says_so(make_client: MakeClient, address: str) -> None:
    client = make_client()
    assert client.head(address).status_code == 200
    options = client.options(address)
    assert (options.status_code, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    answer = client.post(address, data="🥨")
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_no_address_of_a_target_is_redirected(make_client: MakeClient) -> None:
    client = make_client()
    for address in ("/openheart", "/openheart/", "/openheart//a", "/openheart/a/", "/openheart/a//b"):
        assert client.post(address, data="🥨").status_code == 200, address


class TestOurOwnServer:
    def test_it_has_a_page_and_health_at_the_root(self) -> None:
        client = load_standalone(uri="memory:").test_client()
        assert client.get("/").content_type == "text/html; charset=utf-8"
        assert client.get("/healthz").json == {"status": "ok"}
        assert client.get("/readyz").json == {"status": "ready"}
        assert client.get("/nothing").status_code == 404

    def test_its_prefix_may_be_the_root(self) -> None:
        client = load_standalone(uri="memory:", url_prefix="/").test_client()
        assert client.post("/hello", data="🥨").json == {"🥨": 1}
        assert client.get("/hello").json == {"🥨": 1}
        assert client.get("/?target=hello").json == {"hello": {"🥨": 1}}
        assert client.get("/", headers={"Accept": "text/html"}).content_type == "text/html; charset=utf-8"
        assert client.get("/").json == {}
        assert client.post("/", data="🥨").json == {"🥨": 1}
        assert client.get("/healthz").json == {"status": "ok"}
        assert client.get("/-/openapi.json").status_code == 200
        bad = {"PATH_INFO": "/\xff"}
        assert client.get(environ_overrides=bad).status_code == 400

    def test_it_counts_in_the_current_folder(self, tmp_path: Path) -> None:
        app = load_standalone()
        app.test_client().post("/openheart/hello", data="🥨")
        assert (tmp_path / "openheart.db").is_file()


def test_a_custom_rule_class_of_the_host_is_used() -> None:
    from werkzeug.routing import Rule

    from openheart import OpenHeart

    class Own(Rule):
        pass

    app = Flask("host")
    app.url_rule_class = Own
    OpenHeart(app, env=False, uri="memory:")
    assert app.test_client().get("/openheart/a").json == {}


def test_our_rules_look_like_those_of_flask() -> None:
    methods = {rule.rule: sorted(rule.methods or ()) for rule in create_app().url_map.iter_rules()}
    assert methods["/openheart/<openheart_target:target>"] == ["GET", "HEAD", "OPTIONS", "POST"]
    assert methods["/openheart"] == ["GET", "HEAD", "OPTIONS", "POST"]
    assert methods["/openheart/-/healthz"] == ["GET", "HEAD", "OPTIONS"]
    # Generators of documents ask for each method.
    assert not any("DELETE" in (rule.methods or ()) for rule in create_app().url_map.iter_rules())


def test_flask_routes_lists_them(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import openheart\napp = openheart.load(name='site', uri='memory:')\n")
    listed = subprocess.run(
        [sys.executable, "-m", "flask", "routes"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert re.search(r"openheart.reactions +GET, POST +/openheart/<openheart_target:target>", listed.stdout)


def test_no_extension_that_visits_every_page_is_led_to_ours() -> None:
    # What Frozen-Flask and Flask-Sitemap look for.
    visited = [rule.rule for rule in create_app().url_map.iter_rules() if not rule.arguments]
    assert visited == []


def test_no_extension_that_visits_what_url_for_makes_is_led_to_ours() -> None:
    # How Frozen-Flask learns of it.
    app, made = create_app(), []
    app.url_default_functions.setdefault(None, []).insert(0, lambda endpoint, values: made.append(endpoint))
    app.add_url_rule(
        "/", "page", lambda: [openheart.url_for("posts/é"), openheart.url_for("a", _external=True)]
    )
    answer = app.test_client().get("/", environ_overrides={"SCRIPT_NAME": "/below"})
    assert answer.json == ["/below/openheart/posts/%C3%A9", "http://localhost/below/openheart/a"]
    assert made == []


ADDRESSES = (
    "/openheart/a",
    "/openheart",
    "/openheart/",
    "/openheart?target=a",
    "/openheart/a/b/",
    "/openheart//a",
)


@pytest.mark.filterwarnings("ignore:OPENHEART_POST_URL_PREFIX:DeprecationWarning")
@pytest.mark.parametrize("access_log", [False, True])
def test_what_an_app_does_to_the_view_is_done_for_each_of_its_addresses(access_log: bool) -> None:
    app = create_app(access_log=access_log, post_url_prefix="/react")
    app.view_functions["openheart.reactions"] = lambda **_: ("limited", 429)
    client = app.test_client()
    for address in (*ADDRESSES, *(each.replace("/openheart", "/react") for each in ADDRESSES)):
        for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT"):
            assert client.open(address, method=method, data="🥨").status_code == 429, address


@pytest.mark.filterwarnings("ignore:OPENHEART_POST_URL_PREFIX:DeprecationWarning")
def test_an_extension_that_counts_by_endpoint_counts_all_addresses_together() -> None:
    app = create_app(post_url_prefix="/react")
    seen = set()
    app.before_request(lambda: seen.add(request.endpoint))
    client = app.test_client()
    for address in (*ADDRESSES, *(each.replace("/openheart", "/react") for each in ADDRESSES)):
        assert client.post(address, data="🥨").status_code == 200, address
    assert seen == {"openheart.reactions"}


@pytest.mark.filterwarnings("ignore:OPENHEART_POST_URL_PREFIX:DeprecationWarning")
def test_the_address_of_the_endpoint_is_below_the_first_prefix_with_and_without_a_target() -> None:
    app = create_app(post_url_prefix="/react")
    with app.test_request_context():
        assert app.url_for("openheart.reactions", target="a/b") == "/openheart/a/b"
        assert app.url_for("openheart.reactions") == "/openheart"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    "address",
    ["/openheart/a", "/openheart/-/healthz", "/openheart/-/healthz/", "/openheart/-/x", "/openheart"],
)
def test_a_method_that_no_rule_names_is_answered_by_us(address: str, method: str) -> None:
    app = create_app()
    app.register_error_handler(405, lambda error: ("the host's", 405))
    answer = app.test_client().open(address, method=method)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
