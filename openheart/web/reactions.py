"""The reaction routes: one view for every method of ``<prefix>/<target>``."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

from flask import Request, Response, current_app, make_response, request
from werkzeug.exceptions import HTTPException

from ..core.state import State
from ..errors import (
    BackendError,
    InvalidRequest,
    InvalidTarget,
    ListingNotAllowed,
    MethodNotAllowed,
    ReadingNotAllowed,
    VisitorError,
)
from ..protocol import canonical_target, target_from_bytes, target_from_url
from ..storage import Counts
from .answers import NO_STORE, Headers, conditional, empty_answer, json_answer, json_bytes, ordered
from .body import read_text
from .cors import METHODS, check_write, preflight, read_headers
from .html import counts_page, start_page
from .languages import ENGLISH, language_of
from .problems import problem
from .query import query_of
from .redirects import wants_page, way_back

__all__ = ["reactions"]

BATCH_LIMIT = 100
PAGE_SIZE = 100
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def reactions(target: str = "") -> Response:
    """The view of ``<prefix>/<target>``: GET and HEAD read, POST reacts, OPTIONS tells what is allowed.

    Every error that is ours is answered here, so that a host's error handlers never see it.
    """
    # The objects behind the proxies: each use of a proxy costs a look-up of the context.
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    state: State = current_app.extensions["openheart"]
    method = current.method
    headers = read_headers(current, state.origins)
    try:
        if method in ("GET", "HEAD"):
            return _get(current, state, target, headers)
        if method == "POST":
            return _post(current, state, target, headers)
        if method == "OPTIONS":
            return preflight(current, state.origins)
        raise MethodNotAllowed("This address knows GET, HEAD, OPTIONS and POST")
    except (VisitorError, BackendError) as error:
        if isinstance(error, MethodNotAllowed):
            headers.append(("Allow", METHODS))
        return problem(error, headers, state.service.logger)
    except HTTPException as error:
        # The app's slug function aborted. One that brings its own response gives that.
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
    body = json_bytes(ordered(_counts(state, (canonical,), headers)[0]))
    return conditional(current, body, state.cache_control, headers)


def _get_many(current: Request, state: State, headers: Headers) -> Response:
    _require_reading(state)
    asked = query_of(current).getlist("target")
    if "list" in query_of(current):
        if asked:
            raise InvalidRequest("Give either target= or list=, not both")
        return _list(current, state, headers)
    if len(asked) > BATCH_LIMIT:
        raise InvalidRequest(f"{len(asked)} targets were asked for; {BATCH_LIMIT} fit into one request")
    canonical = [_from_url(current, state, text) for text in asked]
    counts = dict(zip(asked, map(ordered, _counts(state, canonical, headers)), strict=True))
    return conditional(current, json_bytes(counts), state.cache_control, headers)


def _counts(state: State, targets: Sequence[str], headers: Headers) -> list[Counts]:
    found, age = state.service.read(targets)
    if age is not None:
        # RFC 9211: what was fresh until it was read has been stale for this many seconds.
        headers.append(("Cache-Status", f"openheart; hit; ttl=-{age}"))
    return found


def _list(current: Request, state: State, headers: Headers) -> Response:
    if not state.listing:
        raise ListingNotAllowed("The operator has not switched the list of targets on (OPENHEART_LISTING)")
    prefix = query_of(current)["list"]
    if REPLACEMENT in prefix:
        raise InvalidTarget("The prefix in list= is not valid UTF-8")
    # Targets are stored in NFC and without a leading slash.
    prefix = unicodedata.normalize("NFC", prefix).lstrip("/")
    page = state.service.targets(prefix, query_of(current).get("cursor"), PAGE_SIZE)
    document = {
        "targets": {target: ordered(counts) for target, counts in page.targets},
        "cursor": page.cursor,
    }
    return conditional(current, json_bytes(document), state.cache_control, headers)


def _post(current: Request, state: State, target: str, headers: Headers) -> Response:
    check_write(current, state.origins)
    canonical = _target_of_post(current, state, target)
    # All that can be wrong with the request is looked at before anything is stored.
    page = wants_page(current)
    back = way_back(current, state.origins) if page else None
    # The app's own choice of a language may fail too.
    language = language_of(state) if page and back is None else ENGLISH
    counts = state.service.react(canonical, read_text(current, state.max_body))
    headers.append(NO_STORE)
    if page:
        if back is not None:
            return empty_answer(303, [*headers, ("Location", back)])
        shown = {} if state.write_only else ordered(counts)
        return counts_page(state, language, canonical, shown, headers)
    if state.write_only:
        return empty_answer(204, headers)
    return json_answer(json_bytes(ordered(counts)), headers)


def _target_of_post(current: Request, state: State, target: str) -> str:
    if not target and "target" in query_of(current):
        asked = query_of(current).getlist("target")
        if len(asked) > 1:
            raise InvalidRequest(f"{len(asked)} targets were given; a reaction goes to one")
        return _from_url(current, state, asked[0])
    return _from_path(current, state, target)


def _from_path(current: Request, state: State, target: str) -> str:
    if REPLACEMENT not in target:
        canonical = canonical_target(target)
    else:
        # Werkzeug puts U+FFFD where the path is not UTF-8; the bytes tell whether the visitor did.
        path: bytes = current.environ["PATH_INFO"].encode("latin-1")
        canonical = target_from_bytes(path[len(state.prefix.encode()) + 1 :])
    return _stored(current, state, target, canonical) if state.pages.are_asked else canonical


def _from_url(current: Request, state: State, text: str) -> str:
    if REPLACEMENT in text:
        raise InvalidTarget("A target in target= is not valid UTF-8; percent-encode its UTF-8 bytes")
    canonical = target_from_url(text)
    if not state.pages.are_asked:
        return canonical
    return _stored(current, state, unquote(text.partition("#")[0].partition("?")[0]), canonical)


def _stored(current: Request, state: State, address: str, canonical: str) -> str:
    return state.pages.resolve(state.pages.adapter(current), address, canonical)


def _require_reading(state: State) -> None:
    if state.write_only:
        raise ReadingNotAllowed("This server takes reactions and does not show them (OPENHEART_WRITE_ONLY)")
