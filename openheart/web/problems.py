"""Errors as problem documents (RFC 9457), made and returned by our own views, so that the host's error
handlers neither see nor change them."""

from __future__ import annotations

import logging

from flask import Response
from werkzeug.exceptions import HTTPException

from ..errors import BackendError, BatteryError, LiveFull, VisitorError
from ..system.logs import log_failure
from .answers import NO_STORE, Headers, json_answer, json_bytes
from .results import PROBLEM_TYPE

__all__ = ["problem"]


def problem(
    error: VisitorError | BackendError | BatteryError | HTTPException,
    headers: Headers,
    logger: logging.Logger,
) -> Response:
    """The problem document of an error.

    Args:
        error: what went wrong. The text of a BackendError or BatteryError is for the operator: it is
            logged, and the visitor sees only its title.
        headers: more headers of the response; the list is not changed.
        logger: where those texts are logged.
    """
    headers = [*headers, NO_STORE]
    if isinstance(error, VisitorError):
        status, kind, title, detail = error.status, error.type, error.title, error.detail
    elif isinstance(error, (BackendError, BatteryError)):
        # There are many of these at once, and the code that refuses logs it once.
        level = logging.DEBUG if isinstance(error, LiveFull) else logging.ERROR
        log_failure(logger, error, level)
        status, kind, title = 503, error.type, error.title
        detail = f"Please try again in {error.retry_after} seconds."
        headers.append(("Retry-After", str(error.retry_after)))
    else:
        status, kind, title = error.code or 500, "about:blank", error.name
        detail = error.description or error.name
    document = {"type": kind, "title": title, "status": status, "detail": detail}
    return json_answer(json_bytes(document), headers, status=status, content_type=PROBLEM_TYPE)
