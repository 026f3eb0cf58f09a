"""Reactions as they happen, in real browsers: one reacts, and another one shows it without a reload."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, render_template_string
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

import openheart
from openheart.batteries import battery_of
from openheart.batteries.live.battery import Live

from ...browser import complaints, eventually, open_browser
from ...servers.web import WsgiServer

# A browser is the same for every Python.
pytestmark = pytest.mark.slow

PAGE = """<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,><title>A page</title>
<script type="module" src="/openheart/-/openheart.js"></script>
<script type="module" src="/openheart/-/live.js"></script>
{% for target in targets %}
<openheart-reactions emoji="🥨 🎉" target="{{ target }}" live="{{ live_url(target=target) }}">
</openheart-reactions>
{% endfor %}"""


@pytest.fixture
def app() -> Flask:
    made = openheart.load(
        name="site", uri="memory:", live=True, secret_key="k", live_heartbeat="1s", live_listeners=3
    )

    @made.get("/<path:targets>")
    def show(targets: str) -> str:
        return render_template_string(PAGE, targets=targets.split(","))

    return made


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = WsgiServer(app)
    yield server.url
    openheart.unload()
    server.stop()


def shown(browser: Chrome) -> list[str]:
    """The counts of every tag of the page."""
    script = """return [...document.querySelectorAll("openheart-reactions")].map((tag) => {
      const counts = tag.shadowRoot?.querySelectorAll("[part=count]") ?? [];
      return [...counts].map((span) => span.textContent.trim()).join(" ");
    })"""
    found: list[str] = browser.execute_script(script)
    return found


def shows(browser: Chrome, *counts: str) -> None:
    eventually(browser, lambda: shown(browser) == list(counts))


def press(browser: Chrome, emoji: str) -> None:
    tag = browser.find_element(By.TAG_NAME, "openheart-reactions")
    tag.shadow_root.find_element(By.CSS_SELECTOR, f'button[name="{emoji}"]').click()


def listeners() -> int:
    return battery_of(Live).resource.hub.count


class TestTheAnswer:
    def test_it_is_a_small_script_that_pages_of_any_origin_may_load(self, app: Flask) -> None:
        answer = app.test_client().get("/openheart/-/live.js")
        assert answer.content_type == "text/javascript; charset=utf-8"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "public, max-age=3600, must-revalidate"
        assert len(answer.data) < 3 * 1024
        again = app.test_client().get(
            "/openheart/-/live.js", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status_code, again.data) == (304, b"")

    def test_without_live_events_there_is_none(self) -> None:
        app = openheart.load(name="site", uri="memory:")
        for name in ("live", "live.js"):
            assert app.test_client().get(f"/openheart/-/{name}").status_code == 400
        document = app.test_client().get("/openheart/-/openapi.json").text
        assert "/-/live" not in document


@pytest.mark.slow
class TestInBrowsers:
    def test_one_reacts_and_another_one_shows_it_without_a_reload(self, browser: Chrome, url: str) -> None:
        with open_browser() as other:
            for page in (browser, other):
                page.get(f"{url}/posts/caf%C3%A9")
                shows(page, "0 0")
            eventually(browser, lambda: listeners() == 2)
            press(other, "🥨")
            shows(browser, "1 0")
            press(browser, "🎉")
            press(browser, "🥨")
            for page in (browser, other):
                shows(page, "2 1")
                assert complaints(page) == []

    def test_all_the_tags_of_a_page_share_one_connection(self, browser: Chrome, url: str, app: Flask) -> None:
        browser.get(f"{url}/one,two,two,a b%25")
        shows(browser, "0 0", "0 0", "0 0", "0 0")
        eventually(browser, lambda: listeners() == 1)
        for target in ("two", "a b%"):
            openheart.react(target, "🥨")
        shows(browser, "0 0", "1 0", "1 0", "1 0")
        assert listeners() == 1

    def test_a_tag_that_comes_or_goes_is_listened_for_or_not(
        self, browser: Chrome, url: str, app: Flask
    ) -> None:
        browser.get(f"{url}/one")
        eventually(browser, lambda: listeners() == 1)
        with app.test_request_context():
            address = openheart.live.live_url(target="two")
        script = """const tag = document.querySelector("openheart-reactions").cloneNode();
          tag.setAttribute("target", "two");
          tag.setAttribute("live", arguments[0]);
          document.body.append(tag);"""
        browser.execute_script(script, address)
        hub = battery_of(Live).resource.hub
        eventually(browser, lambda: hub.channels() == {"t:one", "t:two"})
        openheart.react("two", "🎉")
        shows(browser, "0 0", "0 1")
        browser.execute_script(
            "document.querySelectorAll('openheart-reactions').forEach((tag) => tag.remove())"
        )
        eventually(browser, lambda: listeners() == 0)

    def test_a_page_that_nobody_sees_listens_to_nothing_and_is_right_when_it_is_seen_again(
        self, browser: Chrome, url: str
    ) -> None:
        browser.get(f"{url}/one")
        eventually(browser, lambda: listeners() == 1)
        hide = """const hidden = arguments[0];
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"))"""
        browser.execute_script(hide, True)
        eventually(browser, lambda: listeners() == 0)
        openheart.react("one", "🥨")
        assert shown(browser) == ["0 0"]
        browser.execute_script(hide, False)
        shows(browser, "1 0")

    def test_a_page_that_was_refused_asks_again(self, browser: Chrome, url: str, app: Flask) -> None:
        browser.get(f"{url}/one")
        eventually(browser, lambda: listeners() == 1)
        live = battery_of(Live, app)
        # The page's connection breaks while as many listen as may.
        browser.execute_script(
            "const later = setTimeout; setTimeout = (call, wait) => later(call, wait / 100)"
        )
        live.most_listeners = lambda: 0  # type: ignore[method-assign]
        for listener in tuple(live.resource.hub._joined):
            listener.end()
        eventually(browser, lambda: any("503" in line for line in complaints(browser)))
        assert listeners() == 0
        del live.most_listeners
        openheart.react("one", "🥨")
        shows(browser, "1 0")
