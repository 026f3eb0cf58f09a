"""An application written for flask-openheart, from what its documentation shows, runs with another import."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from openheart.cli import openheart_group

WRITTEN = """
from flask import Flask, abort, render_template_string, request
from flask_openheart import OpenHeart

app = Flask(__name__)
openheart = OpenHeart()
openheart.init_app(app, url_prefix="/reactions")

ARTICLES = ["first", "second"]
PAGE = '''{% if request.openheart %}{{ request.openheart.get_url }} {{ request.openheart.post_url_external }}
{% for reaction, count in request.openheart.reactions.items() %}{{ reaction }} ({{ count }}){% endfor %}
{% else %}none{% endif %}'''

@app.route("/foo/", openheart=True)
def show():
    return f"{request.openheart.reactions.get('❤️', 0)} hearts"

@app.route("/bar/")
def bar():
    return render_template_string(PAGE)

@app.route("/articles/<int:id>/", openheart=True)
def article(id):
    if id >= len(ARTICLES):
        abort(404)
    return render_template_string(PAGE)

@article.slug
def article_slug(id):
    if id >= len(ARTICLES):
        return None
    return id

@app.route("/list/")
def index():
    return {
        "addresses": [app.openheart.url_for("article", id=id) for id in range(3)],
        "counts": [app.openheart.reactions_for("article", id=id) for id in range(2)],
    }

@app.cli.command()
def thank():
    print(app.openheart.react_to("🥨", "article", id=0))
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENHEART_URI", f"sqlite:///{tmp_path}/counts.db")
    # The only change: the name of what is imported.
    names: dict[str, Any] = {"__name__": "visited"}
    exec(WRITTEN.replace("flask_openheart", "openheart"), names)
    made = names["app"]
    assert isinstance(made, Flask)
    yield made
    made.extensions["openheart"].close()


def test_it_does_what_it_did(app: Flask) -> None:
    client = app.test_client()
    assert client.post("/reactions/foo/", data="❤️").json == {"❤️": 1}
    assert client.get("/foo/").text == "1 hearts"
    assert client.get("/bar/").text == "none"
    assert client.post("/reactions/bar/", data="❤️").status_code == 404

    assert app.test_cli_runner().invoke(args=["thank"]).output == "{'🥨': 1}\n"
    assert client.post("/reactions/articles/1/", data="👍=").json == {"👍": 1}
    assert client.post("/reactions/articles/2/", data="👍").status_code == 404
    shown = client.get("/articles/1/").text.split()
    assert shown == ["/reactions/articles/1/", "http://localhost/reactions/articles/1/", "👍", "(1)"]
    assert client.get("/list/").json == {
        "addresses": ["/reactions/articles/0/", "/reactions/articles/1/", None],
        "counts": [{"🥨": 1}, {"👍": 1}],
    }


def test_its_data_comes_along_as_the_page_about_it_says(app: Flask, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "openheart.db")) as old:
        old.execute("CREATE TABLE openheart (slug TEXT, reaction TEXT, count INT DEFAULT 1)")
        old.execute("INSERT INTO openheart VALUES ('article.1', '👍', 7), ('show', '❤️', 3)")
        old.commit()

    for command in (["import", "openheart.db"], ["rename", "show", "/foo/"]):
        ended = CliRunner().invoke(openheart_group, command)
        assert ended.exit_code == 0, ended.output

    client = app.test_client()
    assert client.get("/reactions/articles/1/").json == {"👍": 7}
    assert client.get("/foo/").text == "3 hearts"
