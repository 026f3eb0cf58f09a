"""A mount point that the server or the proxy in front of it tells the app."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from .conftest import StartNginx, StartServer

pytestmark = pytest.mark.slow

APP = """
import os
from flask import Flask, render_template_string
from werkzeug.middleware.proxy_fix import ProxyFix
import openheart

app = openheart.load(Flask("served"), uri="memory:")

@app.route("/posts/<slug>", openheart=True)
def post(slug):
    return render_template_string('<form action="{{ openheart_url(_back=True) }}">')

if "TRUSTED" in os.environ:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=0, x_prefix=1)

openheart.run(ready=lambda url: print(url, flush=True))
"""


@pytest.fixture
def app() -> str:
    return APP


def works_at(url: str, mount: str) -> None:
    """Whether the form leads to the counts of its page and back to it, and the tag's request to the same."""
    address = f"{mount}/posts/a"
    page = httpx.get(url + address).text
    action = html.unescape(re.findall('action="(.*?)"', page)[0])
    assert action == f"{mount}/openheart/posts/a?back={address}"
    pressed = httpx.post(
        url + action, content="🥨=", headers={"Accept": "text/html", "Content-Type": "text/plain"}
    )
    assert (pressed.status_code, pressed.headers["Location"]) == (303, address)
    target = url.removeprefix("http://") + address
    found = httpx.post(f"{url}{mount}/openheart/", params={"target": target}, content="🥨")
    assert found.json() == {"🥨": 2}
    assert httpx.get(f"{url}{mount}/openheart/-/openapi.json").json()["servers"] == [
        {"url": f"{mount}/openheart"}
    ]


@pytest.mark.parametrize(
    "variables",
    [{"SERVER": "gunicorn", "SCRIPT_NAME": "/blog"}, {"SERVER": "waitress", "SERVER_URL_PREFIX": "/blog"}],
    ids=["gunicorn", "waitress"],
)
def test_a_server_that_is_given_a_mount_point(start_server: StartServer, variables: dict[str, str]) -> None:
    works_at(start_server(**variables).url, "/blog")


HEADERS = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Prefix /blog;"


def test_a_prefix_that_the_proxy_takes_off(start_server: StartServer, start_nginx: StartNginx) -> None:
    served = start_server(TRUSTED="1").url
    works_at(start_nginx("/blog/", f"proxy_pass {served}/; {HEADERS}"), "/blog")


def test_a_prefix_that_the_proxy_passes_on(start_server: StartServer, start_nginx: StartNginx) -> None:
    served = start_server(SERVER="gunicorn", SCRIPT_NAME="/blog").url
    works_at(start_nginx("/blog/", f"proxy_pass {served}; proxy_set_header Host $http_host;"), "/blog")


def test_a_prefix_that_nobody_trusts_is_none(start_server: StartServer) -> None:
    served = start_server().url
    page = httpx.get(f"{served}/posts/a", headers={"X-Forwarded-Prefix": "/blog"}).text
    assert 'action="/openheart/posts/a?back=/posts/a"' in page
    target = f"{served.removeprefix('http://')}/blog/posts/a"
    headers = {"X-Forwarded-Prefix": "/blog"}
    assert httpx.get(f"{served}/openheart/", params={"target": target}, headers=headers).status_code == 404
