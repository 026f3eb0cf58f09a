"""Posts: list them with their counts, add one, react to one.

Shows: ApiResult to return, ApiError to raise, and openheart= on a route of a blueprint.
Requires: pip install ../.. pydantic, in the folder of app.py
Run: python ../app.py
"""

from __future__ import annotations

from flask import Blueprint, url_for
from validation import Body, read_body

import openheart
from openheart import ApiError, ApiResult

posts = Blueprint("posts", __name__, url_prefix="/api/posts")

TITLES = {"rye": "A week of rye", "pretzels": "Pretzels at home"}


class NewPost(Body):
    """The body of a request that adds a post."""

    slug: str
    title: str


class Reaction(Body):
    """The body of a request that reacts."""

    emoji: str


@posts.get("")
def listing() -> ApiResult:
    counts = openheart.reactions_of(f"api/posts/{slug}" for slug in TITLES)
    return ApiResult(
        [
            {"slug": slug, "title": title, "reactions": reactions}
            for (slug, title), reactions in zip(TITLES.items(), counts.values(), strict=True)
        ]
    )


@posts.post("")
def add() -> ApiResult:
    post = read_body(NewPost)
    if post.slug in TITLES:
        raise ApiError(409, detail=f"The post {post.slug!r} already exists; choose another slug")
    TITLES[post.slug] = post.title
    return ApiResult(
        {"slug": post.slug, "title": post.title},
        status=201,
        headers={"Location": url_for("posts.one", slug=post.slug)},
    )


def target(slug: str) -> str | None:
    """The target of a post; None for a post that does not exist, which then accepts no reactions."""
    return f"api/posts/{slug}" if slug in TITLES else None


@posts.get("/<slug>", openheart=target)
def one(slug: str) -> ApiResult:
    if slug not in TITLES:
        raise ApiError(404, detail=f"There is no post {slug!r}")
    return ApiResult({"slug": slug, "title": TITLES[slug], "reactions": openheart.page.reactions})


@posts.post("/<slug>/reactions")
def react(slug: str) -> ApiResult:
    if slug not in TITLES:
        raise ApiError(404, detail=f"There is no post {slug!r}")
    try:
        counts = openheart.react(f"api/posts/{slug}", read_body(Reaction).emoji)
    except openheart.errors.VisitorError as error:
        raise ApiError(error.status, error.title, error.detail) from error
    return ApiResult(counts, status=201)
