"""app.openheart, which apps of flask-openheart use."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import BuildError

import openheart
from openheart import OpenHeart, OpenHeartController
from openheart.errors import InvalidEmoji, TargetNotFound


def site(**options: Any) -> Flask:
    app = Flask("site")
    OpenHeart(app, env=False, **{"uri": "memory:", **options})
    app.add_url_rule("/", "index", lambda: "", openheart=True)
    app.add_url_rule("/bar", "bar", lambda: "")
    app.add_url_rule("/page/<int:number>/", "page", lambda number: "", openheart=number_of_page)
    return app


def number_of_page(number: int) -> int | None:
    return number if number < 3 else None


def of(app: Flask) -> OpenHeartController:
    made = app.openheart  # type: ignore[attr-defined]
    assert isinstance(made, OpenHeartController)
    return made


def test_it_reacts_and_reads_by_endpoint_in_a_request_and_outside_of_one() -> None:
    app = site()
    assert of(app).react_to("🥨 and more", "page", number=1) == {"🥨": 1}
    with app.test_request_context():
        assert of(app).react_to("🥨", "page", number=1) == {"🥨": 2}
    assert of(app).reactions_for("page", number=1) == {"🥨": 2}
    assert of(app).reactions_for("page", number=2) == of(app).reactions_for("index") == {}
    with app.app_context():
        assert openheart.reactions("1") == {"🥨": 2}


def test_it_belongs_to_its_app_also_in_a_context_of_another() -> None:
    one, two = site(), site()
    with two.app_context():
        of(one).react_to("🥨", "index")
        assert (of(one).reactions_for("index"), of(two).reactions_for("index")) == ({"🥨": 1}, {})
        one.add_url_rule("/own", "own", lambda: "", openheart=True)
        assert of(one).slug_for("own") == "own"


def test_it_knows_the_target_of_each_page_and_none_where_there_are_no_reactions() -> None:
    app = site()
    assert of(app).slug_for("index") == "/"
    assert of(app).slug_for("page", number=2) == "2"
    assert of(app).is_enabled_for("page", number=2)
    without: list[tuple[str, dict[str, Any]]] = [("page", {"number": 3}), ("bar", {}), ("nothing", {})]
    for endpoint, values in without:
        assert of(app).slug_for(endpoint, **values) is None
        assert not of(app).is_enabled_for(endpoint, **values)
        assert of(app).url_for(endpoint, **values) is None
        with pytest.raises(TargetNotFound, match=f"The endpoint {endpoint!r} has no page"):
            of(app).reactions_for(endpoint, **values)
        with pytest.raises(TargetNotFound, match="give its route openheart=True"):
            of(app).react_to("🥨", endpoint, **values)
    with pytest.raises(BuildError):
        of(app).slug_for("page")
    with pytest.raises(InvalidEmoji):
        of(app).react_to("no", "index")


def test_it_gives_the_addresses_as_flask_url_for_does() -> None:
    app = site()
    with app.test_request_context():
        assert of(app).url_for("page", number=1) == "/openheart/page/1/"
        assert of(app).url_for("index", _external=True) == "http://localhost/openheart/"
        assert of(app).url_for("index", _method="POST") == of(app).post_url_for("index") == "/openheart/"


def test_a_second_prefix_is_the_address_to_react_at_and_both_serve_the_page() -> None:
    with pytest.warns(
        DeprecationWarning, match=r"OPENHEART_POST_URL_PREFIX \(from a keyword .* is deprecated"
    ):
        app = site(post_url_prefix="/react", url_prefix="/reactions")
    app.add_url_rule("/post", "post", lambda: openheart.page.post_url or "", openheart=True)
    with app.test_request_context():
        assert of(app).url_for("index") == "/reactions/"
        assert of(app).post_url_for("page", number=1) == "/react/page/1/"
    client = app.test_client()
    assert client.get("/post").text == "/react/post"
    assert client.post("/react/post", data="🥨").json == {"🥨": 1}
    assert client.post("/react/", data="🥨").json == {"🥨": 1}
    assert client.post("/react", data="🥨").json == client.get("/reactions/").json == {"🥨": 2}
    assert client.post("/react/%ff", data="🥨").json == client.get("/reactions/%ff").json
    assert client.get("/reactions/post").json == client.get("/react/post").json == {"🥨": 1}


def test_the_documented_name_of_the_second_prefix_is_taken_too() -> None:
    app = Flask("site")
    app.config["OPENHEART_URL_POST_PREFIX"] = "/react"
    with pytest.warns(DeprecationWarning) as warned:
        OpenHeart(app, env=False, uri="memory:")
    assert "OPENHEART_URL_POST_PREFIX (from app.config) is deprecated" in str(warned[0].message)
    assert app.test_client().post("/react/x", data="🥨").json == {"🥨": 1}


def test_an_attribute_that_the_app_has_already_is_kept() -> None:
    class Site(Flask):
        openheart = "its own"

    app = Site("site")
    OpenHeart(app, env=False, uri="memory:")
    assert app.openheart == "its own"
