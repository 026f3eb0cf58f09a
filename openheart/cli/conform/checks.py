"""Compares an answer with what the vectors expect, and says in words what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from ...protocol.vectors import Expectation, Request
from .exchange import Response
from .placing import filled

__all__ = ["counts_in", "mismatch", "named", "shown"]


def mismatch(
    expect: Expectation, response: Response, names: Mapping[str, str], text: Callable[[str], str] = str
) -> str | None:
    """What is wrong with an answer, in words; None where it is right.

    Args:
        expect: what the vectors expect.
        response: the answer.
        names: what the placeholders stand for.
        text: gives text of the vectors the emoji of this server.
    """
    status = str(response.status)
    if not any(status == wanted or wanted == f"{status[0]}xx" for wanted in expect.status):
        location = response.header("Location")
        to = "" if location is None else f" to {location[:120]!r}"
        return f"expected status {' or '.join(expect.status)}, got {status}{to} {shown(response.body)}"
    for name, pattern in expect.headers.items():
        value = response.header(name)
        if pattern is None and value is not None:
            return f"expected no header {name}, got {value!r}"
        # Only the values are escaped: a pattern may hold braces of its own.
        escaped = {key: re.escape(each) for key, each in names.items()}
        if pattern is not None and not re.fullmatch(filled(pattern, escaped), value or ""):
            return f"expected header {name} like {pattern!r}, got {value!r}"
    if expect.empty and response.body:
        return f"expected no body, got {shown(response.body)}"
    return _mismatch_of_document(expect, response, names, text)


def counts_in(response: Response) -> dict[str, object] | None:
    """The counts in an answer, without those that are zero; None where it is no JSON object in UTF-8."""
    try:
        # Not json.loads(bytes), which also reads UTF-16 and UTF-32.
        document = json.loads(response.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    return {emoji: count for emoji, count in document.items() if isinstance(count, bool) or count != 0}


def named(request: Request) -> str:
    """A request in a few words."""
    sent = "" if request.body is None else f" with {shown(request.body)}"
    return f"{request.method} {request.path[:120]}{sent}"


def shown(raw: bytes) -> str:
    """The start of a body, with every character that is not printable escaped."""
    text = repr(raw[:120].decode(errors="replace"))
    return text if len(raw) <= 120 else f"{text} and more ({len(raw)} bytes)"


def _mismatch_of_document(
    expect: Expectation, response: Response, names: Mapping[str, str], text: Callable[[str], str]
) -> str | None:
    wanted = None
    if expect.counts is not None:
        wanted = {text(emoji): count for emoji, count in expect.counts.items()}
        if response.status in (403, 404):
            # An unknown target may be unknown; a server that hides all counts was found out before.
            is_right = response.status == 404 and not wanted
            return None if is_right else f"expected the counts {wanted}, got {response.status}"
        if response.status != 200:
            wanted = None
    if expect.json is None and expect.order is None and expect.problem is None and wanted is None:
        return None
    try:
        document = json.loads(response.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return f"expected JSON in UTF-8, got {shown(response.body)}"
    if expect.json is not None and document != json.loads(text(filled(expect.json, names))):
        return f"expected {text(filled(expect.json, names))}, got {shown(response.body)}"
    if not isinstance(document, dict):
        return f"expected a JSON object, got {shown(response.body)}"
    if wanted is not None and not _same_counts(wanted, counts_in(response)):
        return f"expected the counts {wanted}, got {shown(response.body)}"
    order = [text(emoji) for emoji in expect.order or ()]
    if expect.order is not None and list(document) != order:
        return f"expected the order {' '.join(order)}, got {' '.join(document)}"
    if expect.problem is not None:
        return _mismatch_of_problem(expect.problem, document, response)
    return None


def _same_counts(wanted: Mapping[str, int], found: dict[str, object] | None) -> bool:
    return wanted == found and not any(isinstance(count, bool) for count in found.values())


def _mismatch_of_problem(kind: str, document: dict[str, object], response: Response) -> str | None:
    media_type = (response.header("Content-Type") or "").partition(";")[0]
    if media_type != "application/problem+json":
        return f"expected application/problem+json, got {media_type!r}"
    if str(document.get("type")).rpartition("/")[2] != kind:
        return f"expected a problem of type {kind}, got {document.get('type')!r}"
    if document.get("status") != response.status or not document.get("title") or not document.get("detail"):
        return f"expected a problem with its status, title and detail, got {shown(response.body)}"
    return None
