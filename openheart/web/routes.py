"""Registers everything that openheart serves on one application, all of it under the prefix."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flask import Flask, Response, current_app, request
from werkzeug.routing import BaseConverter

from ..errors import MethodNotAllowed
from ..state import State
from .answers import empty_answer
from .errors import problem
from .health import healthz, readyz
from .openapi import openapi
from .pages import start_page
from .reactions import reactions
from .script import openheart_js

__all__ = ["register"]


class TargetConverter(BaseConverter):
    """Matches every path, an empty one and one with newlines too; slashes are part of it."""

    regex = r"(?s:.*)"
    part_isolating = False
    # Behind every rule of the host and our own.
    weight = 1000


CONVERTER = "openheart_target"
ALLOW = ("Allow", "GET, HEAD, OPTIONS")


def register(app: Flask, state: State) -> None:
    """Add the routes of openheart to an application.

    Args:
        app: the application. Nothing outside the prefix is touched, unless it is openheart's own server.
        state: its state, already in ``app.extensions["openheart"]``.
    """
    prefix = state.prefix
    app.url_map.converters.setdefault(CONVERTER, TargetConverter)
    _add(app, f"{prefix}/<{CONVERTER}:target>", "openheart.reactions", reactions)
    if prefix:
        _add(app, prefix, "openheart.front", reactions)
    _add(app, f"{prefix}/-/healthz", "openheart.healthz", _reading(healthz))
    _add(app, f"{prefix}/-/readyz", "openheart.readyz", _reading(readyz))
    _add(app, f"{prefix}/-/openapi.json", "openheart.openapi", _reading(openapi))
    _add(app, f"{prefix}/-/openheart.js", "openheart.script", _reading(openheart_js))
    if state.standalone:
        _add(app, "/healthz", "openheart.root_healthz", _reading(healthz))
        _add(app, "/readyz", "openheart.root_readyz", _reading(readyz))
        if prefix:
            _add(app, "/", "openheart.start", _reading(start_page))


def _add(app: Flask, rule: str, endpoint: str, view: Callable[..., Response]) -> None:
    # Straight to the map, because app.add_url_rule cannot make a rule for every method: ours answers a
    # wrong method itself. And a redirect for a slash would lose the body of a POST.
    app.url_map.add(
        app.url_rule_class(rule, endpoint=endpoint, methods=None, strict_slashes=False, merge_slashes=False)
    )
    app.view_functions[endpoint] = view


def _reading(show: Callable[[State], Response]) -> Callable[[], Response]:
    @functools.wraps(show)
    def view() -> Response:
        state: State = current_app.extensions["openheart"]
        if request.method in ("GET", "HEAD"):
            return show(state)
        if request.method == "OPTIONS":
            return empty_answer(204, [ALLOW])
        return problem(
            MethodNotAllowed("This address knows GET, HEAD and OPTIONS"), [ALLOW], state.service.logger
        )

    return view
