"""Runs the conformance vectors against any OpenHeart server and reports which cases it passes."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ..errors import ConfigError
from ..protocol.vectors import GROUPS, Case, Expectation, Request, load_vectors

__all__ = ["Outcome", "Request", "Response", "Send", "http_sender", "run_vectors", "table"]

MAX_ANSWER = 1024 * 1024
"""The longest answer that is read, in bytes."""

_CHUNK = 64 * 1024
CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes:
        status: the HTTP status.
        headers: name and value, in order.
        body: the bytes.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, several joined with commas; None where it is missing."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


Send = Callable[[Request], Response]
"""Sends a request and never follows a redirect; an OSError or HTTPException fails the case."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one case.

    Attributes:
        case: the case.
        failure: what was wrong, in words; None when it passed.
    """

    case: Case
    failure: str | None

    @property
    def passed(self) -> bool:
        """Whether every answer was right."""
        return self.failure is None


def run_vectors(send: Send, groups: Iterable[str] = GROUPS) -> list[Outcome]:
    """Run the cases of some groups, each on its own targets.

    Args:
        send: sends a request to the server; see ``http_sender``.
        groups: some of ``openheart.protocol.vectors.GROUPS``.

    Returns:
        One outcome for each case, in the order of the vectors.

    Raises:
        ConfigError: nothing listens at the URL (``http_sender``).
        ValueError: there is no such group.
    """
    return [Outcome(case, _failure(send, case)) for case in load_vectors(groups)]


def http_sender(url: str, timeout: float = 10.0) -> Send:
    """Make a function that sends requests to a server, each on its own connection.

    Args:
        url: the server's prefix, such as ``http://127.0.0.1:5000/openheart``.
        timeout: how long one answer may take, in seconds.

    Raises:
        ConfigError: the URL is not valid; the returned function raises it when nothing listens there.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in CONNECTIONS or not host or parts.username or parts.query or parts.fragment:
        raise _unusable(url, "a server's prefix, such as http://127.0.0.1:5000/openheart")
    prefix = parts.path.rstrip("/")
    if not prefix.isascii():
        raise _unusable(url, "a prefix in ASCII; percent-encode the rest")

    def send(request: Request) -> Response:
        deadline = time.monotonic() + timeout
        with contextlib.closing(CONNECTIONS[parts.scheme](host, port, timeout=timeout)) as connection:
            try:
                connection.connect()
            except OSError as error:
                reason = error.strerror or str(error) or type(error).__name__
                raise _unusable(
                    url,
                    f"the URL of a running server; connecting failed ({reason}): start it or correct the URL",
                ) from None
            # A server may refuse a long body before it has read all of it, and still send an answer.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(request.method, prefix + request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            return Response(answer.status, answer.getheaders(), _read(answer, deadline))

    return send


def table(outcomes: Sequence[Outcome]) -> str:
    """A report of what passed and failed: a line for each group, then each failure in words."""
    lines = [f"{'group':<12}{'passed':>8}{'failed':>8}"]
    for group in dict.fromkeys(outcome.case.group for outcome in outcomes):
        passed = [outcome.passed for outcome in outcomes if outcome.case.group == group]
        lines.append(f"{group:<12}{passed.count(True):>8}{passed.count(False):>8}")
    for outcome in outcomes:
        if outcome.failure is not None:
            case = outcome.case
            lines += ["", f"{case.group}: {case.name}", f"  {outcome.failure}", f"  Why: {case.why}"]
    return "\n".join(lines)


def _unusable(url: str, expected: str) -> ConfigError:
    return ConfigError("URL", url, "the command line", expected)


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    # The socket's timeout is for one read; a server that sends byte by byte would never exceed it.
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise http.client.HTTPException(f"the answer is longer than {MAX_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
    return bytes(body)


def _failure(send: Send, case: Case) -> str | None:
    values = {"target": f"conform-{uuid.uuid4().hex}", "other": f"conform-{uuid.uuid4().hex}"}
    for number, step in enumerate(case.steps, 1):
        request = _filled(step.request, values)
        try:
            response = send(request)
            found = _mismatch(step.expect, response, values)
        except (OSError, http.client.HTTPException) as error:
            found = f"no answer ({str(error) or type(error).__name__})"
        if found:
            return f"step {number} of {len(case.steps)}, {_named(request)}: {found}"
        for name, header in step.save.items():
            values[name] = response.header(header) or ""
    return None


def _filled(request: Request, values: Mapping[str, str]) -> Request:
    headers = {name: _replaced(value, values) for name, value in request.headers.items()}
    return replace(request, path=_replaced(request.path, values), headers=headers)


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _named(request: Request) -> str:
    sent = "" if request.body is None else f" with {_shown(request.body)}"
    return f"{request.method} {request.path[:120]}{sent}"


def _shown(raw: bytes) -> str:
    text = repr(raw[:120].decode(errors="replace"))
    return text if len(raw) <= 120 else f"{text} and more ({len(raw)} bytes)"


def _mismatch(expect: Expectation, response: Response, values: Mapping[str, str]) -> str | None:
    status = str(response.status)
    if not any(status == wanted or wanted == f"{status[0]}xx" for wanted in expect.status):
        return f"expected status {' or '.join(expect.status)}, got {status} {_shown(response.body)}"
    for name, pattern in expect.headers.items():
        value = response.header(name)
        if pattern is None and value is not None:
            return f"expected no header {name}, got {value!r}"
        # Only the values are escaped: a pattern may hold braces of its own.
        escaped = {key: re.escape(each) for key, each in values.items()}
        if pattern is not None and not re.fullmatch(_replaced(pattern, escaped), value or ""):
            return f"expected header {name} like {pattern!r}, got {value!r}"
    if expect.empty and response.body:
        return f"expected no body, got {_shown(response.body)}"
    return _mismatch_of_document(expect, response, values)


def _mismatch_of_document(expect: Expectation, response: Response, values: Mapping[str, str]) -> str | None:
    wants_counts = expect.counts is not None and response.status == 200
    if expect.json is None and expect.order is None and expect.problem is None and not wants_counts:
        return None
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return f"expected JSON in UTF-8, got {_shown(response.body)}"
    if expect.json is not None and document != json.loads(_replaced(expect.json, values)):
        return f"expected {_replaced(expect.json, values)}, got {_shown(response.body)}"
    if not isinstance(document, dict):
        return f"expected a JSON object, got {_shown(response.body)}"
    if wants_counts and not _same_counts(expect.counts or {}, document):
        return f"expected the counts {dict(expect.counts or {})}, got {_shown(response.body)}"
    if expect.order is not None and list(document) != list(expect.order):
        return f"expected the order {' '.join(expect.order)}, got {' '.join(document)}"
    if expect.problem is not None:
        return _mismatch_of_problem(expect.problem, document, response)
    return None


def _same_counts(wanted: Mapping[str, int], found: dict[str, object]) -> bool:
    return dict(wanted) == found and not any(isinstance(count, bool) for count in found.values())


def _mismatch_of_problem(kind: str, document: dict[str, object], response: Response) -> str | None:
    media_type = (response.header("Content-Type") or "").partition(";")[0]
    if media_type != "application/problem+json":
        return f"expected application/problem+json, got {media_type!r}"
    if str(document.get("type")).rpartition("/")[2] != kind:
        return f"expected a problem of type {kind}, got {document.get('type')!r}"
    if document.get("status") != response.status or not document.get("title") or not document.get("detail"):
        return f"expected a problem with its status, title and detail, got {_shown(response.body)}"
    return None
