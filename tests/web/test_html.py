"""The start page and the small page of a form, as HTML and in a browser."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from openheart.base import load_standalone
from openheart.errors import BackendUnavailable
from openheart.storage.memory.backend import MemoryBackend

from ..browser import complaints, eventually, open_browser
from ..servers.web import WsgiServer


class Elements(html.parser.HTMLParser):
    """Collects a page's elements, and sees that each one is closed."""

    VOID = ("meta", "link", "br", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_start_page_shows_counts_and_lines_for_its_own_address() -> None:
    client = load_standalone(uri="memory:").test_client()
    client.post("/openheart/hello", data="🥨")
    page = client.get("/", base_url="https://hearts.example:8443").text
    assert 'aria-label="React with 🥨, 1 so far"' in page
    assert "curl -d 🥨 https://hearts.example:8443/openheart/hello" in page
    form = "https://hearts.example:8443/openheart/example.com/my-page?back=https://example.com/my-page"
    assert f'action="{form}"' in html.unescape(page)
    assert "https://hearts.example:8443/openheart/-/openheart.js" in page
    assert "openheart.load(name=__name__)" in page


def test_pressing_a_button_without_javascript_counts_and_comes_back() -> None:
    client = load_standalone(uri="memory:").test_client()
    elements = Elements(client.get("/").text)
    (form,) = elements.all("form")
    button = elements.all("button")[0]
    assert (form["method"], form["enctype"]) == ("post", "text/plain")
    assert not elements.all("script")
    answer = client.post(
        form["action"],
        data=f"{button['name']}=\r\n",
        content_type="text/plain",
        headers={"Accept": "text/html"},
        follow_redirects=True,
    )
    assert answer.request.path == "/"
    assert re.search(rf"{button['name']} <b>1</b>", answer.text)


def test_the_pages_allow_no_script_and_no_frame() -> None:
    answer = load_standalone(uri="memory:").test_client().get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_host_header_cannot_put_markup_into_the_page() -> None:
    client = load_standalone(uri="memory:").test_client()
    page = client.get("/", headers={"Host": 'x"><script>alert(1)</script>'}).text
    assert "<script" not in page


def test_the_buttons_are_those_that_the_site_takes() -> None:
    page = load_standalone(uri="memory:", emoji="👍 🎉").test_client().get("/").text
    assert [button["name"] for button in Elements(page).all("button")] == ["👍", "🎉"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({"write_only": True}, "OPENHEART_WRITE_ONLY"), ({"hold": True}, "OPENHEART_HOLD")],
)
def test_a_mode_that_is_on_is_said(flags: dict[str, bool], expected: str) -> None:
    assert expected in load_standalone(uri="memory:", **flags).test_client().get("/").text


def test_the_start_page_says_when_the_storage_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: MemoryBackend, targets: object) -> None:
        raise BackendUnavailable("down")

    monkeypatch.setattr(MemoryBackend, "counts", fail)
    answer = load_standalone(uri="memory:").test_client().get("/")
    assert answer.status_code == 200
    assert "The storage is unavailable right now" in answer.text


def test_below_another_path_the_page_leads_to_itself() -> None:
    client = load_standalone(uri="memory:").test_client()
    page = client.get("/", environ_overrides={"SCRIPT_NAME": "/below"}).text
    elements = Elements(page)
    assert elements.all("form")[0]["action"] == "/below/openheart/hello?back=/below/"
    assert "http://localhost/below/openheart/hello" in page
    assert [link["href"] for link in elements.all("a")][:3] == [
        "/below/openheart/-/openapi.json", "/below/healthz", "/below/readyz",
    ]  # fmt: skip


def test_below_a_path_that_is_not_ascii_a_reaction_leads_back_too() -> None:
    client = load_standalone(uri="memory:").test_client()
    below = {"SCRIPT_NAME": "/é".encode().decode("latin-1")}
    action = Elements(client.get("/", environ_overrides=below).text).all("form")[0]["action"]
    assert action is not None
    path, _, query = action.removeprefix("/é").partition("?")
    pressed = client.post(
        path,
        query_string=query,
        data={"emoji": "🥨"},
        headers={"Accept": "text/html"},
        environ_overrides=below,
    )
    assert (pressed.status_code, pressed.headers["Location"]) == (303, "/%C3%A9/")


@pytest.fixture
def address() -> Iterator[str]:
    """The address of our own server, listening."""
    server = WsgiServer(load_standalone(uri="memory:"))
    yield server.url
    server.stop()


@pytest.mark.slow
def test_in_a_browser_the_lines_of_the_start_page_put_reactions_on_a_page(
    address: str, browser: Chrome
) -> None:
    browser.get(f"{address}/")
    snippet = next(
        block.text
        for block in browser.find_elements(By.TAG_NAME, "pre")
        if "openheart-reactions" in block.text
    )
    (Path.cwd() / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{snippet}", "utf-8")
    browser.get((Path.cwd() / "page.html").as_uri())
    tag = browser.find_element(By.TAG_NAME, "openheart-reactions")
    eventually(browser, lambda: "0" in counts_in(tag))
    tag.shadow_root.find_element(By.CSS_SELECTOR, 'button[name="🥨"]').click()
    eventually(browser, lambda: counts_in(tag) == ["0", "0", "1"])
    assert complaints(browser) == []


def shows(browser: Chrome, name: str, text: str) -> bool:
    return " ".join(browser.find_element(By.NAME, name).text.split()) == text


def counts_in(tag: WebElement) -> list[str]:
    return [count.text for count in tag.shadow_root.find_elements(By.CSS_SELECTOR, "[part=count]")]


@pytest.mark.slow
@pytest.mark.parametrize("javascript", [True, False])
def test_in_a_browser_a_press_on_a_button_shows_the_new_count(address: str, javascript: bool) -> None:
    with open_browser(javascript=javascript) as browser:
        browser.get(f"{address}/")
        for count in ("1", "2"):
            browser.find_element(By.NAME, "🥨").click()
            eventually(browser, partial(shows, browser, "🥨", f"🥨 {count}"))
            assert browser.current_url == f"{address}/"
        assert complaints(browser) == []
