"""An app that knows nothing of openheart: a journal with a factory, accounts, SQLite and tests of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from . import auth, blog, db


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(
        SECRET_KEY="development", DATABASE=str(Path(app.instance_path) / "journal.sqlite")
    )
    app.config.update(settings or {})
    db.init_app(app)
    app.register_blueprint(auth.bp)
    app.register_blueprint(blog.bp)
    app.add_url_rule("/", endpoint="index")
    return app
