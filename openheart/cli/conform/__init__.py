"""``openheart conform``: runs the conformance vectors against any OpenHeart server."""

from __future__ import annotations

from ...protocol.vectors import Request
from .exchange import Response, Send, http_sender, patient
from .judging import Outcome, run_vectors
from .verdict import as_document, table

__all__ = [
    "Outcome",
    "Request",
    "Response",
    "Send",
    "as_document",
    "http_sender",
    "patient",
    "run_vectors",
    "table",
]
