"""The standalone server for any WSGI server: ``gunicorn openheart.wsgi:app``."""

from __future__ import annotations

from .base import load_standalone

__all__ = ["app"]

app = load_standalone()
