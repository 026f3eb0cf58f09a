"""The pages: the start page of our own server, and the small page that a form without JavaScript gets."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from flask import Response, request

from .. import config as settings
from ..errors import BackendError
from ..state import State
from ..storage import Counts
from .answers import NO_STORE, Headers, ordered

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["counts_page", "start_page"]

DEMO_TARGET = "hello"
DEMO_EMOJI = ("❤️", "👍", "🥨", "🎉", "😂", "🤔")
DEMO_BUTTONS = 8

SECURITY: tuple[tuple[str, str], ...] = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'",
    ),
    # The origin alone is what same-origin forms need to find their way back.
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
)


def start_page(state: State) -> Response:
    """What ``openheart run`` shows at ``/``: what this is, reactions to press, and lines to copy."""
    counts: Counts = {}
    away = False
    if not state.write_only:
        try:
            counts = state.service.reactions(DEMO_TARGET)
        except BackendError as error:
            state.service.logger.error("%s: %s", type(error).__name__, error.detail)
            away = True
    emoji = [*ordered(counts)]
    emoji += [each for each in state.config[settings.OPENHEART_EMOJI] or DEMO_EMOJI if each not in counts]
    return _page(
        "start.html",
        [NO_STORE],
        counts=counts,
        emoji=emoji[:DEMO_BUTTONS],
        away=away,
        write_only=state.write_only,
        hold=state.config[settings.OPENHEART_HOLD],
        prefix=request.script_root + state.prefix,
        base=request.url_root.rstrip("/") + state.prefix,
        root=request.script_root + "/",
        target=DEMO_TARGET,
    )


def counts_page(target: str, counts: Counts, headers: Headers) -> Response:
    """What a form without JavaScript gets when there is no page to go back to."""
    return _page("counts.html", headers, target=target, counts=counts)


def _page(template: str, headers: Headers, **context: object) -> Response:
    html = _environment().get_template(template).render(context)
    return Response(html, headers=[("Content-Type", "text/html; charset=utf-8"), *SECURITY, *headers])


@functools.cache
def _environment() -> Environment:
    # An environment of our own: the host's may have other filters, globals or no escaping.
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("openheart.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
