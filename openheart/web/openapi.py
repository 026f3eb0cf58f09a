"""The OpenAPI 3.1 document of one application's routes: its frame, and helpers for the part of each route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, request

from ..core.state import State
from ..errors import BackendUnavailable, OutcomeUnknown, VisitorError
from ..version import __version__
from .answers import json_answer, json_bytes
from .results import PROBLEM_TYPE
from .route import Route, reading

__all__ = ["COUNTS", "TEXT", "Schema", "operation", "parameter", "problem_503", "response", "routes"]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
HEADER_SECONDS: Schema = {"schema": {"type": "integer", "minimum": 0}, "description": "Seconds to wait."}
COUNTS: Schema = {"$ref": "#/components/schemas/Counts"}

_SCHEMAS: Schema = {
    "Counts": {
        "type": "object",
        "additionalProperties": {"type": "integer", "minimum": 1},
        "description": "Emoji -> count, the largest first, equal ones in code point order.",
    },
    "Batch": {
        "type": "object",
        "description": "Target as it was requested -> its counts.",
        "additionalProperties": COUNTS,
    },
    "List": {
        "type": "object",
        "required": ["targets", "cursor"],
        "properties": {
            "targets": {"type": "object", "additionalProperties": COUNTS},
            "cursor": {
                "type": ["string", "null"],
                "description": "What to send for the next page; null on the last page.",
            },
        },
    },
}


def routes(state: State) -> list[Route]:
    """The address of the document."""
    return [Route("/-/openapi.json", "openheart.openapi", reading(openapi))]


def openapi(state: State) -> Response:
    """The document, for the address that this request came to."""
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "openheart",
            "version": __version__,
            "summary": "Emoji reactions for any page",
            "description": "The OpenHeart protocol (https://openheart.fyi) and what this server adds to it.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": request.script_root + state.prefix or "/"}],
        "paths": dict(state.documented),
        "components": {"schemas": _SCHEMAS},
    }
    return json_answer(
        json_bytes(document), [("Cache-Control", "no-cache"), ("Access-Control-Allow-Origin", "*")]
    )


def operation(name: str, summary: str, success: Schema, problems: Sequence[type[VisitorError]]) -> Schema:
    """What one method of a route does, for its path item.

    Args:
        name: its operationId.
        summary: what it does, in one line.
        success: HTTP status -> response object, for success.
        problems: the errors that a visitor can get. Those of the storage are added.
    """
    answers = dict(success)
    by_status: dict[int, list[type[VisitorError]]] = {}
    for error in problems:
        by_status.setdefault(error.status, []).append(error)
    for status, kinds in sorted(by_status.items()):
        described = "; ".join(f"{kind.title} ({kind.type})" for kind in kinds)
        schema = _problem_schema([kind.type for kind in kinds], status)
        answers[str(status)] = response(described, schema, PROBLEM_TYPE)
    answers["503"] = problem_503()
    return {"operationId": name, "summary": summary, "responses": answers}


def response(description: str, schema: Schema, kind: str = "application/json") -> Schema:
    """The response object of an answer with a body of one kind."""
    return {"description": description, "content": {kind: {"schema": schema}}}


def parameter(name: str, description: str, schema: Schema, place: str = "query") -> Schema:
    """The parameter object of a parameter in the query, or in another place."""
    return {"name": name, "in": place, "description": description, "schema": schema}


def problem_503(*more: str) -> Schema:
    """The response object of a 503.

    Args:
        more: problem types of the route, in addition to those of the storage.
    """
    kinds = [BackendUnavailable.type, OutcomeUnknown.type, *more]
    described = "The storage is unavailable, or reactions are on hold"
    headers = {"Retry-After": HEADER_SECONDS}
    return response(described, _problem_schema(kinds, 503), PROBLEM_TYPE) | {"headers": headers}


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
