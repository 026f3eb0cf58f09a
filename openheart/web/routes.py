"""Puts routes on an application: those of every feature of this folder, and those of batteries."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, has_request_context, request
from werkzeug.routing import BaseConverter

from ..core.state import State
from ..settings.config import OPENHEART_ACCESS_LOG
from . import element, health, html, openapi, reactions
from .access import logged
from .route import Route

__all__ = ["add_route", "register"]

FEATURES = (reactions, health, openapi, element, html)


class TargetConverter(BaseConverter):
    """Matches every path, also an empty one and one with newlines; slashes are part of it."""

    regex = r"(?s:.*)"
    part_isolating = False
    # After every other rule, the host's and ours.
    weight = 1000


class HostConverter(BaseConverter):
    """The host or the subdomain of a request; not Werkzeug's placeholder for one that is not the app's."""

    regex = r"(?!<)[^/]*"
    part_isolating = True
    weight = 1000


CONVERTER = "openheart_target"
HOST_CONVERTER = "openheart_host"
HOST = "openheart_host"


def register(app: Flask, state: State) -> None:
    """Add the routes of openheart to an application.

    Args:
        app: the application. Nothing outside the prefix is touched, unless it is openheart's own server.
        state: its state, already in ``app.extensions["openheart"]``.
    """
    app.url_map.converters.setdefault(CONVERTER, TargetConverter)
    if _has_hosts(app):
        app.url_map.converters.setdefault(HOST_CONVERTER, HostConverter)
        app.url_defaults(_add_host)
    for feature in FEATURES:
        for route in feature.routes(state):
            add_route(app, route)


def add_route(app: Flask, route: Route) -> None:
    """Add a route to an application, and its part to the OpenAPI document.

    Args:
        app: the application; ``register`` was called for it.
        route: a route of a feature or of a battery.
    """
    state: State = app.extensions["openheart"]
    if route.document is not None:
        state.documented[route.path] = route.document
    path = route.path.replace("{target}", f"<{CONVERTER}:target>")
    rule = path if route.at_root else state.prefix + path.rstrip("/")
    if not rule:
        # Without a prefix, the rule of the targets also serves the front page: the target without a name.
        return
    view = route.view
    if state.config[OPENHEART_ACCESS_LOG]:
        view = logged(view, state.service.logger.getChild("access"))
    options: dict[str, Any] = {}
    if _has_hosts(app):
        # A rule without a host matches no host; ours must match every one.
        options["host" if app.url_map.host_matching else "subdomain"] = f"<{HOST_CONVERTER}:{HOST}>"
        view = _without_host(view)
    # Directly to the map, because app.add_url_rule cannot add a rule for every method: our views answer a
    # wrong method themselves. And a redirect for a slash would lose the body of a POST.
    app.url_map.add(
        app.url_rule_class(
            rule, endpoint=route.endpoint, methods=None, strict_slashes=False, merge_slashes=False, **options
        )
    )
    app.view_functions[route.endpoint] = view


def _has_hosts(app: Flask) -> bool:
    return app.url_map.host_matching or app.subdomain_matching


def _without_host(view: Callable[..., Response]) -> Callable[..., Response]:
    @functools.wraps(view)
    def any_host(**arguments: str) -> Response:
        arguments.pop(HOST, None)
        return view(**arguments)

    return any_host


def _add_host(endpoint: str, values: dict[str, Any]) -> None:
    """Build openheart's URLs for the host of the request."""
    if not endpoint.startswith("openheart.") or HOST in values:
        return
    adapter = current_app.create_url_adapter(
        request._get_current_object() if has_request_context() else None  # type: ignore[attr-defined]
    )
    if adapter is not None:
        values[HOST] = adapter.server_name if adapter.map.host_matching else adapter.subdomain or ""
