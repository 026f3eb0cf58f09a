"""What openheart adds to the work of Flask for a route that does not use it; without a server."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from flask import Flask, Response, jsonify
from werkzeug.test import EnvironBuilder

from openheart import OpenHeart

from .apps.bare import COUNTS
from .stats import Spread, ratios, spread

__all__ = ["dispatch_cost"]

REQUESTS = 100  # in one block


def dispatch_cost(rounds: int) -> Spread:
    """Compare one view in an application with openheart and in the same application without it.

    Servers and sockets take several times as long as what is measured here, and vary by more than it
    may be.

    Args:
        rounds: pairs of blocks; the two take turns in being the first.

    Returns:
        The ratio of their CPU times.
    """
    apps = {"without": _app(extended=False), "with": _app(extended=True)}
    times: dict[str, list[float]] = {name: [] for name in apps}
    for app in apps.values():
        _block(app)
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            for name in sorted(apps, reverse=bool(number % 2)):
                times[name].append(_block(apps[name]))
    finally:
        gc.enable()
    return spread(ratios(times["with"], times["without"]))


def _app(*, extended: bool) -> Flask:
    app = Flask("host")
    if extended:
        OpenHeart(app, env=False, uri="memory:")
    app.add_url_rule("/posts/<slug>", "post", _answer, **({"openheart": True} if extended else {}))
    app.add_url_rule("/host/<path:page>", "host", _answer)
    return app


def _answer(**_: str) -> Response:
    return jsonify(COUNTS)


def _block(app: Flask) -> float:
    environ = EnvironBuilder(path="/host/page-0").get_environ()
    started = time.process_time()
    for _ in range(REQUESTS):
        for _part in app.wsgi_app(dict(environ), _start_response):
            pass
    return time.process_time() - started


def _start_response(*_: object) -> Callable[[bytes], int]:
    return len
