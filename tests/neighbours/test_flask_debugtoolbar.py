"""Flask-DebugToolbar: on every page of the host, with every panel, and on none of our answers."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_debugtoolbar import DebugToolbarExtension

from openheart import OpenHeart

from .host import add_pages, assert_all_works, host, react

PANELS = [
    *(f"flask_debugtoolbar.panels.{name}" for name in (
        "versions.VersionDebugPanel",
        "timer.TimerDebugPanel",
        "headers.HeaderDebugPanel",
        "request_vars.RequestVarsDebugPanel",
        "config_vars.ConfigVarsDebugPanel",
        "template.TemplateDebugPanel",
        "logger.LoggingPanel",
        "route_list.RouteListDebugPanel",
        "profiler.ProfilerDebugPanel",
        "g.GDebugPanel",
    )),
]  # fmt: skip


def site(first: str) -> Flask:
    app = host(DEBUG_TB_PANELS=PANELS, DEBUG_TB_INTERCEPT_REDIRECTS=True, DEBUG=True)
    if first == "toolbar":
        DebugToolbarExtension(app)
    OpenHeart(app, env=False, uri="memory:")
    if first == "openheart":
        DebugToolbarExtension(app)
    add_pages(app)
    return app


@pytest.mark.parametrize("first", ["openheart", "toolbar"])
def test_it_is_on_the_pages_of_the_host_and_lists_our_routes(first: str) -> None:
    app = site(first)
    page = app.test_client().get("/")
    assert page.status_code == 200
    assert "The front page" in page.text
    assert 'id="flDebug"' in page.text
    assert "openheart.reactions" in page.text


@pytest.mark.parametrize("first", ["openheart", "toolbar"])
def test_everything_works(first: str) -> None:
    app = site(first)
    # It shows a page of its own where a view redirects, also where a form without JavaScript goes back.
    app.config["DEBUG_TB_INTERCEPT_REDIRECTS"] = False
    assert_all_works(app)


@pytest.mark.parametrize("first", ["openheart", "toolbar"])
def test_our_answers_stay_as_they_are(first: str) -> None:
    client = site(first).test_client()
    assert react(client).data == '{"🥨": 1}\n'.encode()
    assert "flDebug" not in client.get("/openheart/-/openheart.js").text
