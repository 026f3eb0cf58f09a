"""Health for whoever watches the server: alive, and ready (the storage answers)."""

from __future__ import annotations

from flask import Response

from ..errors import BackendError
from ..state import State
from .answers import NO_STORE, json_answer, json_bytes
from .errors import problem

__all__ = ["healthz", "readyz"]


def healthz(state: State) -> Response:
    """200 as long as the process answers requests; the storage is not asked."""
    return json_answer(json_bytes({"status": "ok"}), [NO_STORE])


def readyz(state: State) -> Response:
    """200 when the storage takes a write and a read, 503 with Retry-After when it does not."""
    try:
        state.service.check()
    except BackendError as error:
        return problem(error, [], state.service.logger)
    return json_answer(json_bytes({"status": "ready"}), [NO_STORE])
