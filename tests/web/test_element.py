"""The element of openheart.js and the official one, in a browser on pages of another origin."""

from __future__ import annotations

import contextlib
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from flask import Flask
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from werkzeug.wrappers import Request, Response

from openheart.base import load_standalone
from openheart.protocol import canonical_target
from openheart.testing import create_app

from ..browser import complaints, eventually
from ..requirements import npm_file
from ..servers.web import WsgiServer
from ..waiting import PATIENCE
from .conftest import MakeClient

# A browser is the same for every Python.
pytestmark = pytest.mark.slow

SCRIPT = "/openheart/-/openheart.js"

WSGI = Callable[..., Iterable[bytes]]


class TestTheAnswer:
    def test_it_is_a_script_that_pages_of_any_origin_may_load(self, client: Any) -> None:
        answer = client.get(SCRIPT)
        assert answer.status_code == 200
        assert answer.content_type == "text/javascript; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    def test_it_is_kept_for_an_hour_and_then_asked_for_again(self, client: Any) -> None:
        first = client.get(SCRIPT)
        assert first.headers["Cache-Control"] == "public, max-age=3600, must-revalidate"
        again = client.get(SCRIPT, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Access-Control-Allow-Origin"] == "*"

    def test_only_pages_of_the_origins_that_are_named_may_load_it(self, make_client: MakeClient) -> None:
        client = make_client(origins="https://blog.example")
        named = client.get(SCRIPT, headers={"Origin": "https://blog.example"})
        other = client.get(SCRIPT, headers={"Origin": "https://other.example"})
        assert named.headers["Access-Control-Allow-Origin"] == "https://blog.example"
        assert "Access-Control-Allow-Origin" not in other.headers
        assert (named.headers["Vary"], other.headers["Vary"]) == ("Origin", "Origin")

    @pytest.mark.parametrize("query", ["", "p, ids[]"])
    def test_it_is_small(self, make_client: MakeClient, query: str) -> None:
        script = make_client(query=query).get(SCRIPT)
        assert len(script.data) < 6 * 1024
        assert script.text.startswith("// <openheart-reactions>")

    @pytest.mark.parametrize(
        ("settings", "offered"),
        [
            ({}, "❤️ 👍 🎉 😂 🤔"),
            ({"emoji": "🥨,❤"}, "🥨 ❤️"),
            ({"emoji_deny": "👍 😂"}, "❤️ 🎉 🤔"),
            ({"emoji": "👍🏽,🎉", "skin_tones": "fold"}, "👍 🎉"),
            ({"emoji": "😀 😁 😂 🤣 😃 😄 😅 😆 😉 😊"}, "😀 😁 😂 🤣 😃 😄 😅 😆"),
        ],
    )
    def test_it_offers_what_the_site_takes(
        self, make_client: MakeClient, settings: dict[str, str], offered: str
    ) -> None:
        assert f'const EMOJI = "{offered}";' in make_client(**settings).get(SCRIPT).text


class Server(WsgiServer):
    """An app on a port of its own, with what it was asked, and a way to keep an answer back."""

    def __init__(self, app: WSGI) -> None:
        self._app = app
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()
        super().__init__(self._answer)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        self.asked.append(f"{request.method} {urllib.parse.unquote(request.full_path)}")
        if SCRIPT not in request.path:
            self.open.wait(PATIENCE)
        return self._app(environ, start_response)

    @property
    def reads(self) -> list[str]:
        return [line for line in self.asked if line.startswith("GET") and SCRIPT not in line]

    @property
    def posts(self) -> list[str]:
        return [line for line in self.asked if line.startswith("POST")]


@pytest.fixture
def listen() -> Iterator[Callable[[WSGI], Server]]:
    """Serves an app until the test ends."""
    with contextlib.ExitStack() as stack:

        def start(app: WSGI) -> Server:
            server = Server(app)
            stack.callback(server.stop)
            stack.callback(server.open.set)
            return server

        yield start


Listen = Callable[[WSGI], Server]


def site(*tags: str, headers: dict[str, str] | None = None) -> WSGI:
    """A site whose every page holds these tags."""
    html = "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,><title>A page</title>"
    return Response(html + "\n".join(tags), headers=headers, content_type="text/html; charset=utf-8")


def load(server: Server) -> str:
    return f'<script type="module" src="{server.url}{SCRIPT}"></script>'


class Tag:
    """One element on the page that the browser shows."""

    def __init__(self, browser: Chrome, number: int = 0) -> None:
        self._browser = browser
        elements = browser.find_elements(By.TAG_NAME, "openheart-reactions")
        self.element = elements[number]
        eventually(browser, lambda: browser.execute_script("return arguments[0].shadowRoot", self.element))
        self._root = self.element.shadow_root

    def button(self, emoji: str) -> WebElement:
        return self._root.find_element(By.CSS_SELECTOR, f'button[name="{emoji}"]')

    @property
    def shown(self) -> dict[str, str]:
        script = "return arguments[0].shadowRoot.querySelectorAll('[part=count]')"
        spans: list[WebElement] = self._browser.execute_script(script, self.element)
        script = "return arguments[0].map((span) => [span.parentNode.name, span.textContent.trim()])"
        return dict(self._browser.execute_script(script, spans))

    @property
    def message(self) -> str:
        """What is said aloud, seen or not."""
        return self._output.get_attribute("textContent") or ""

    @property
    def message_is_seen(self) -> bool:
        return self._output.get_attribute("class") == ""

    @property
    def _output(self) -> WebElement:
        return self._root.find_element(By.CSS_SELECTOR, "output[part=message]")

    def shows(self, **expected: str) -> None:
        """Wait until these counts are shown, each behind the emoji's name in Unicode; a press of one's own
        shows before the server knows of it."""
        eventually(
            self._browser, lambda: self.shown == {NAMES[name]: count for name, count in expected.items()}
        )

    def says(self, text: str) -> None:
        """Wait until this is said; what a press did is said when the server answered."""
        eventually(self._browser, lambda: text in self.message)


LOG_IN = "Please log in first."
UNKNOWN = "The server does not know this page."
TOO_MANY = "Too many requests. Please wait a little."


def refused(status: int) -> str:
    return f"The site refused the request ({status})"


class Host:
    """A site with its own reactions that answers them itself, with a method, as long as that is refused."""

    def __init__(self, refused: str, answer: Response, *tags: str, app: Flask | None = None) -> None:
        self.refused = refused
        self.app = app or create_app()
        self._answer = answer
        self._page = site(f'<script type="module" src="{SCRIPT}"></script>', *(tags or (TAG,)))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if not request.path.startswith("/openheart/"):
            return self._page(environ, start_response)
        is_refused = request.method == self.refused and request.path != SCRIPT
        return (self._answer if is_refused else self.app)(environ, start_response)


NAMES = {"heart": "❤️", "pretzel": "🥨", "party": "🎉"}


def counts(app: Flask, target: str) -> dict[str, int]:
    found: dict[str, int] = app.extensions["openheart"].service.reactions(canonical_target(target))
    return found


def react(app: Flask, target: str, *emoji: str) -> None:
    for each in emoji:
        app.extensions["openheart"].service.react(canonical_target(target), each)


TAG = '<openheart-reactions emoji="❤️ 🥨"></openheart-reactions>'


@pytest.mark.slow
class TestOnAPageOfAnotherOrigin:
    def test_it_shows_the_counts_of_the_page_and_counts_a_press(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app()
        server = listen(app)
        page = listen(site(load(server), TAG))
        target = f"{page.url.removeprefix('http://')}/posts/caf%C3%A9/"
        react(app, target.replace("%C3%A9", "é"), "🥨", "🥨", "🎉")
        browser.get(f"{page.url}/posts/café/?from=feed#end")
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="2")
        tag.button("🥨").click()
        tag.says("🥨 3")
        assert tag.shown == {"❤️": "0", "🥨": "3"}
        assert server.reads == [f"GET /openheart/?target={target}"]
        assert counts(app, target.replace("%C3%A9", "é")) == {"🥨": 3, "🎉": 1}
        assert not [line for line in server.asked if line.startswith("OPTIONS")]
        assert complaints(browser) == []

    def test_it_sends_the_parameters_that_tell_pages_apart_and_no_others(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app(query="p,ids[]")
        server = listen(app)
        page = listen(site(load(server), TAG))
        host = page.url.removeprefix("http://")
        react(app, f"{host}/?ids[]=ü&ids[]=a%26b&p=12", "🥨", "🥨")
        browser.get(f"{page.url}/?utm_source=secret&p=12&ids%5B%5D=%C3%BC&fbclid=secret&ids[]=a%26b#top")
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="2")
        tag.button("🥨").click()
        tag.says("🥨 3")
        assert "secret" not in "".join(server.asked)
        assert counts(app, f"{host}/?ids[]=ü&ids[]=a%26b&p=12") == {"🥨": 3}
        browser.get(f"{page.url}/?utm_source=secret")
        Tag(browser).button("❤️").click()
        Tag(browser).says("❤️ 1")
        assert server.posts[-1] == f"POST /openheart/?target={host}/"
        assert counts(app, host) == {"❤️": 1}
        assert complaints(browser) == []

    def test_all_the_elements_of_a_page_are_read_with_one_request(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app()
        server = listen(app)
        react(app, "two", "🥨")
        tags = [
            TAG.replace("emoji=", f'target="{target}" emoji=') for target in ("one", "two", "two", "three")
        ]
        browser.get(listen(site(load(server), *tags)).url)
        for number, pretzels in enumerate(("0", "1", "1", "0")):
            Tag(browser, number).shows(heart="0", pretzel=pretzels)
        assert server.reads == ["GET /openheart/?target=one&target=two&target=three"]
        Tag(browser, 1).button("🥨").click()
        Tag(browser, 2).shows(heart="0", pretzel="2")
        assert len(server.reads) == 1

    def test_more_than_fit_into_one_request_are_read_with_as_few_as_possible(
        self, browser: Chrome, listen: Listen
    ) -> None:
        server = listen(create_app())
        tags = [
            f'<openheart-reactions target="{number}" emoji="🥨"></openheart-reactions>'
            for number in range(101)
        ]
        tags += [f'<openheart-reactions target="{"x" * 400}{number}" emoji="🥨">' for number in range(12)]
        browser.get(listen(site(load(server), *tags)).url)
        for number in (0, 100, 101, 112):
            Tag(browser, number).shows(pretzel="0")
        asked = [line.count("target=") for line in server.reads]
        assert sum(asked) == 113
        assert max(asked) <= 100
        assert len(asked) <= 4
        assert max(map(len, server.reads)) < 4094  # what gunicorn takes unless told otherwise

    def test_a_target_that_is_none_spoils_only_itself(self, browser: Chrome, listen: Listen) -> None:
        app = create_app()
        server = listen(app)
        react(app, "good", "🥨")
        tags = [TAG.replace("emoji=", f'target="{target}" emoji=') for target in ("good", "-/bad")]
        browser.get(listen(site(load(server), *tags)).url)
        Tag(browser, 0).shows(heart="0", pretzel="1")
        Tag(browser, 1).says("reserved for openheart's own addresses")
        assert Tag(browser, 0).message == ""

    @pytest.mark.parametrize("key", [Keys.ENTER, Keys.SPACE], ids=["enter", "space"])
    def test_a_key_does_what_a_press_does(self, browser: Chrome, listen: Listen, key: str) -> None:
        app = create_app()
        server = listen(app)
        browser.get(listen(site("<a href='#'>Before</a>", load(server), TAG)).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        browser.find_element(By.TAG_NAME, "a").send_keys(Keys.TAB, Keys.TAB)
        button = tag.button("🥨")
        script = "return arguments[0].shadowRoot.activeElement"
        eventually(browser, lambda: browser.execute_script(script, tag.element) == button)
        ActionChains(browser).send_keys(key).perform()
        tag.says("🥨 1")
        assert len(server.posts) == 1

    def test_a_screen_reader_hears_what_a_button_does_and_what_a_press_did(
        self, browser: Chrome, listen: Listen
    ) -> None:
        server = listen(create_app())
        browser.get(listen(site(load(server), TAG)).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        assert tag.button("🥨").accessible_name == "React with 🥨: 0"
        tag.button("🥨").click()
        tag.says("🥨 1")
        assert not tag.message_is_seen
        assert tag.button("🥨").accessible_name == "React with 🥨: 1"
        assert tag._output.aria_role == "status"

    def test_every_press_counts_and_shows_at_once(self, browser: Chrome, listen: Listen) -> None:
        app = create_app()
        server = listen(app)
        browser.get(listen(site(load(server), TAG.replace("emoji=", "target=t emoji="))).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        server.open.clear()
        for emoji in "🥨", "🥨", "❤️", "🥨":
            tag.button(emoji).click()
        assert tag.shown == {"❤️": "1", "🥨": "3"}
        assert counts(app, "t") == {}
        server.open.set()
        eventually(browser, lambda: counts(app, "t") == {"🥨": 3, "❤️": 1})
        tag.shows(heart="1", pretzel="3")

    def test_an_element_that_is_moved_while_a_press_waits_goes_on_with_it(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app()
        react(app, "t", *"🥨" * 5)
        server = listen(app)
        tag_html = TAG.replace("emoji=", "target=t emoji=")
        browser.get(listen(site(load(server), tag_html, "<main></main>")).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="5")
        server.open.clear()
        tag.button("🥨").click()
        tag.button("🥨").click()
        browser.execute_script("document.querySelector('main').append(arguments[0])", tag.element)
        assert tag.shown == {"❤️": "0", "🥨": "7"}
        server.open.set()
        eventually(browser, lambda: counts(app, "t") == {"🥨": 7})
        tag.says("🥨 7")
        assert tag.shown == {"❤️": "0", "🥨": "7"}

    def test_an_element_that_comes_back_reads_anew(self, browser: Chrome, listen: Listen) -> None:
        app = create_app()
        browser.get(listen(site(load(listen(app)), TAG.replace("emoji=", "target=t emoji="))).url)
        tag = Tag(browser)
        tag.button("🥨").click()
        tag.says("🥨 1")
        browser.execute_script("window.away = arguments[0]; away.remove()", tag.element)
        react(app, "t", "❤️")
        browser.execute_script("document.body.append(away)")
        Tag(browser).shows(heart="1", pretzel="1")

    def test_what_was_pressed_counts_when_the_page_is_left_before_the_answer(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app()
        server = listen(app)
        browser.get(listen(site(load(server), TAG.replace("emoji=", "target=t emoji="))).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        server.open.clear()
        for emoji in "🥨", "🥨", "❤️":
            tag.button(emoji).click()
        browser.get("about:blank")
        eventually(browser, lambda: len(server.posts) == 3)
        server.open.set()
        eventually(browser, lambda: counts(app, "t") == {"🥨": 2, "❤️": 1})

    def test_what_was_pressed_counts_once_on_a_page_that_was_left_and_goes_on(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app()
        server = listen(app)
        browser.get(listen(site(load(server), TAG.replace("emoji=", "target=t emoji="))).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        server.open.clear()
        for emoji in "🥨", "🥨", "❤️":
            tag.button(emoji).click()
        # What a browser does as it puts a page aside, to show it again when the visitor goes back.
        browser.execute_script("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        eventually(browser, lambda: len(server.posts) == 3)
        server.open.set()
        tag.says("❤️ 1")
        tag.button("🥨").click()
        tag.says("🥨 3")
        assert counts(app, "t") == {"🥨": 3, "❤️": 1}

    def test_the_counts_come_without_moving_anything(self, browser: Chrome, listen: Listen) -> None:
        app = create_app()
        react(app, "t", *"🥨" * 42)
        server = listen(app)
        server.open.clear()
        tag_html = TAG.replace("emoji=", "target=t emoji=")
        browser.get(listen(site(load(server), tag_html, "<p>Below</p>")).url)
        tag = Tag(browser)
        places = [tag.button("❤️"), tag.button("🥨"), browser.find_element(By.TAG_NAME, "p")]
        assert tag.shown == {"❤️": "", "🥨": ""}
        before = [place.rect for place in places]
        server.open.set()
        tag.shows(heart="0", pretzel="42")
        assert [place.rect for place in places] == before

    def test_a_page_may_allow_no_more_than_the_script_and_the_connection(
        self, browser: Chrome, listen: Listen
    ) -> None:
        server = listen(create_app())
        policy = (
            f"default-src 'none'; script-src {server.url}; connect-src {server.url}; img-src data:; "
            "require-trusted-types-for 'script'"
        )
        browser.get(listen(site(load(server), TAG, headers={"Content-Security-Policy": policy})).url)
        tag = Tag(browser)
        tag.button("🥨").click()
        tag.shows(heart="0", pretzel="1")
        assert tag.button("🥨").value_of_css_property("border-radius") == "99px"
        assert complaints(browser) == []

    def test_an_element_that_is_given_another_target_shows_that(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app()
        react(app, "two", "🥨")
        server = listen(app)
        browser.get(listen(site(load(server), TAG.replace("emoji=", "target=one emoji="))).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        browser.execute_script("arguments[0].setAttribute('target', 'two')", tag.element)
        tag.shows(heart="0", pretzel="1")
        browser.execute_script("arguments[0].setAttribute('emoji', '🎉')", tag.element)
        tag.shows(party="0")
        tag.button("🎉").click()
        tag.says("🎉 1")
        assert counts(app, "two") == {"🥨": 1, "🎉": 1}

    def test_another_server_may_be_named(self, browser: Chrome, listen: Listen) -> None:
        app = create_app(url_prefix="/hearts")
        react(app, "t", "🥨")
        script, server = listen(create_app()), listen(app)
        tag_html = TAG.replace("emoji=", f'target=t server="{server.url}/hearts" emoji=')
        browser.get(listen(site(load(script), tag_html)).url)
        Tag(browser).shows(heart="0", pretzel="1")

    def test_a_heart_is_found_in_either_of_its_forms(self, browser: Chrome, listen: Listen) -> None:
        app = create_app()
        react(app, "t", "❤️")
        tag_html = '<openheart-reactions target="t" emoji="❤"></openheart-reactions>'
        browser.get(listen(site(load(listen(app)), tag_html)).url)
        tag = Tag(browser)
        eventually(browser, lambda: tag.shown == {"❤": "1"})


@pytest.mark.slow
class TestWhenItCannotBe:
    def test_a_refusal_goes_back_and_is_explained(self, browser: Chrome, listen: Listen) -> None:
        app = create_app(emoji="❤️")
        server = listen(app)
        browser.get(listen(site(load(server), TAG)).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        tag.button("🥨").click()
        tag.says("This site does not accept 🥨")
        assert tag.message_is_seen
        assert tag.shown == {"❤️": "0", "🥨": "0"}
        tag.button("❤️").click()
        tag.says("❤️ 1")
        assert not tag.message_is_seen

    def test_a_press_that_the_server_did_not_get_is_taken_back_with_a_message(
        self, browser: Chrome, listen: Listen
    ) -> None:
        server = listen(create_app())
        browser.get(listen(site(load(server), TAG)).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        server.stop()
        tag.button("🥨").click()
        tag.says("The server cannot be reached. Please try again later.")
        assert tag.message_is_seen
        assert tag.shown == {"❤️": "0", "🥨": "0"}

    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (Response("<h1>The CSRF token is missing.</h1>", 400, content_type="text/html"), refused(400)),
            (Response("<h1>Forbidden</h1>", 403, content_type="text/html"), refused(403)),
            (Response("<h1>Bad gateway</h1>", 502, content_type="text/html"), refused(502)),
            (Response("Something else", content_type="text/html"), refused(200)),
            (Response(status=302, headers={"Location": "/login"}), LOG_IN),
            (Response('"Unauthorized"', 401, content_type="application/json"), LOG_IN),
            (Response("<h1>Not found</h1>", 404, content_type="text/html"), UNKNOWN),
            (Response('{"message": "5 per 1 minute"}', 429, content_type="application/json"), TOO_MANY),
            (Response('{"detail": "Closed on Sundays"}', 503, content_type="application/json"), "on Sundays"),
        ],
        ids=["400", "403", "502", "200", "302", "401", "404", "429", "503"],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_it_says_what_the_host_answered_instead(
        self, browser: Chrome, listen: Listen, answer: Response, text: str, method: str
    ) -> None:
        host = Host(method, answer)
        browser.get(listen(host).url)
        tag = Tag(browser)
        if method == "POST":
            tag.shows(heart="0", pretzel="0")
            tag.button("🥨").click()
        tag.says(text)
        assert tag.message_is_seen
        assert tag.shown == {"❤️": "0", "🥨": "0"} if method == "POST" else {"❤️": "", "🥨": ""}
        host.refused = ""
        tag.button("🥨").click()
        tag.says("🥨 1")

    @pytest.mark.parametrize(
        "answer",
        [
            Response("<h1>Forbidden</h1>", 403),
            Response(status=302, headers={"Location": "//127.0.0.2/login"}),
        ],
        ids=["without CORS headers", "to the login of another site"],
    )
    def test_a_server_that_may_tell_nothing_is_not_said_to_be_out_of_reach(
        self, browser: Chrome, listen: Listen, answer: Response
    ) -> None:
        host = Host("POST", answer)
        elsewhere = listen(Response("<h1>Log in</h1>", content_type="text/html"))
        answer.headers["Location"] = f"{elsewhere.url}/login"
        server = listen(host)
        browser.get(listen(site(load(server), TAG)).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        tag.button("🥨").click()
        tag.says("The site refused the request (CORS)")
        assert len(server.posts) == 1

    def test_elements_are_read_alone_only_where_one_of_their_targets_is_wrong(
        self, browser: Chrome, listen: Listen
    ) -> None:
        tags = [TAG.replace("emoji=", f"target={number} emoji=") for number in range(3)]
        host = Host("GET", Response("<h1>Not found</h1>", 404, content_type="text/html"), *tags)
        server = listen(host)
        browser.get(server.url)
        Tag(browser, 2).says(UNKNOWN)
        assert [line for line in server.reads if "target=" in line] == [
            "GET /openheart/?target=0&target=1&target=2"
        ]

    def test_it_says_so_in_the_language_of_the_page(self, browser: Chrome, listen: Listen) -> None:
        app = load_standalone(uri="memory:", locales="en,de")
        answer = Response("<h1>Forbidden</h1>", 403, content_type="text/html")
        browser.get(listen(Host("GET", answer, f'<div lang="de">{TAG}</div>', app=app)).url)
        Tag(browser).says("Die Website hat die Anfrage abgelehnt (403)")

    def test_what_it_says_may_be_said_in_the_words_of_the_page(self, browser: Chrome, listen: Listen) -> None:
        server = listen(create_app(emoji="❤️"))
        words = 'label="Reagir com" failed="Não foi possível." emoji='
        browser.get(listen(site(load(server), TAG.replace("emoji=", words))).url)
        tag = Tag(browser)
        tag.shows(heart="0", pretzel="0")
        assert tag.button("❤️").accessible_name == "Reagir com ❤️: 0"
        tag.button("🥨").click()
        tag.says("Não foi possível.")

    def test_counts_that_are_not_shown_are_left_out_and_a_press_is_thanked(
        self, browser: Chrome, listen: Listen
    ) -> None:
        app = create_app(write_only=True)
        server = listen(app)
        browser.get(listen(site(load(server), TAG.replace("emoji=", "target=t emoji="))).url)
        tag = Tag(browser)
        eventually(
            browser, lambda: not tag.button("🥨").find_element(By.CSS_SELECTOR, "span + span").is_displayed()
        )
        assert tag.message == ""
        tag.button("🥨").click()
        tag.says("Thank you!")
        assert tag.message_is_seen
        assert tag.shown == {"❤️": "", "🥨": ""}
        assert counts(app, "t") == {"🥨": 1}

    def test_the_form_inside_is_there_until_the_script_is_and_says_which_emoji(
        self, browser: Chrome, listen: Listen
    ) -> None:
        server = listen(create_app())
        form = '<openheart-reactions><form><button name="🎉">🎉</button></form></openheart-reactions>'
        browser.get(listen(site(form)).url)
        assert browser.find_element(By.NAME, "🎉").is_displayed()
        browser.get(listen(site(load(server), form)).url)
        Tag(browser).shows(party="0")
        assert not browser.find_element(By.NAME, "🎉").is_displayed()


@pytest.mark.slow
class TestTheOfficialElement:
    """open-heart-element, as npm has it."""

    @pytest.fixture
    def page(self, browser: Chrome, listen: Listen) -> Flask:
        source = npm_file("OPEN_HEART_ELEMENT", "open-heart-element", "0.0.13", "dist/index.js").read_text()
        app = create_app()
        react(app, "example.com/post", "❤️", "🥨")
        href = f"{listen(app).url}/openheart/example.com/post"
        tag = f'<open-heart href="{href}" emoji="❤️">♥</open-heart>'
        browser.get(listen(site(tag, f'<script type="module">{source}</script>')).url)
        eventually(browser, lambda: browser.find_element(By.CSS_SELECTOR, "open-heart[role=button]"))
        return app

    def test_it_reads_the_count(self, browser: Chrome, page: Flask) -> None:
        browser.execute_script("document.querySelector('open-heart').getCount()")
        eventually(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "open-heart[count='1']"))
        assert complaints(browser) == []

    @pytest.mark.parametrize("key", [None, Keys.ENTER, Keys.SPACE], ids=["mouse", "enter", "space"])
    def test_its_press_is_counted(self, browser: Chrome, page: Flask, key: str | None) -> None:
        element = browser.find_element(By.TAG_NAME, "open-heart")
        if key is None:
            element.click()
        else:
            element.send_keys(key)
        eventually(browser, lambda: element.get_attribute("aria-pressed") == "true")
        assert counts(page, "example.com/post") == {"❤️": 2, "🥨": 1}
        browser.execute_script("document.querySelector('open-heart').getCount()")
        eventually(browser, lambda: element.get_attribute("count") == "2")
        assert complaints(browser) == []


def test_it_speaks_the_language_of_the_page_around_it(browser: Chrome, listen: Listen) -> None:
    server = listen(load_standalone(uri="memory:", locales="en,de,pt_br"))
    tags = [
        f'<div lang="{lang}"><openheart-reactions target="{lang}"></openheart-reactions></div>'
        for lang in ("de-CH", "pt-br", "it")
    ]
    own = '<openheart-reactions lang="de" label="Gib"></openheart-reactions>'
    browser.get(listen(site(load(server), *tags, own)).url)
    labels = [Tag(browser, number).button("👍").get_attribute("ariaLabel") or "" for number in range(4)]
    words = ["Reagieren mit", "Reagir com", "React with", "Gib"]
    assert [label.partition(" 👍")[0] for label in labels] == words
