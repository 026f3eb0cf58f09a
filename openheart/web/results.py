"""JSON answers for the app's own views: ApiResult to return, ApiError or ApiException to raise (RFC 9457)."""

from __future__ import annotations

import builtins
import dataclasses
import datetime
import decimal
import json
import uuid
from collections.abc import Iterable, Mapping
from http.client import responses
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.wrappers import Request as WerkzeugRequest

__all__ = ["PROBLEM_TYPE", "ApiError", "ApiException", "ApiResult"]

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"


class ApiResult(Response):
    """A value as a JSON response, which a view can return in any Flask app.

    The JSON is strict (RFC 8259): no NaN, text in UTF-8 as it is, keys in their order. Dates and times are
    ISO 8601 text, UUIDs and decimals text, dataclasses objects. The app's JSON provider is not used.

    Args:
        value: any JSON value, or the types above.
        status: the HTTP status; 204, 205 and 304 have no body.
        headers: more headers.

    Attributes:
        value: the argument.
        status: the HTTP status as a number.

    Raises:
        TypeError: the value, or something in it, cannot be written as JSON.
        ValueError: it contains NaN, an infinity, or itself.
    """

    def __init__(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.value = value
        bare = status in (204, 205, 304)
        super().__init__(None if bare else _json(value), status, content_type=JSON_TYPE)
        if bare:
            del self.headers["Content-Type"]
        self.headers.update(headers or {})

    @property  # type: ignore[override]
    def status(self) -> int:
        return self.status_code

    @status.setter
    def status(self, status: int | str) -> None:
        Response.status.fset(self, status)  # type: ignore[attr-defined]

    def get_wsgi_response(
        self, environ: WSGIEnvironment
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """What a WSGI server gets, to which the status is text."""
        body, _, headers = super().get_wsgi_response(environ)
        return body, Response.status.fget(self), headers  # type: ignore[attr-defined]

    def to_response(self) -> Response:
        """The Flask response, which is this object itself."""
        return self


class ApiError(HTTPException):
    """An error as a problem document (RFC 9457); a view raises it, in any Flask app.

    The app's error handlers do not handle it, not even those for its status, so that a client that asked
    for JSON gets JSON. This is why ``code`` is None; ``status`` is the HTTP status.

    Args:
        status: the HTTP status, 400 to 599.
        title: what went wrong, the same for every error of this type; by default the name of the status.
        detail: what went wrong this time, and what to do about it.
        type: a URI that identifies the type of the problem, such as the address of a page in your docs.
        headers: more headers, such as ``{"Retry-After": "30"}``.
        more: additional members of the document, such as ``errors=[...]``.

    Raises:
        ValueError: the status is not that of an error.
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        *,
        type: str = "about:blank",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"ApiError({status}): the status of an error is between 400 and 599")
        self.status = status
        self.type = type
        self.title = responses.get(status, "Error") if title is None else title
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more
        # Flask-RESTX takes the status from the response, and what it shows from ``description`` and ``data``.
        super().__init__(detail or self.title, self.get_response())

    @property
    def document(self) -> dict[str, Any]:
        """The problem document, without members that have no value."""
        document = {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail}
        return {name: value for name, value in {**document, **self.more}.items() if value is not None}

    data = document

    def get_response(
        self, environ: WSGIEnvironment | WerkzeugRequest | None = None, scope: dict[str, Any] | None = None
    ) -> Response:
        """The response with the problem document.

        Args:
            environ: unused; Werkzeug passes it.
            scope: unused.
        """
        response = Response(_json(self.document), self.status, content_type=PROBLEM_TYPE)
        response.headers["Cache-Control"] = "no-store"
        response.headers.update(self.headers)
        return response

    def to_response(self) -> Response:
        """The response with the problem document, to return instead of raising."""
        return self.get_response()

    def __str__(self) -> str:
        return f"{self.status} {self.title}" + (f": {self.detail}" if self.detail else "")

    def __repr__(self) -> str:
        return f"<{builtins.type(self).__name__} {str(self)!r}>"


class ApiException(ApiError):
    """An ApiError that begins with its text: ``raise ApiException("Numbers must be integers")`` is a 400.

    Args:
        message: what went wrong, and what to do about it; the ``detail`` of the document.
        status: the HTTP status, 400 to 599.
        more: keyword arguments of ApiError.

    Raises:
        ValueError: the status is not that of an error.
    """

    def __init__(self, message: str, status: int = 400, **more: Any) -> None:
        if isinstance(message, int):
            raise ValueError(f"ApiException({message}): the text comes first, or raise ApiError({message})")
        super().__init__(status, detail=str(message), **more)


def _json(value: Any) -> bytes:
    # UTF-8 cannot encode a lone surrogate, so it is escaped.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_json) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        return (json.dumps(value, allow_nan=False, default=_as_json) + "\n").encode()


def _as_json(value: Any) -> Any:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (uuid.UUID, decimal.Decimal)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(
        f"{type(value).__name__} cannot be written as JSON: pass ApiResult and ApiError dicts, lists, text, "
        "numbers, booleans, None, dates, UUIDs, decimals and dataclasses"
    )
