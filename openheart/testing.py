"""What users need to test their own app."""

from __future__ import annotations

from typing import Any

from flask import Flask

from .extension.openheart import OpenHeart

__all__ = ["create_app"]


def create_app(**settings: Any) -> Flask:
    """A Flask app with reactions in memory, which nothing outside the test changes.

    It takes nothing from the environment, from ``.env`` and from a config file, so each test has an
    app and counts of its own::

        @pytest.fixture
        def client():
            return openheart.testing.create_app(emoji="🥨 ❤️").test_client()

    Args:
        settings: settings by their names, such as ``write_only=True``; ``uri`` is ``memory:`` by default.

    Raises:
        ConfigError: a setting cannot be used.
    """
    app = Flask("openheart.testing", static_folder=None)
    app.testing = True
    OpenHeart(app, env=False, **{"uri": "memory:", **settings})
    return app
