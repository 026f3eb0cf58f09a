"""A small blog: its list and its feed show the counts of all posts, and each post accepts reactions.

Shows: openheart= on a route, request.openheart in a template, and the counts of a list in one storage call.
Requires: pip install ../..
Run: python app.py, then open http://127.0.0.1:5000/
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Response, abort, render_template

import openheart

EMOJI = ("❤️", "🥨", "🎉")


@dataclass(frozen=True)
class Post:
    """One post of the blog."""

    slug: str
    title: str
    day: date
    text: str


POSTS = {
    post.slug: post
    for post in (
        Post("rye", "A week of rye", date(2026, 3, 14), "Seven loaves, one of them edible."),
        Post("pretzels", "Pretzels at home", date(2026, 2, 2), "Mind the lye, and open a window."),
        Post("starter", "My starter is alive", date(2026, 1, 9), "It bubbles. It has a name now."),
    )
}

app = openheart.load(name=__name__)


def target(slug: str) -> str | None:
    """The target of a post; None for a post that does not exist, which then accepts no reactions."""
    return f"posts/{slug}" if slug in POSTS else None


@app.route("/")
def index() -> str:
    targets = [f"posts/{slug}" for slug in POSTS]
    return render_template("index.html", posts=POSTS.values(), counts=openheart.reactions_of(targets))


@app.route("/posts/<slug>", openheart=target)
def post(slug: str) -> str:
    if slug not in POSTS:
        abort(404)
    return render_template("post.html", post=POSTS[slug], emoji=EMOJI)


@app.route("/feed.xml")
def feed() -> Response:
    targets = [f"posts/{slug}" for slug in POSTS]
    xml = render_template("feed.xml", posts=POSTS.values(), counts=openheart.reactions_of(targets))
    return Response(xml, content_type="application/atom+xml; charset=utf-8")


if __name__ == "__main__":
    openheart.run()
