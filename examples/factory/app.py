"""An application factory, and two applications in one process that share nothing.

Shows: OpenHeart() with init_app(), settings in app.config, and a listener that hears of each reaction.
Requires: pip install openheart
Run: flask --app "app:create_app('blog')" run, then curl -d 🥨 http://127.0.0.1:5000/openheart/hello
     or: python app.py, which has both, at http://127.0.0.1:5000/blog and http://127.0.0.1:5000/shop,
     and takes reactions at /blog/openheart/hello and, with other emoji, at /shop/likes/hello
"""

from __future__ import annotations

import os

from flask import Flask, current_app
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import run_simple

import openheart

heart = openheart.OpenHeart()

SITES = {
    "blog": {"INSTANCE": "blog"},
    "shop": {"INSTANCE": "shop", "OPENHEART_URL_PREFIX": "/likes", "OPENHEART_EMOJI": "👍 👎"},
}


def create_app(site: str) -> Flask:
    """Make the application of one site; its INSTANCE gives it an SQLite file of its own."""
    app = Flask(__name__)
    app.config.update(SITES[site])
    heart.init_app(app)
    openheart.reaction_added.connect(heard, app)

    @app.route("/")
    def page() -> dict[str, int]:
        return openheart.reactions("hello")

    return app


def heard(sender: Flask, target: str, emoji: str, **_: object) -> None:
    """Write one line for each reaction."""
    current_app.logger.warning("%s got %s on %s", sender.config["INSTANCE"], emoji, target)


if __name__ == "__main__":
    blog, shop = create_app("blog"), create_app("shop")
    both = DispatcherMiddleware(Flask(__name__), {"/blog": blog.wsgi_app, "/shop": shop.wsgi_app})
    run_simple("127.0.0.1", int(os.environ.get("PORT", "5000")), both, threaded=True)
