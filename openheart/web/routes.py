"""Puts routes on an application: those of every feature of this folder, and those of batteries."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, has_request_context, request
from werkzeug.routing import BaseConverter, ValidationError

from ..core.state import State
from ..settings.config import OPENHEART_ACCESS_LOG
from . import element, health, html, openapi, reactions
from .access import logged
from .cors import share_refusal
from .route import Route

__all__ = ["add_host", "add_route", "register"]

FEATURES = (reactions, health, openapi, element, html)


class TargetConverter(BaseConverter):
    """Matches every path, also an empty one and one with newlines; slashes are part of it."""

    regex = r"(?s:.*)"
    part_isolating = False
    # After every other rule, the host's and ours.
    weight = 1000

    def to_python(self, value: str) -> str:
        """The target, as it is in the path."""
        # One of our addresses that are no targets, with a method that it does not support.
        if value.startswith("-/") and any(
            rule.rule.endswith(f"/{value.rstrip('/')}") for rule in self.map.iter_rules()
        ):
            raise ValidationError
        return value


class HostConverter(BaseConverter):
    """The host or the subdomain of a request; not Werkzeug's placeholder for one that is not the app's."""

    regex = r"(?!<)[^/]*"
    part_isolating = True
    weight = 1000


CONVERTER = "openheart_target"
HOST_CONVERTER = "openheart_host"
HOST = "openheart_host"
OWN, OWN_AT_ROOT = "openheart_own", "openheart_own_at_root"


def register(app: Flask, state: State) -> None:
    """Add the routes of openheart to an application.

    Args:
        app: the application. Nothing outside the prefix is touched, unless it is openheart's own server.
        state: its state, already in ``app.extensions["openheart"]``.
    """
    app.url_map.converters.setdefault(CONVERTER, TargetConverter)
    # As for a blueprint of this name: Flask calls it for our endpoints only.
    app.after_request_funcs.setdefault("openheart", []).append(share_refusal)
    if _has_hosts(app):
        app.url_map.converters.setdefault(HOST_CONVERTER, HostConverter)
        app.url_defaults(add_host)
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
    if route.sent is not None:
        state.shared[route.endpoint] = route.methods, route.sent
    path = route.path.replace("{target}", f"<{CONVERTER}:target>")
    rule = path if route.at_root else state.prefix + path.rstrip("/")
    if not rule:
        # Without a prefix, the rule of the targets also serves the front page: the target without a name.
        return
    view = route.view
    if state.config[OPENHEART_ACCESS_LOG]:
        view = logged(view, state.service.logger.getChild("access"))
    # Extensions that visit each page of an app, to freeze it or to list it in a sitemap, leave out the rules
    # with arguments. Two names, because Werkzeug redirects between rules that differ by defaults only.
    options: dict[str, Any] = {"defaults": {OWN_AT_ROOT if route.at_root else OWN: ""}}
    if _has_hosts(app):
        # A rule without a host matches no host; ours must match every one.
        options["host" if app.url_map.host_matching else "subdomain"] = f"<{HOST_CONVERTER}:{HOST}>"
    # Directly to the map, because add_url_rule() answers OPTIONS itself. A redirect for a slash would lose
    # the body of a POST.
    made = app.url_rule_class(
        rule,
        endpoint=route.endpoint,
        methods=route.methods.split(", "),
        strict_slashes=False,
        merge_slashes=False,
        **options,
    )
    app.url_map.add(made)
    app.view_functions[route.endpoint] = view


def _has_hosts(app: Flask) -> bool:
    return app.url_map.host_matching or app.subdomain_matching


def add_host(endpoint: str, values: dict[str, Any]) -> None:
    """Build openheart's URLs for the host of the request, in an app with several hosts."""
    if not endpoint.startswith("openheart.") or HOST in values or not _has_hosts(current_app):
        return
    adapter = current_app.create_url_adapter(
        request._get_current_object() if has_request_context() else None  # type: ignore[attr-defined]
    )
    if adapter is not None:
        values[HOST] = adapter.server_name if adapter.map.host_matching else adapter.subdomain or ""
