"""An app below a mount point: the tag, the forms and the views of a page mean the same page."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, render_template_string
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client
from werkzeug.wrappers import Response

import openheart
from openheart import OpenHeart

from .browser import complaints, eventually, open_browser
from .servers.web import WsgiServer

PAGE = """<!doctype html><html lang=en>
<meta charset=utf-8><link rel=icon href=data:,><title>A page</title>
<script type="module" src="{{ url_for('openheart.script') }}"></script>
<openheart-reactions emoji="🥨">
  <form action="{{ openheart_url(_back=True) }}" method="post" enctype="text/plain">
    <button name="🥨">🥨</button>
  </form>
</openheart-reactions>
<p>{{ request.openheart.target }}: {{ request.openheart.reactions["🥨"] or 0 }}</p>"""

MARKS: dict[str, dict[str, Any]] = {
    "unmarked": {},
    "marked": {"openheart": True},
    "named": {"openheart": lambda slug: f"posts.{slug}"},
}
KINDS = pytest.mark.parametrize("kind", MARKS)


def blog(kind: str = "unmarked", **options: Any) -> Flask:
    """A blog whose posts say their own target and count."""
    app = Flask("blog")
    OpenHeart(app, env=False, **{"uri": "memory:", **options})
    app.add_url_rule("/posts/<slug>", "post", lambda slug: render_template_string(PAGE), **MARKS[kind])
    return app


def below(**apps: Flask) -> DispatcherMiddleware:
    return DispatcherMiddleware(Response(status=404), {f"/{mount}": app for mount, app in apps.items()})


def said(page: str) -> str:
    """What a page of the blog says: its target and its count."""
    found = re.search("<p>(.*)</p>", page)
    assert found is not None, page
    return found[1]


def stored(app: Flask) -> dict[str, dict[str, int]]:
    return dict(app.extensions["openheart"].service.backend.iter_targets())


@KINDS
@pytest.mark.parametrize(
    "spelling",
    [
        "localhost/blog/posts/caf%C3%A9",
        "localhost/blog/posts/cafe%CC%81/",
        "LOCALHOST:80//blog//posts/café",
        "http://localhost/blog/posts/café",
        "//localhost/blog/posts/café?page=2",
        "/posts/café",
    ],
)
def test_an_address_below_the_mount_point_is_the_target_of_its_view(kind: str, spelling: str) -> None:
    app = blog(kind)
    client = Client(below(blog=app))
    own = {"named": "posts.café"}.get(kind, "posts/café")

    if spelling.startswith("LOCALHOST"):
        # The host of a target without a scheme is a segment like others.
        spelling = f"http://{spelling}"
    assert client.post("/blog/openheart/", query_string={"target": spelling}, data="🥨").json == {"🥨": 1}

    assert stored(app) == {own: {"🥨": 1}}
    assert said(client.get("/blog/posts/café").text) == f"{own}: 1"
    assert client.get("/blog/openheart/", query_string={"target": spelling}).json == {spelling: {"🥨": 1}}
    assert client.get("/blog/openheart/localhost/blog/posts/café").json == {"🥨": 1}
    assert client.get("/blog/openheart/posts/café").json == {"🥨": 1}


@pytest.mark.parametrize(
    "elsewhere",
    ["localhost/posts/a", "localhost/blogger/posts/a", "other.example/blog/posts/a", "blog/posts/a"],
)
def test_what_is_elsewhere_is_no_page_of_the_app(elsewhere: str) -> None:
    marked, free = blog("marked"), blog()
    client = Client(below(blog=marked, free=free))
    assert client.post(f"/blog/openheart/{elsewhere}", data="🥨").status_code == 404
    assert client.post(f"/free/openheart/{elsewhere}", data="🥨").json == {"🥨": 1}
    assert (stored(marked), stored(free)) == ({}, {elsewhere: {"🥨": 1}})


def test_a_page_may_be_named_like_the_mount_point() -> None:
    app = blog("marked")
    app.add_url_rule("/blog/posts/<slug>", "inner", lambda slug: "", openheart=True)
    client = Client(below(blog=app))
    client.post("/blog/openheart/?target=localhost/blog/posts/a", data="🥨")
    client.post("/blog/openheart/?target=localhost/blog/blog/posts/a", data="🎉")
    assert stored(app) == {"posts/a": {"🥨": 1}, "blog/posts/a": {"🎉": 1}}


@KINDS
def test_parameters_that_tell_pages_apart_stay_part_of_the_page(kind: str) -> None:
    app = blog(kind, query="p")
    client = Client(below(blog=app))
    target = "localhost/blog/posts/a?p=1&utm=x"
    client.post("/blog/openheart/", query_string={"target": target}, data="🥨")
    page = client.get("/blog/posts/a?utm=y&p=1").text
    ((own, _),) = stored(app).items()
    assert said(page) == f"{own}: 1"
    action = html.unescape(re.findall('action="(.*?)"', page)[0])
    client.post(action, data="🥨", headers={"Content-Type": "text/plain"})
    assert stored(app) == {own: {"🥨": 2}}


@pytest.mark.parametrize("mount", ["/a/b", "/é", "/-", "/a b"])
def test_a_mount_point_may_be_any_path(mount: str) -> None:
    app = blog("marked")
    app.add_url_rule("/", "front", lambda: "", openheart=True)
    client = Client(below(**{mount[1:].encode().decode("latin-1"): app}))
    for path in "/posts/a", "/", "":
        target = f"localhost{mount}{path}"
        assert (
            client.post(f"{mount}/openheart/", query_string={"target": target}, data="🥨").status_code == 200
        )
    assert stored(app) == {"posts/a": {"🥨": 1}, "/": {"🥨": 2}}


def test_without_a_mount_point_too_the_own_host_is_no_part_of_a_page_of_the_app() -> None:
    app = blog()
    app.add_url_rule("/n/<int:number>", "number", lambda number: str(openheart.page.target))
    client = app.test_client()
    for address in "posts/a", "n/007", "n/a", "static/style.css":
        client.post(f"/openheart/?target=localhost/{address}", data="🥨")
    client.post("/openheart/?target=localhost/openheart/posts/a", data="🥨")
    assert client.get("/n/007").text == "n/007"
    assert stored(app) == {
        target: {"🥨": 1}
        for target in (
            "posts/a", "n/007", "localhost/n/a", "static/style.css", "localhost/openheart/posts/a",
        )
    }  # fmt: skip


def test_hosts_that_are_part_of_a_target_name_no_mount_point() -> None:
    app = Flask("site", subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    OpenHeart(app, env=False, uri="memory:")
    app.add_url_rule(
        "/<slug>", "post", lambda slug: str(openheart.page.target), subdomain="b", openheart=True
    )
    with app.test_request_context("/", "http://example.com/blog"):
        own = openheart.target_for("post", slug="a")
    assert own == "b.example.com/a"
    client = Client(below(blog=app))
    for host in "http://b.example.com", "http://example.com":
        assert client.get("/blog/a", "http://b.example.com").text == own
        for address in own, "b.example.com/blog/a":
            client.post(f"/blog/openheart/{address}", host, data="🥨")
    assert stored(app) == {own: {"🥨": 4}}


def test_outside_a_request_the_mount_point_is_that_of_the_app() -> None:
    app = blog("marked")
    app.config.update(APPLICATION_ROOT="/blog", SERVER_NAME="example.com")
    with app.app_context():
        assert openheart.target_for("post", slug="a") == "posts/a"
        assert openheart.url_for("post", slug="a") == "http://example.com/blog/openheart/posts/a"
    page = app.test_client().get("/posts/a").text
    assert 'action="/blog/openheart/posts/a?back=/blog/posts/a"' in page


@KINDS
@pytest.mark.parametrize("mount", ["", "/blog"])
@pytest.mark.parametrize("query", ["", "?page=2&q=%C3%A9+a"])
def test_the_form_of_a_page_leads_below_the_mount_point_and_back(kind: str, mount: str, query: str) -> None:
    app = blog(kind)
    client = Client(below(blog=app) if mount else app)
    address = f"{mount}/posts/caf%C3%A9{query}"

    (action,) = re.findall('action="(.*?)"', client.get(address).text)
    action = html.unescape(action)
    answer = client.post(
        action, data="🥨=\r\n", headers={"Accept": "text/html", "Content-Type": "text/plain"}
    )

    assert urlsplit(action).path == f"{mount}/openheart/posts/caf%C3%A9"
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert said(client.get(address).text).endswith(": 1")


def test_a_form_for_another_page_leads_back_to_this_one() -> None:
    app = blog("named")
    with app.test_request_context("/list?page=2", "http://localhost/blog"):
        assert openheart.url_for("post", slug="a", _back=True) == (
            "/blog/openheart/posts/a?back=/blog/list%3Fpage%3D2"
        )
        assert openheart.url_for("any/target", _back=True, x="1") == (
            "/blog/openheart/any/target?x=1&back=/blog/list%3Fpage%3D2"
        )
        assert openheart.url_for("any/target") == "/blog/openheart/any/target"


def test_two_apps_below_one_host_have_their_own_pages() -> None:
    a, b = blog("marked"), blog("marked")
    client = Client(below(a=a, b=b))
    assert client.post("/a/openheart/?target=localhost/a/posts/x", data="🥨").status_code == 200
    assert client.post("/b/openheart/?target=localhost/b/posts/x", data="🎉").status_code == 200
    assert client.post("/a/openheart/?target=localhost/b/posts/x", data="🥨").status_code == 404
    assert (stored(a), stored(b)) == ({"posts/x": {"🥨": 1}}, {"posts/x": {"🎉": 1}})


@pytest.mark.slow
@KINDS
def test_the_tag_and_the_form_count_the_page_that_the_browser_shows(browser: Chrome, kind: str) -> None:
    app, other = blog(kind), blog(kind)
    server = WsgiServer(below(blog=app, other=other))
    try:
        browser.get(f"{server.url}/blog/posts/café?page=2#end")
        press(browser)
        with open_browser(javascript=False) as plain:
            plain.get(f"{server.url}/blog/posts/café?page=2")
            plain.find_element(By.TAG_NAME, "button").click()
            shown = eventually(plain, lambda: said_in(plain, ": 2"))
            assert plain.current_url == f"{server.url}/blog/posts/caf%C3%A9?page=2"
        browser.refresh()
        assert said_in(browser, ": 2") == shown
        assert complaints(browser) == []
    finally:
        server.stop()
    assert [*stored(app).values()] == [{"🥨": 2}]
    assert stored(other) == {}


def press(browser: Chrome) -> None:
    """Press the button of the tag, and wait until the server counted it."""
    tag = browser.find_element(By.TAG_NAME, "openheart-reactions")
    root = (
        eventually(browser, lambda: browser.execute_script("return arguments[0].shadowRoot", tag))
        and tag.shadow_root
    )
    root.find_element(By.CSS_SELECTOR, "button").click()
    output = root.find_element(By.CSS_SELECTOR, "output")
    eventually(browser, lambda: output.get_attribute("textContent"))
    assert output.get_attribute("textContent") == "🥨 1"


def said_in(browser: Chrome, end: str) -> str:
    text = browser.find_element(By.TAG_NAME, "p").text
    return text if text.endswith(end) else ""
