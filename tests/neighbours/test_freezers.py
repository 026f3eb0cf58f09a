"""Frozen-Flask and Flask-Sitemap: neither visits our addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask_frozen import Freezer
from flask_sitemap import Sitemap

from openheart import OpenHeart

from .host import add_pages, assert_all_works, host

# It lists each endpoint of the app that it did not freeze, such as ours.
pytestmark = pytest.mark.filterwarnings("ignore:Nothing frozen for endpoints")


def site(**config: Any) -> Flask:
    app = host(**config)
    OpenHeart(app, env=False, uri="memory:")
    add_pages(app)
    app.add_url_rule("/about/", "about", lambda: '<openheart-reactions target="about"></openheart-reactions>')
    return app


def test_a_frozen_site_has_the_pages_of_the_host_only(tmp_path: Path) -> None:
    app = site(FREEZER_DESTINATION=str(tmp_path / "built"), FREEZER_RELATIVE_URLS=False)
    freezer = Freezer(app)
    freezer.register_generator(lambda: [("post", {"slug": "rye"})])
    freezer.freeze()
    built = {str(path.relative_to(tmp_path / "built")) for path in (tmp_path / "built").rglob("*.html")}
    assert built == {"index.html", "about/index.html", "posts/rye/index.html"}
    assert not (tmp_path / "built" / "openheart").exists()
    assert_all_works(app)


@pytest.mark.parametrize("relative", [False, True])
def test_a_frozen_page_may_have_our_addresses(tmp_path: Path, relative: bool) -> None:
    app = site(FREEZER_DESTINATION=str(tmp_path / "built"), FREEZER_RELATIVE_URLS=relative)

    @app.get("/form/")
    def form() -> str:
        return render_template_string(
            '{{ openheart_url("post", slug="rye") }} {{ openheart_url("posts/oat") }} '
            '{{ openheart_target("post", slug="rye") }} {{ reactions("posts/rye") }}'
        )

    Freezer(app).freeze()
    built = tmp_path / "built"
    shown = (built / "form" / "index.html").read_text()
    assert shown == "/openheart/posts/rye/ /openheart/posts/oat posts/rye {}"
    assert sorted(path.name for path in built.iterdir()) == ["about", "form", "index.html", "posts"]


def test_a_sitemap_has_the_pages_of_the_host_only() -> None:
    app = site(SITEMAP_INCLUDE_RULES_WITHOUT_PARAMS=True, SITEMAP_URL_SCHEME="https")
    Sitemap(app)
    sitemap = app.test_client().get("/sitemap.xml")
    assert sitemap.status_code == 200
    assert "https://localhost/about/" in sitemap.text
    assert "openheart" not in sitemap.text
    assert_all_works(app)
