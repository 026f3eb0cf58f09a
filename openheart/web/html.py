"""The HTML pages: the start page of our own server, and the small page after a form without JavaScript."""

from __future__ import annotations

import functools
from urllib.parse import quote

from flask import Response, request
from jinja2 import Environment, PackageLoader

from ..core.state import State
from ..errors import BackendError
from ..settings import config as settings
from ..storage import Counts
from ..system.logs import log_failure
from .answers import NO_STORE, Headers
from .languages import chooser_of, language_of, translations
from .query import query_of
from .route import Route, reading

__all__ = ["counts_page", "routes", "start_page"]

DEMO_TARGET = "hello"
DEMO_EMOJI = ("❤️", "👍", "🥨", "🎉", "😂", "🤔")
DEMO_BUTTONS = 8

SECURITY: tuple[tuple[str, str], ...] = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'",
    ),
    # Same-origin forms need no more than this for the redirect back.
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
)


def routes(state: State) -> list[Route]:
    """The route of the start page; without a prefix, the view of the targets shows the page."""
    if not state.standalone or not state.prefix:
        return []
    return [Route("/", "openheart.start", reading(start_page), at_root=True)]


def start_page(state: State) -> Response:
    """The page of ``openheart run`` at ``/``: what this is, buttons to react, and lines to copy."""
    counts: Counts = {}
    unavailable = False
    if not state.write_only:
        try:
            counts = state.service.reactions(DEMO_TARGET)
        except BackendError as error:
            log_failure(state.service.logger, error)
            unavailable = True
    emoji = [*counts]
    emoji += [each for each in state.config[settings.OPENHEART_EMOJI] or DEMO_EMOJI if each not in counts]
    root = quote(request.script_root) + "/"
    return _page(
        state,
        language_of(state),
        "start.html",
        [NO_STORE],
        counts=counts,
        emoji=emoji[:DEMO_BUTTONS],
        unavailable=unavailable,
        write_only=state.write_only,
        hold=state.config[settings.OPENHEART_HOLD],
        prefix=request.script_root + state.prefix,
        base=request.url_root.rstrip("/") + state.prefix,
        root=root,
        back=root + _locale_query(state),
        target=DEMO_TARGET,
    )


def counts_page(state: State, language: str, target: str, counts: Counts, headers: Headers) -> Response:
    """The answer to a form without JavaScript when there is no page to go back to."""
    return _page(state, language, "counts.html", headers, target=target, counts=counts)


def _page(state: State, language: str, template: str, headers: Headers, **context: object) -> Response:
    html = _environment(language).get_template(template).render(lang=language.replace("_", "-"), **context)
    response = Response(html, headers=[("Content-Type", "text/html; charset=utf-8"), *SECURITY, *headers])
    if chooser_of(state) is not None:
        response.vary.add("Accept-Language")
    return response


def _locale_query(state: State) -> str:
    # A visitor who chose a language in the URL keeps it after a reaction.
    chooser = chooser_of(state)
    return f"?locale={chooser.locale()}" if chooser is not None and "locale" in query_of(request) else ""


@functools.cache
def _environment(language: str) -> Environment:
    # Our own environment: the host's may have other filters and globals, or no escaping.
    environment = Environment(
        loader=PackageLoader("openheart.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    found = translations(language)
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        found.gettext, found.ngettext, newstyle=True
    )
    return environment
