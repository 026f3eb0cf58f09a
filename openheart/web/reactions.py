"""The reaction routes: one view for every method of ``<prefix>/<target>``."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from flask import Request, Response, current_app, make_response, request
from werkzeug.exceptions import HTTPException

from ..core.service import counts_of_each
from ..core.state import State
from ..errors import (
    AutomatedClient,
    BackendError,
    BodyTooLarge,
    EmojiNotAllowed,
    InvalidBody,
    InvalidEmoji,
    InvalidRequest,
    InvalidTarget,
    ListingNotAllowed,
    MethodNotAllowed,
    OriginNotAllowed,
    ReadingNotAllowed,
    TargetNotFound,
    TooManyEmoji,
    UnsupportedBody,
    VisitorError,
)
from ..protocol import target_from_bytes, target_from_url
from ..settings.config import OPENHEART_LISTING, OPENHEART_MAX_BODY, OPENHEART_MAX_EMOJI
from ..storage import Counts
from .answers import NO_STORE, Headers, conditional, empty_answer, json_answer, json_bytes
from .body import read_text
from .cors import check_origin, preflight, read_headers
from .crawlers import require_no_crawler
from .html import counts_page, start_page
from .languages import ENGLISH, language_of
from .openapi import COUNTS, TEXT, Schema, operation, parameter, response
from .problems import problem
from .proxies import warn_of_unknown_proxy
from .query import query_of
from .redirects import wants_page, way_back
from .route import Route

__all__ = ["routes"]

METHODS = "GET, HEAD, OPTIONS, POST"
SENT = "Content-Type, If-None-Match"
BATCH_LIMIT = 100
PAGE_SIZE = 100
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def routes(state: State) -> list[Route]:
    """The routes of targets, and of the front: the page without a name, several targets, and their list."""
    found = [
        Route("/{target}", "openheart.reactions", reactions, _target_document(state), METHODS, SENT),
        # Of the same endpoint, so that a limit or an exemption that the app put on it covers both.
        Route("/", "openheart.reactions", reactions, _front_document(state), METHODS, SENT),
    ]
    if state.post_prefix != state.prefix:
        # For apps of flask-openheart. The document names only the first prefix.
        for route in found[:]:
            path = f"{state.post_prefix}{route.path}".rstrip("/")
            found.append(replace(route, path=path, document=None, at_root=True))
    return found


def reactions(target: str = "", **_: str) -> Response:
    """The view of ``<prefix>/<target>`` and ``<prefix>``: GET and HEAD read, POST reacts.

    OPTIONS says what is allowed.

    Every error of openheart is answered here, so that a host's error handlers never see it.
    """
    # The objects behind the proxies: each use of a proxy costs a lookup of the context.
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    state: State = current_app.extensions["openheart"]
    method = current.method
    headers = read_headers(current, state)
    try:
        if method in ("GET", "HEAD"):
            return _get(current, state, target, headers)
        if method == "POST":
            return _post(current, state, target, headers)
        if method == "OPTIONS":
            return preflight(current, headers, METHODS, SENT)
        raise MethodNotAllowed("This address supports GET, HEAD, OPTIONS and POST")
    except (VisitorError, BackendError) as error:
        if isinstance(error, MethodNotAllowed):
            headers.append(("Allow", METHODS))
        return problem(error, headers, state.service.logger)
    except HTTPException as error:
        # The app's slug function aborted. An exception with its own response is answered with that.
        if error.code is None:
            return make_response(error.get_response(current.environ))
        return problem(error, headers, state.service.logger)


def _get(current: Request, state: State, target: str, headers: Headers) -> Response:
    if not target and (current.query_string or not state.prefix):
        if "target" in query_of(current) or "list" in query_of(current):
            return _get_many(current, state, headers)
        if not state.prefix and wants_page(current):
            return start_page(state)
    canonical = _from_path(current, state, target)
    _require_reading(state)
    body = json_bytes(_counts(state, (canonical,), headers)[0])
    return conditional(current, body, state.cache_control, headers)


def _get_many(current: Request, state: State, headers: Headers) -> Response:
    _require_reading(state)
    asked = query_of(current).getlist("target")
    if "list" in query_of(current):
        if asked:
            raise InvalidRequest("Give either target= or list=, not both")
        return _list(current, state, headers)
    if len(asked) > BATCH_LIMIT:
        raise InvalidRequest(f"{len(asked)} targets were requested; one request takes at most {BATCH_LIMIT}")
    counts = counts_of_each(
        asked, functools.partial(_from_url, current, state), lambda pages: _counts(state, pages, headers)
    )
    size, most = sum(map(len, counts.values())), _largest_answer(state)
    if size > most and len(counts) > 1:
        raise InvalidRequest(
            f"The answer would have {size} counts, and may have {most}: request fewer targets at once"
        )
    return conditional(current, json_bytes(counts), state.cache_control, headers)


def _largest_answer(state: State) -> int:
    """How many counts one answer has at most: as many as pages have that were not imported."""
    return BATCH_LIMIT * (state.config[OPENHEART_MAX_EMOJI] + len(state.service.policy.offered))


def _counts(state: State, targets: Sequence[str], headers: Headers) -> list[Counts]:
    found, age = state.service.read(targets)
    if age is not None:
        # RFC 9211: the counts were fresh when they were read, and have been stale for this many seconds.
        headers.append(("Cache-Status", f"openheart; hit; ttl=-{age}"))
    return found


def _list(current: Request, state: State, headers: Headers) -> Response:
    if not state.config[OPENHEART_LISTING]:
        raise ListingNotAllowed("The operator has not switched on the list of targets (OPENHEART_LISTING)")
    prefix = query_of(current)["list"]
    if REPLACEMENT in prefix:
        raise InvalidTarget("The prefix in list= is not valid UTF-8")
    # Targets are stored in NFC and without a leading slash.
    prefix = unicodedata.normalize("NFC", prefix).lstrip("/")
    cursor, limit = query_of(current).get("cursor"), PAGE_SIZE
    page = state.service.targets(prefix, cursor, limit)
    while limit > 1 and sum(len(counts) for _, counts in page.targets) > _largest_answer(state):
        limit //= 2
        page = state.service.targets(prefix, cursor, limit)
    document = {"targets": dict(page.targets), "cursor": page.cursor}
    return conditional(current, json_bytes(document), state.cache_control, headers)


def _post(current: Request, state: State, target: str, headers: Headers) -> Response:
    warn_of_unknown_proxy(current, state)
    check_origin(current, state, "react")
    require_no_crawler(current)
    canonical = _target_of_post(current, state, target)
    # The whole request is checked before anything is stored.
    page = wants_page(current)
    back = way_back(current, state) if page else None
    # The app's own choice of a language may fail too.
    language = language_of(state) if page and back is None else ENGLISH
    counts = state.service.react(canonical, read_text(current, state.config[OPENHEART_MAX_BODY]))
    headers.append(NO_STORE)
    if page:
        if back is not None:
            return empty_answer(303, [*headers, ("Location", back)])
        shown = {} if state.write_only else counts
        return counts_page(state, language, canonical, shown, headers)
    if state.write_only:
        return empty_answer(204, headers)
    return json_answer(json_bytes(counts), headers)


def _target_of_post(current: Request, state: State, target: str) -> str:
    if not target and "target" in query_of(current):
        asked = query_of(current).getlist("target")
        if len(asked) > 1:
            raise InvalidRequest(f"{len(asked)} targets were given; a reaction has exactly one")
        return _from_url(current, state, asked[0])
    return _from_path(current, state, target)


def _from_path(current: Request, state: State, target: str) -> str:
    if REPLACEMENT not in target:
        canonical = state.pages.canonical(target)
    else:
        # Werkzeug puts U+FFFD where the path is not UTF-8; the bytes show whether the visitor sent one.
        path: bytes = current.environ["PATH_INFO"].encode("latin-1")
        before, _, _ = str(current.url_rule).partition("<")
        canonical = target_from_bytes(path[len(before.encode()) :], state.pages.query)
    return state.pages.resolve(current, target, canonical)


def _from_url(current: Request, state: State, text: str) -> str:
    if REPLACEMENT in text:
        raise InvalidTarget("A target in target= is not valid UTF-8; percent-encode its UTF-8 bytes")
    address = unquote(text.partition("#")[0].partition("?")[0])
    return state.pages.resolve(current, address, target_from_url(text, state.pages.query))


def _require_reading(state: State) -> None:
    if state.write_only:
        raise ReadingNotAllowed("This server accepts reactions and does not show them (OPENHEART_WRITE_ONLY)")


def _target_document(state: State) -> Schema:
    answers, problems = _reading_answers(state, COUNTS), _reading_problems(state)
    return {
        "parameters": [_TARGET],
        "get": operation("readReactions", "The counts of one target", answers, problems),
        "post": _post_document(state, "react", "Add one reaction"),
    }


def _front_document(state: State) -> Schema:
    refs = ({"$ref": f"#/components/schemas/{name}"} for name in ("Batch", "List"))
    answers = _reading_answers(state, {"anyOf": [COUNTS, *refs]})
    summary = "The counts of several targets, or the list of the targets"
    return {
        "get": operation("readMany", summary, answers, _reading_problems(state)) | {"parameters": _QUERY},
        "post": _post_document(state, "reactFront", "Add one reaction to the front page"),
    }


def _reading_answers(state: State, schema: Schema) -> Schema:
    if state.write_only:
        return {}
    headers = {"ETag": {"schema": TEXT}, "Cache-Control": {"schema": TEXT}}
    return {
        "200": response("The counts", schema) | {"headers": headers},
        "304": {"description": "The client already has these counts", "headers": headers},
    }


def _reading_problems(state: State) -> list[type[VisitorError]]:
    found: list[type[VisitorError]] = [InvalidTarget, InvalidRequest, TargetNotFound]
    if state.write_only:
        found.append(ReadingNotAllowed)
    if not state.config[OPENHEART_LISTING]:
        found.append(ListingNotAllowed)
    return found


def _post_document(state: State, name: str, summary: str) -> Schema:
    html: Schema = {"text/html": {"schema": TEXT}}
    if state.write_only:
        answers: Schema = {
            "200": {"description": "A page that says thank you", "content": html},
            "204": {"description": "Counted; the counts are not shown"},
        }
    else:
        content = {"application/json": {"schema": COUNTS}} | html
        answers = {"200": {"description": "Counted; the counts after this reaction", "content": content}}
    answers["303"] = {
        "description": "Back to the page, for a form without JavaScript (Accept names text/html)",
        "headers": {"Location": {"schema": TEXT}},
    }
    return operation(name, summary, answers, _WRITING_PROBLEMS) | {"requestBody": _BODY}


_WRITING_PROBLEMS: tuple[type[VisitorError], ...] = (
    InvalidTarget,
    InvalidRequest,
    TargetNotFound,
    InvalidBody,
    InvalidEmoji,
    EmojiNotAllowed,
    OriginNotAllowed,
    AutomatedClient,
    TooManyEmoji,
    BodyTooLarge,
    UnsupportedBody,
)
_TARGET: Schema = {
    "name": "target",
    "in": "path",
    "required": True,
    "description": "The page: a path or an address such as example.com/post; at most 512 bytes.",
    "schema": {"type": "string", "minLength": 1},
}
_QUERY: list[Schema] = [
    parameter("target", "A target; up to 100 of them.", {"type": "array", "items": TEXT, "maxItems": 100}),
    parameter("list", "List the targets with this prefix.", TEXT),
    parameter("cursor", "Where the list continues.", TEXT),
]
_EMOJI_FIELD: Schema = {
    "type": "object",
    "required": ["emoji"],
    "properties": {"emoji": TEXT},
}
_BODY: Schema = {
    "required": True,
    "content": {
        "text/plain": {"schema": TEXT, "example": "🥨"},
        "application/json": {"schema": _EMOJI_FIELD, "example": {"emoji": "🥨"}},
        "application/x-www-form-urlencoded": {"schema": _EMOJI_FIELD},
        "multipart/form-data": {"schema": _EMOJI_FIELD},
    },
}
