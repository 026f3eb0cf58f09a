"""An application factory, and two applications in one process that share nothing.

Shows: OpenHeart() with init_app(), settings in app.config, and a listener that is called for each reaction.
Requires: pip install ../..
Run: flask --app "app:create_app('blog')" run, then curl -d 🥨 http://127.0.0.1:5000/openheart/hello
     or: python app.py, which serves both, at http://127.0.0.1:5000/blog and http://127.0.0.1:5000/shop,
     and accepts reactions at /blog/openheart/hello and, with other emoji, at /shop/likes/hello
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
    """Create the application of one site; its INSTANCE gives it its own SQLite file."""
    app = Flask(__name__)
    app.config.update(SITES[site])
    heart.init_app(app)
    openheart.reaction_added.connect(log_reaction, app)

    @app.route("/")
    def page() -> dict[str, int]:
        return openheart.reactions("hello")

    return app


def log_reaction(sender: Flask, target: str, emoji: str, **_: object) -> None:
    """Log one line for each reaction."""
    current_app.logger.warning("%s got %s on %s", sender.config["INSTANCE"], emoji, target)


if __name__ == "__main__":
    blog, shop = create_app("blog"), create_app("shop")
    both = DispatcherMiddleware(Flask(__name__), {"/blog": blog.wsgi_app, "/shop": shop.wsgi_app})
    run_simple("127.0.0.1", int(os.environ.get("PORT", "5000")), both, threaded=True)
