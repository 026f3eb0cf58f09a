"""Helpers for the tests of your own app."""

from __future__ import annotations

from typing import Any

from flask import Flask

from .extension.openheart import OpenHeart

__all__ = ["create_app"]


def create_app(**settings: Any) -> Flask:
    """A Flask app with reactions in memory, isolated from everything outside the test.

    It reads no settings from the environment, from ``.env`` or from a config file, so each test has its
    own app and counts::

        @pytest.fixture
        def client():
            return openheart.testing.create_app(emoji="🥨 ❤️").test_client()

    Args:
        settings: settings by their names, such as ``write_only=True``; ``uri`` is ``memory:`` by default.

    Raises:
        ConfigError: a setting is not valid.
    """
    app = Flask("openheart.testing", static_folder=None)
    app.testing = True
    OpenHeart(app, env=False, **{"uri": "memory:", **settings})
    return app
