"""One structured line in the log for each request to openheart's own routes (OPENHEART_ACCESS_LOG)."""

from __future__ import annotations

import functools
import json
import logging
import secrets
import time
from collections.abc import Callable

from flask import Response, request

__all__ = ["logged"]

View = Callable[..., Response]


def logged(view: View, logger: logging.Logger) -> View:
    """A view that writes one line for each request, at the level INFO.

    The line is a JSON object in ASCII: ``id``, ``method``, ``path``, ``status``, ``bytes`` of the response
    body and ``ms``. The id is generated here, never taken from the client, and is sent in the response as
    ``X-Request-Id``. The visitor's address and the query are not logged.

    Args:
        view: the view.
        logger: where the lines go.
    """

    @functools.wraps(view)
    def logging_view(**arguments: str) -> Response:
        identifier = secrets.token_hex(8)
        started = time.perf_counter()
        status, length = 500, None
        try:
            response = view(**arguments)
            response.headers["X-Request-Id"] = identifier
            status, length = response.status_code, response.content_length
            return response
        finally:
            line = {
                "id": identifier,
                "method": request.method,
                "path": request.path,
                "status": status,
                "bytes": length or 0,
                "ms": round((time.perf_counter() - started) * 1000, 3),
            }
            # JSON leaves DEL as it is; everything else outside printable ASCII is already escaped.
            logger.info("%s", json.dumps(line).replace("\x7f", "\\u007f"), extra={"openheart": line})

    return logging_view
