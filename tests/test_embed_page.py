"""The snippets of docs/howto/embed.rst, each used as it stands there."""

from __future__ import annotations

import html.parser
import logging
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from flask import Flask, redirect, render_template_string, url_for
from flask.testing import FlaskClient

from openheart import OpenHeart

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "embed.rst"


def snippets(language: str) -> list[str]:
    found = re.findall(
        rf"^\.\. code-block:: {re.escape(language)}\n\n((?:   .*\n|\n)+)",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return [textwrap.dedent(each) for each in found]


def snippet(language: str, words: str) -> str:
    """The one that contains these words."""
    (found,) = [each for each in snippets(language) if words in each]
    return found


class Shown(html.parser.HTMLParser):
    """The attributes of the tags and the forms of a page, in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[dict[str, str | None]] = []
        self.forms: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("openheart-reactions", "form"):
            (self.forms if tag == "form" else self.tags).append(dict(attrs))


def press(client: FlaskClient, form: dict[str, str | None], emoji: str) -> str:
    """Send a form as a browser without JavaScript does; returns where it leads."""
    answer = client.post(
        str(form["action"]),
        data=f"{emoji}=\r\n",
        headers={"Accept": "text/html", "Content-Type": "text/plain"},
    )
    assert answer.status_code == 303
    return answer.headers["Location"]


def seen_by_tag(client: FlaskClient, tag: dict[str, str | None], address: str) -> Any:
    """What the tag shows on the page at an address of localhost."""
    target = tag.get("target") or f"localhost{address}"
    return client.get(f"/openheart/?target={quote(target, safe='')}").json[target]  # type: ignore[index]


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_URI", "memory:")


@pytest.mark.parametrize("address", ["/", "/posts/rye", "/posts/caf%C3%A9", "/posts/100%25"])
def test_the_form_and_the_tag_on_a_page_count_one_target(address: str) -> None:
    app = Flask(__name__)
    OpenHeart(app)
    template = page_template()
    app.add_url_rule("/", "front", lambda: render_template_string(template))
    app.add_url_rule("/posts/<slug>", "post", lambda slug: render_template_string(template))
    client = app.test_client()
    shown = Shown(client.get(address).text)

    back = press(client, shown.forms[0], "🥨")

    assert client.get(back).status_code == 200
    assert unquote(back) == unquote(address)
    assert seen_by_tag(client, shown.tags[0], address) == {"🥨": 1}


def page_template() -> str:
    return next(each for each in snippets("html+jinja") if "<form" in each and "comment" not in each)


@dataclass
class Comment:
    id: int
    text: str


@pytest.mark.parametrize("marked", [False, True])
def test_each_item_of_a_list_has_counts_of_its_own(marked: bool) -> None:
    app = Flask(__name__)
    OpenHeart(app)
    template = snippet("html+jinja", "comment.id")
    comments = [Comment(1, "one"), Comment(2, "two")]
    app.add_url_rule(
        "/posts/<slug>", "post", lambda slug: render_template_string(template, comments=comments)
    )
    if marked:
        names = {"app": app, "COMMENTS": {1: "rye", 2: "rye"}, "redirect": redirect, "url_for": url_for}
        exec(snippet("python", "comment_target"), names)
    client = app.test_client()
    shown = Shown(client.get("/posts/rye?page=2").text)

    back = press(client, shown.forms[1], "❤️")

    assert back == "/posts/rye?page=2"
    assert [seen_by_tag(client, tag, "/posts/rye") for tag in shown.tags] == [{}, {"❤️": 1}]
    if marked:
        assert client.get("/comments/2").headers["Location"] == "/posts/rye#comment-2"
        assert client.post("/openheart/comments/3", data="❤️").status_code == 404


def test_a_list_calls_the_function_of_a_target_as_often_as_the_page_says() -> None:
    app = Flask(__name__)
    OpenHeart(app)
    calls: list[str] = []

    def target(slug: str) -> str:
        calls.append(slug)
        return f"post:{slug}"

    @app.get("/posts/<slug>", openheart=target)
    def post(slug: str) -> str:
        return ""

    def called(template: str) -> int:
        calls.clear()
        with app.test_request_context("/"):
            render_template_string(template)
        return len(calls)

    client = app.test_client()
    targets = "&".join(f"target=localhost/posts/{number}" for number in range(50))

    assert called("{{ openheart_url('post', slug='a') }}{{ reactions(['post:a', 'post:b']) }}") == 0
    assert called("{{ openheart_target('post', slug='a') }}") == 1
    client.get(f"/openheart/?{targets}")
    assert len(calls) == 51
    client.post("/openheart/posts/a", data="🥨")
    assert len(calls) == 52


def test_the_protection_of_forms_leaves_reactions_alone_and_guards_the_rest() -> None:
    names: dict[str, Any] = {"__name__": __name__}
    exec(snippet("python", "csrf.exempt"), names)
    app = names["create_app"]()
    app.add_url_rule("/own", "own", lambda: "", methods=["POST"])

    assert app.test_client().post("/openheart/hello", data="🥨").json == {"🥨": 1}
    assert app.test_client().post("/own").status_code == 400


def members(*more: str) -> tuple[FlaskClient, FlaskClient]:
    """The app of the section on logins, as a stranger and as a member see it."""
    flask_login = pytest.importorskip("flask_login")
    names: dict[str, Any] = {"__name__": __name__}
    for words in ("member_target", *more):
        exec(snippet("python", words), names)
    app, user = names["app"], flask_login.UserMixin()
    user.id = "1"
    names["login"].user_loader(lambda _: user)
    app.add_url_rule("/login", "login", lambda: str(flask_login.login_user(user)))
    stranger, member = app.test_client(), app.test_client()
    member.get("/login")
    return stranger, member


def test_pages_behind_a_login_are_guarded_by_the_function_of_their_target() -> None:
    stranger, member = members()

    answers = [client.post("/openheart/members/a", data="🥨") for client in (stranger, member)]

    assert [answer.status_code for answer in answers] == [404, 200]
    assert stranger.get("/members/a").status_code == 401


def test_a_function_before_the_request_guards_all_reactions() -> None:
    stranger, member = members("only_members_react")

    asked = ["/openheart/members/a", "/openheart/?target=members/a", "/openheart/-/openheart.js"]

    assert [stranger.get(each).status_code for each in asked] == [401, 401, 200]
    assert [member.get(each).status_code for each in asked] == [200, 200, 200]


def test_one_handler_gets_the_log_of_each_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAME", "shop")
    tree = logging.getLogger("openheart")
    before = tree.handlers[:]
    try:
        exec(snippet("python", "FileHandler"), {})
        app = Flask(__name__)
        OpenHeart(app)
        app.extensions["openheart"].service.logger.warning("something happened")
    finally:
        for handler in [each for each in tree.handlers if each not in before]:
            tree.removeHandler(handler)
            handler.close()

    assert "something happened" in (tmp_path / "openheart.log").read_text(encoding="utf-8")
