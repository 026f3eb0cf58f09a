"""Faults that were seen in other projects of this kind, each by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, request

import openheart
from openheart import OpenHeart
from openheart.settings import table as options
from openheart.settings.option import Option

FAMILY = "👩🏽‍❤️‍💋‍👨🏿"


def site(**settings: Any) -> Flask:
    app = Flask("site")
    OpenHeart(app, env=False, **{"uri": "memory:", **settings})
    return app


@pytest.mark.parametrize(
    "option",
    [option for option in options.known_options() if option.name.startswith("OPENHEART_")],
    ids=lambda o: o.name,
)
def test_no_openheart_key_crashes_the_start(option: Option[Any], tmp_path: Path) -> None:
    (tmp_path / "settings.toml").touch()
    values = {"OPENHEART_URI": "memory:", "OPENHEART_CONFIG": "settings.toml"}
    app = Flask("site")
    app.config["OPENHEART_URI"] = "memory:"
    app.config[option.name] = values.get(option.name, option.default)
    OpenHeart(app)
    assert app.test_client().get("/openheart/-/healthz").status_code == 200


def test_a_404_of_the_host_stays_a_404() -> None:
    app = site()
    app.add_url_rule("/p/<x>", "p", lambda x: "", openheart=True)
    for address in ("/nothing", "/favicon.ico", "/static/none.css", "/p", "/%ff"):
        assert app.test_client().get(address).status_code == 404, address
        assert app.test_client().post(address).status_code in (404, 405), address


def test_the_default_target_is_no_endpoint_that_two_pages_share() -> None:
    app = site()
    app.add_url_rule("/p/<x>", "p", lambda x: openheart.page.reactions, openheart=True)
    client = app.test_client()
    client.post("/openheart/p/a", data="🥨")
    assert (client.get("/p/a").json, client.get("/p/b").json) == ({"🥨": 1}, {})


def test_reactions_of_the_request_can_be_read() -> None:
    app = site()
    app.add_url_rule("/p", "p", lambda: request.openheart.reactions)  # type: ignore[attr-defined]
    app.test_client().post("/openheart/p", data="🥨")
    assert app.test_client().get("/p").json == {"🥨": 1}


def test_a_route_of_a_blueprint_takes_openheart() -> None:
    blueprint = Blueprint("b", "site")

    @blueprint.route("/p", openheart=True)
    def view() -> str:
        return ""

    app = site()
    app.register_blueprint(blueprint)
    assert app.test_client().get("/openheart/p").json == {}


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"%F0%9F%A5%A8=", b"a=b&c", b"%", b"\x00"])
@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "application/octet-stream"])
def test_no_body_is_a_500(body: bytes, kind: str | None) -> None:
    answer = site().test_client().post("/openheart/p", data=body, content_type=kind)
    assert answer.status_code in (200, 400)


def test_a_heart_with_and_without_its_selector_is_one_emoji() -> None:
    client = site().test_client()
    client.post("/openheart/p", data="\u2764")
    assert client.post("/openheart/p", data="\u2764\ufe0f").json == {"\u2764\ufe0f": 2}


def test_app_is_the_app_after_load() -> None:
    app = Flask("site")
    assert openheart.load(app, uri="memory:") is app
    assert openheart.APP is app


def test_flags_are_parsed_before_they_are_read() -> None:
    app = Flask("site")
    app.config.update(OPENHEART_URI="memory:", OPENHEART_WRITE_ONLY="off", OPENHEART_HOLD="false")
    OpenHeart(app, env=False)
    assert app.test_client().post("/openheart/p", data="🥨").json == {"🥨": 1}
    assert app.test_client().get("/openheart/p").json == {"🥨": 1}


@pytest.mark.parametrize("uri", ["memory:", "sqlite:///counts.db"])
def test_a_second_post_counts_two(uri: str, tmp_path: Path) -> None:
    app = Flask("site", instance_path=str(tmp_path))
    OpenHeart(app, env=False, uri=uri)
    for number in (1, 2, 3):
        assert app.test_client().post("/openheart/p", data="🥨").json == {"🥨": number}
    app.extensions["openheart"].service.close()


def test_a_target_with_dots_and_slashes_is_kept_whole() -> None:
    client = site().test_client()
    client.post("/openheart/a.b/c/d", data="🥨")
    assert client.get("/openheart/a.b").json == {}
    assert client.get("/openheart/?target=a.b/c/d").json == {"a.b/c/d": {"🥨": 1}}


def test_a_percent_encoded_family_is_not_cut() -> None:
    from urllib.parse import quote

    encoded = quote(FAMILY)
    assert len(encoded) > 64
    assert site().test_client().post("/openheart/p", data=encoded).json == {FAMILY: 1}


def test_a_target_with_colons_is_read_back() -> None:
    app = site()
    client = app.test_client()
    client.post("/openheart/urn:post:1", data="🥨")
    assert client.get("/openheart/urn:post:1").json == {"🥨": 1}
    with app.app_context():
        assert openheart.reactions("urn:post:1") == {"🥨": 1}


def test_no_referer_of_one_visitor_is_in_the_answer_to_another() -> None:
    client = site().test_client()
    form = {"Accept": "text/html"}
    first = client.post("/openheart/p", data="🥨", headers={**form, "Referer": "http://localhost/secret"})
    second = client.post("/openheart/p", data="🥨", headers=form)
    third = client.get("/openheart/p")
    assert first.headers["Location"] == "http://localhost/secret"
    for answer in (second, third):
        assert "secret" not in answer.text + str(answer.headers)
