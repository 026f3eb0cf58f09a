"""The OpenAPI 3.1 document of one application's routes, made from its settings and from the error tree."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from .. import errors
from ..core.state import State
from ..version import __version__
from .answers import json_answer, json_bytes
from .results import PROBLEM_TYPE

__all__ = ["describe", "openapi"]

Schema = dict[str, Any]

HEADER_TEXT: Schema = {"schema": {"type": "string"}}
HEADER_SECONDS: Schema = {"schema": {"type": "integer", "minimum": 0}, "description": "Seconds to wait."}
COUNTS: Schema = {"$ref": "#/components/schemas/Counts"}
HTML: Schema = {"text/html": {"schema": {"type": "string"}}}


def openapi(state: State) -> Response:
    """The document, for the address that this request came to."""
    document = describe(state, request.script_root + state.prefix)
    return json_answer(
        json_bytes(document), [("Cache-Control", "no-cache"), ("Access-Control-Allow-Origin", "*")]
    )


def describe(state: State, prefix: str) -> Schema:
    """The document as a dict.

    Args:
        state: the application's state; its settings decide which answers there are.
        prefix: the path of the server, without a trailing slash.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openheart",
            "version": __version__,
            "summary": "Emoji reactions for any page",
            "description": "The OpenHeart protocol (https://openheart.fyi) and what this server adds to it.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": prefix or "/"}],
        "paths": {
            "/{target}": {
                "parameters": [_TARGET],
                "get": _operation(
                    "readReactions", "The counts of one target", _read(state, COUNTS), _reading_errors(state)
                ),
                "post": _operation("react", "Add one reaction", _react(state), _WRITING_ERRORS)
                | {"requestBody": _BODY},
            },
            "/": {
                "get": _operation(
                    "readMany",
                    "The counts of several targets, or the list of the targets",
                    _read(
                        state,
                        {
                            "anyOf": [
                                COUNTS,
                                *(({"$ref": f"#/components/schemas/{n}"}) for n in ("Batch", "List")),
                            ]
                        },
                    ),
                    _reading_errors(state),
                )
                | {"parameters": _QUERY},
                "post": _operation(
                    "reactFront", "Add one reaction to the front page", _react(state), _WRITING_ERRORS
                )
                | {"requestBody": _BODY},
            },
            "/-/healthz": {"get": _health("alive", "The process answers", {})},
            "/-/readyz": {
                "get": _health(
                    "ready", "The storage answers", {"503": _problem_503(errors.BatteryUnavailable.type)}
                )
            },
            **state.documented,
        },
        "components": {"schemas": _schemas()},
    }


def _operation(
    name: str, summary: str, success: Schema, problems: tuple[type[errors.VisitorError], ...]
) -> Schema:
    answers = dict(success)
    by_status: dict[int, list[type[errors.VisitorError]]] = {}
    for error in problems:
        by_status.setdefault(error.status, []).append(error)
    for status, kinds in sorted(by_status.items()):
        answers[str(status)] = {
            "description": "; ".join(f"{kind.title} ({kind.type})" for kind in kinds),
            "content": {PROBLEM_TYPE: {"schema": _problem_schema([kind.type for kind in kinds], status)}},
        }
    answers["503"] = _problem_503()
    return {"operationId": name, "summary": summary, "responses": answers}


def _reading_errors(state: State) -> tuple[type[errors.VisitorError], ...]:
    found: tuple[type[errors.VisitorError], ...] = (
        errors.InvalidTarget,
        errors.InvalidRequest,
        errors.TargetNotFound,
    )
    if state.write_only:
        found += (errors.ReadingNotAllowed,)
    return found if state.listing else (*found, errors.ListingNotAllowed)


_WRITING_ERRORS: tuple[type[errors.VisitorError], ...] = (
    errors.InvalidTarget,
    errors.InvalidRequest,
    errors.TargetNotFound,
    errors.InvalidBody,
    errors.InvalidEmoji,
    errors.EmojiNotAllowed,
    errors.OriginNotAllowed,
    errors.BodyTooLarge,
    errors.UnsupportedBody,
)


def _read(state: State, schema: Schema) -> Schema:
    if state.write_only:
        return {}
    headers = {"ETag": HEADER_TEXT, "Cache-Control": HEADER_TEXT}
    return {
        "200": {
            "description": "The counts",
            "headers": headers,
            "content": {"application/json": {"schema": schema}},
        },
        "304": {"description": "The client has these counts already", "headers": headers},
    }


def _react(state: State) -> Schema:
    see_other = {
        "303": {
            "description": "Back to the page, for a form without JavaScript (Accept names text/html)",
            "headers": {"Location": HEADER_TEXT},
        }
    }
    if state.write_only:
        page = {"200": {"description": "A page that says thank you", "content": HTML}}
        return page | {"204": {"description": "Counted; the counts are not shown"}} | see_other
    content = {"application/json": {"schema": COUNTS}} | HTML
    return {"200": {"description": "Counted; the counts after it", "content": content}} | see_other


def _health(name: str, summary: str, others: Schema) -> Schema:
    schema = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    fine = {"200": {"description": "Yes", "content": {"application/json": {"schema": schema}}}}
    return {"operationId": name, "summary": summary, "responses": fine | others}


def _problem_503(*more: str) -> Schema:
    kinds = [errors.BackendUnavailable.type, errors.OutcomeUnknown.type, *more]
    return {
        "description": "The storage is away, or reactions are on hold",
        "headers": {"Retry-After": HEADER_SECONDS},
        "content": {PROBLEM_TYPE: {"schema": _problem_schema(kinds, 503)}},
    }


def _problem_schema(kinds: list[str], status: int) -> Schema:
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "enum": kinds},
            "title": {"type": "string"},
            "status": {"type": "integer", "const": status},
            "detail": {"type": "string"},
        },
    }


def _schemas() -> Schema:
    counts = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}
    return {
        "Counts": counts
        | {"description": "Emoji -> count, the largest first, equal ones in code point order."},
        "Batch": {
            "type": "object",
            "description": "Target as it was asked for -> its counts.",
            "additionalProperties": COUNTS,
        },
        "List": {
            "type": "object",
            "required": ["targets", "cursor"],
            "properties": {
                "targets": {"type": "object", "additionalProperties": COUNTS},
                "cursor": {
                    "type": ["string", "null"],
                    "description": "What to send for the next page; null on the last.",
                },
            },
        },
    }


_TARGET: Schema = {
    "name": "target",
    "in": "path",
    "required": True,
    "description": "The page: a path or an address such as example.com/post; at most 512 bytes.",
    "schema": {"type": "string", "minLength": 1},
}
_QUERY: list[Schema] = [
    {
        "name": "target",
        "in": "query",
        "description": "A target; up to 100 of them.",
        "schema": {"type": "array", "items": {"type": "string"}, "maxItems": 100},
    },
    {
        "name": "list",
        "in": "query",
        "description": "List the targets with this prefix.",
        "schema": {"type": "string"},
    },
    {"name": "cursor", "in": "query", "description": "Where the list goes on.", "schema": {"type": "string"}},
]
_EMOJI_FIELD: Schema = {
    "type": "object",
    "required": ["emoji"],
    "properties": {"emoji": {"type": "string"}},
}
_BODY: Schema = {
    "required": True,
    "content": {
        "text/plain": {"schema": {"type": "string"}, "example": "🥨"},
        "application/json": {"schema": _EMOJI_FIELD, "example": {"emoji": "🥨"}},
        "application/x-www-form-urlencoded": {"schema": _EMOJI_FIELD},
        "multipart/form-data": {"schema": _EMOJI_FIELD},
    },
}
