"""Registers everything that openheart serves on one application, all of it under the prefix."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, has_request_context, request
from werkzeug.routing import BaseConverter

from ..core.state import State
from ..errors import MethodNotAllowed
from ..settings.config import OPENHEART_ACCESS_LOG
from .access import logged
from .answers import empty_answer
from .element import openheart_js
from .health import healthz, readyz
from .html import start_page
from .openapi import openapi
from .problems import problem
from .reactions import reactions

__all__ = ["add_reading_route", "add_route", "register"]


class TargetConverter(BaseConverter):
    """Matches every path, an empty one and one with newlines too; slashes are part of it."""

    regex = r"(?s:.*)"
    part_isolating = False
    # Behind every rule of the host and our own.
    weight = 1000


class HostConverter(BaseConverter):
    """The host or the subdomain of a request; not what Werkzeug puts for one that is not the app's."""

    regex = r"(?!<)[^/]*"
    part_isolating = True
    weight = 1000


CONVERTER = "openheart_target"
HOST_CONVERTER = "openheart_host"
HOST = "openheart_host"
ALLOW = ("Allow", "GET, HEAD, OPTIONS")


def register(app: Flask, state: State) -> None:
    """Add the routes of openheart to an application.

    Args:
        app: the application. Nothing outside the prefix is touched, unless it is openheart's own server.
        state: its state, already in ``app.extensions["openheart"]``.
    """
    prefix = state.prefix
    app.url_map.converters.setdefault(CONVERTER, TargetConverter)
    if _has_hosts(app):
        app.url_map.converters.setdefault(HOST_CONVERTER, HostConverter)
        app.url_defaults(_add_host)
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


def add_route(
    app: Flask, name: str, view: Callable[..., Response], *, document: dict[str, Any] | None = None
) -> None:
    """Add a route of a battery, ``<prefix>/-/<name>``, with the endpoint ``openheart.<name>``.

    Args:
        app: the application.
        name: the last part of the path.
        view: answers every method, and every error that is ours.
        document: the route's path item of the OpenAPI document.
    """
    state: State = app.extensions["openheart"]
    _add(app, f"{state.prefix}/-/{name}", f"openheart.{name}", view)
    if document is not None:
        state.documented[f"/-/{name}"] = document


def add_reading_route(app: Flask, name: str, show: Callable[[State], Response]) -> None:
    """Add a route of a battery that knows GET, HEAD and OPTIONS; else as ``add_route``."""
    add_route(app, name, _reading(show))


def _add(app: Flask, rule: str, endpoint: str, view: Callable[..., Response]) -> None:
    # Straight to the map, because app.add_url_rule cannot make a rule for every method: ours answers a
    # wrong method itself. And a redirect for a slash would lose the body of a POST.
    state: State = app.extensions["openheart"]
    if state.config[OPENHEART_ACCESS_LOG]:
        view = logged(view, state.service.logger.getChild("access"))
    options: dict[str, Any] = {}
    if _has_hosts(app):
        # A rule without a host is no rule of any host; ours are on each of them.
        options["host" if app.url_map.host_matching else "subdomain"] = f"<{HOST_CONVERTER}:{HOST}>"
        view = _without_host(view)
    app.url_map.add(
        app.url_rule_class(
            rule, endpoint=endpoint, methods=None, strict_slashes=False, merge_slashes=False, **options
        )
    )
    app.view_functions[endpoint] = view


def _has_hosts(app: Flask) -> bool:
    return app.url_map.host_matching or app.subdomain_matching


def _without_host(view: Callable[..., Response]) -> Callable[..., Response]:
    @functools.wraps(view)
    def any_host(**arguments: str) -> Response:
        arguments.pop(HOST, None)
        return view(**arguments)

    return any_host


def _add_host(endpoint: str, values: dict[str, Any]) -> None:
    """Build addresses of ours for the host of the request."""
    if not endpoint.startswith("openheart.") or HOST in values:
        return
    adapter = current_app.create_url_adapter(
        request._get_current_object() if has_request_context() else None  # type: ignore[attr-defined]
    )
    if adapter is not None:
        values[HOST] = adapter.server_name if adapter.map.host_matching else adapter.subdomain or ""


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
