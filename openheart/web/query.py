"""The query of a request, which Werkzeug can only parse as UTF-8."""

from __future__ import annotations

from flask import Request
from werkzeug.datastructures import MultiDict

from ..errors import InvalidRequest

__all__ = ["query_of"]


def query_of(request: Request) -> MultiDict[str, str]:
    """The parameters of the query.

    Raises:
        InvalidRequest: its bytes are not UTF-8.
    """
    try:
        return request.args
    except UnicodeDecodeError:
        raise InvalidRequest("The query is not valid UTF-8; percent-encode its UTF-8 bytes") from None
