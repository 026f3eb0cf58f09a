"""The address and the scheme of a client behind proxies, as those say that the operator trusts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from itertools import chain
from typing import TYPE_CHECKING

from flask import Request
from werkzeug.http import parse_list_header, parse_options_header

from ..core.state import State
from ..settings.config import OPENHEART_PROXIES
from ..system.addresses import Address, address_in, networks_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["BehindProxies", "warn_of_unknown_proxy"]

_TRUSTED = "openheart.behind_proxy"
_HERE = IPv4Address("127.0.0.1")
_SCHEMES = ("http", "https")

_Report = tuple[str, str]
"""What a proxy says of its client: address and scheme, ``""`` where it says nothing."""


class BehindProxies:
    """A WSGI application whose environment has the address and the scheme of the client, not of a proxy.

    Each proxy appends the address that it was reached from. These are followed from the last one on, as long
    as the one before is trusted: what a client writes into the header is never reached.

    Args:
        app: the application.
        trusted: the proxies, as in ``system.addresses.networks_of``. A Unix socket is ``loopback``.
        headers: ``x-forwarded`` for X-Forwarded-For and X-Forwarded-Proto, or ``forwarded`` for Forwarded
            (RFC 7239). Only these are read, because a proxy passes on what it does not know.
    """

    def __init__(self, app: WSGIApplication, trusted: Iterable[str], headers: str) -> None:
        self._app = app
        self._networks = tuple(chain.from_iterable(map(networks_of, trusted)))
        self._read = _forwarded if headers == "forwarded" else _x_forwarded

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        # Servers name no address where the client came by a Unix socket.
        if self._trusts(address_in(environ.get("REMOTE_ADDR", "")) or _HERE):
            environ[_TRUSTED] = True
            self._follow(environ)
        return self._app(environ, start_response)

    def _follow(self, environ: WSGIEnvironment) -> None:
        for address_text, scheme in self._read(environ):
            if scheme in _SCHEMES:
                environ["wsgi.url_scheme"] = scheme
            address = address_in(address_text)
            if address is None:
                return
            environ["REMOTE_ADDR"] = str(address)
            environ.pop("REMOTE_PORT", None)
            environ.pop("REMOTE_HOST", None)
            if not self._trusts(address):
                return

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def warn_of_unknown_proxy(request: Request, state: State) -> None:
    """Warn once if a proxy seems to be in front of this server that OPENHEART_PROXIES does not name."""
    environ = request.environ
    found = environ.get("HTTP_X_FORWARDED_FOR") or environ.get("HTTP_FORWARDED")
    if not found or _TRUSTED in environ or OPENHEART_PROXIES.name in state.warned:
        return
    # The app, or its server, has its own way.
    if "werkzeug.proxy_fix.orig" in environ or environ.get("REMOTE_ADDR", "") in found:
        return
    state.warned.add(OPENHEART_PROXIES.name)
    _warn(state.service.logger, is_set=bool(state.config[OPENHEART_PROXIES]))


def _warn(logger: logging.Logger, *, is_set: bool) -> None:
    logger.warning(
        "A request says that it came through a proxy, and OPENHEART_PROXIES %s. If there is a proxy, all "
        "visitors behind it seem to have its address, and to use http: set it to where the proxy is, such as "
        "OPENHEART_PROXIES=loopback",
        "does not name its address" if is_set else "is unset",
    )


def _x_forwarded(environ: WSGIEnvironment) -> Sequence[_Report]:
    addresses = _values(environ, "HTTP_X_FORWARDED_FOR") or [""]
    schemes = _values(environ, "HTTP_X_FORWARDED_PROTO")[: len(addresses)] or [""]
    # Mostly there is only one, because the proxies behind the first pass it on.
    schemes += schemes[-1:] * (len(addresses) - len(schemes))
    return [*zip(addresses, map(str.lower, schemes), strict=True)]


def _forwarded(environ: WSGIEnvironment) -> Sequence[_Report]:
    found = [parse_options_header(f"for; {element}")[1] for element in _values(environ, "HTTP_FORWARDED")]
    return [(each.get("for", ""), each.get("proto", "").lower()) for each in found]


def _values(environ: WSGIEnvironment, name: str) -> list[str]:
    """The elements of a header, the last first."""
    return [value.strip() for value in parse_list_header(environ.get(name, ""))][::-1]
