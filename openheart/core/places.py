"""Where the URL map of an application may have the page of an address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, Request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect, Rule

from ..protocol import canonical_target

__all__ = ["match", "may_name_host", "places"]

REDIRECTS = 5
"""The most redirects of the URL map on the way to a page, such as the one for a missing slash."""

_FULL_ADDRESS = re.compile("(?:https?:)?//[^/]*", re.IGNORECASE)


def may_name_host(request: Request | None, canonical: str) -> bool:
    """Whether a target may start with the host of a request; quickly, because most do not."""
    host = "" if request is None else str(request.environ.get("HTTP_HOST", "")).lower()
    return canonical.startswith(host.partition(":")[0])


def places(
    app: Flask, adapter: MapAdapter, address: str, canonical: str
) -> Iterator[tuple[MapAdapter, str, bool]]:
    """Where the URL map may have the page of an address: on the host it names, then as a path of this host.

    The last value is whether the address names the host. Its path then begins with the mount point, which
    is no part of the URL map.
    """
    first, _, rest = canonical.partition("/")
    full = _FULL_ADDRESS.match(address)
    elsewhere = _adapter_of(app, adapter, first)
    if elsewhere is not None:
        given = address[full.end() :] if full else address.lstrip("/").partition("/")[2]
        mount = adapter.script_name.strip("/")
        below = [_below(mount, given), _below(canonical_target(f"{first}/{mount}"), canonical)]
        # Stored targets with a host, which are those of subdomains and other hosts, name no mount point.
        is_stored = below == [None, None] and (app.subdomain_matching or app.url_map.host_matching)
        # First as it was requested: the app may distinguish /a from /a/, and the two forms of é.
        for path in (given, rest) if is_stored else below:
            if path is not None:
                yield elsewhere, f"/{path.lstrip('/')}", True
    if not full:
        yield adapter, f"/{address.lstrip('/')}", False
        yield adapter, f"/{canonical.lstrip('/')}", False


def _below(mount: str, path: str) -> str | None:
    """The rest of a path after a mount point; None if it leads elsewhere."""
    path = path.lstrip("/")
    if not mount or path == mount or path.startswith(f"{mount}/"):
        return path.removeprefix(mount)
    return None


def _adapter_of(app: Flask, adapter: MapAdapter, host: str) -> MapAdapter | None:
    """The URL map bound to a host of this app; None if the host is not one of the app's, or not valid."""
    if host == adapter.get_host(None).lower():
        return adapter
    server = (app.config["SERVER_NAME"] or "").lower()
    try:
        if app.url_map.host_matching:
            is_host = "." in host or ":" in host
            return app.url_map.bind(host, script_name=adapter.script_name) if is_host else None
        if server and host == server:
            return app.url_map.bind(server, script_name=adapter.script_name)
        if server and app.subdomain_matching and host.endswith(f".{server}"):
            subdomain = host.removesuffix(f".{server}")
            return app.url_map.bind(server, script_name=adapter.script_name, subdomain=subdomain)
    except HTTPException:  # no host can have this name
        return None
    return None


def match(adapter: MapAdapter, path: str) -> tuple[Rule, Mapping[str, Any], str] | None:
    """The rule and the arguments of a path, and the path after redirects; None if it leads to no page."""
    for _ in range(REDIRECTS):
        try:
            rule, arguments = adapter.match(path, method="GET", return_rule=True, query_args={})
        except RequestRedirect as redirect:
            leads_to = urlsplit(redirect.new_url)
            if leads_to.netloc != adapter.get_host(None):
                return None
            path = f"/{unquote(leads_to.path).removeprefix(adapter.script_name).lstrip('/')}"
        except HTTPException:
            return None
        else:
            return rule, arguments, path
    return None
