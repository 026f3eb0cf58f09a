"""How a route is declared: its path, its view and its part of the OpenAPI document in one place.

Each feature of this folder has a function ``routes(state)``, which routes.py calls; a battery passes its
routes to ``routes.add_route``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request

from ..core.state import State
from ..errors import BackendError, BatteryError, MethodNotAllowed, VisitorError
from .answers import empty_answer
from .problems import problem

__all__ = ["Route", "reading"]

READING = "GET, HEAD, OPTIONS"
ALLOW = ("Allow", READING)


@dataclass(frozen=True, slots=True)
class Route:
    """One route of openheart.

    Attributes:
        path: its path below the prefix as OpenAPI writes it, such as ``/{target}``; what is not a target
            begins with ``/-/``.
        endpoint: its name in the application, which begins with ``openheart.``.
        view: answers every method, and every error of openheart; see also ``reading``. It is called with
            the parts of the address as keywords, and ignores those that it does not use.
        document: its path item of the OpenAPI document; None leaves it out.
        methods: those that it supports, as in the header Allow.
        sent: the request headers that pages of other origins may send here; None if they read nothing here.
        at_root: whether the path is not below the prefix. Only openheart's own server and a second prefix
            may have such routes, and the document, which begins at the prefix, leaves them out.
    """

    path: str
    endpoint: str
    view: Callable[..., Response]
    document: dict[str, Any] | None = None
    methods: str = READING
    sent: str | None = None
    at_root: bool = False


def reading(show: Callable[[State], Response]) -> Callable[..., Response]:
    """The view of a read-only route: it supports GET, HEAD and OPTIONS, and answers openheart's errors.

    Args:
        show: returns the answer to GET and HEAD.
    """

    @functools.wraps(show)
    def view(**_: str) -> Response:
        state: State = current_app.extensions["openheart"]
        try:
            if request.method in ("GET", "HEAD"):
                return show(state)
            if request.method == "OPTIONS":
                return empty_answer(204, [ALLOW])
            raise MethodNotAllowed("This address supports GET, HEAD and OPTIONS")
        except (VisitorError, BackendError, BatteryError) as error:
            allowed = [ALLOW] if isinstance(error, MethodNotAllowed) else []
            return problem(error, allowed, state.service.logger)

    return view
