"""ApiResult and ApiError in views of apps that openheart was not even added to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Blueprint, Flask, Response
from flask.typing import ResponseReturnValue
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse, create_environ

from openheart import ApiError, ApiException, ApiResult


@dataclass
class Post:
    title: str
    written: date


def answer(value: object) -> TestResponse:
    app = Flask("host")
    blueprint = Blueprint("api", "host")

    @blueprint.route("/")
    def view() -> ResponseReturnValue:
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[return-value]

    app.register_blueprint(blueprint)
    app.register_error_handler(404, lambda error: ("the host's page", 404))
    app.register_error_handler(Exception, lambda error: ("the host's page", 500))
    return app.test_client().get("/")


def test_a_view_returns_a_result_as_it_is() -> None:
    response = answer(ApiResult({"b": "é🥨", "a": [1, None]}, 201, {"Location": "/x"}))

    assert (response.status_code, response.content_type) == (201, "application/json")
    assert response.data == '{"b": "é🥨", "a": [1, null]}\n'.encode()
    assert response.headers["Location"] == "/x"


def test_to_response_and_a_tuple_work_as_for_any_response() -> None:
    assert answer(ApiResult([1]).to_response()).json == [1]
    assert answer((ApiResult([1]), 202)).status_code == 202


def test_dates_uuids_decimals_and_dataclasses_have_json() -> None:
    values = {
        "post": Post("x", date(2026, 1, 2)),
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "id": UUID(int=1),
        "price": Decimal("1.10"),
    }

    assert ApiResult(values).json == {
        "post": {"title": "x", "written": "2026-01-02"},
        "at": "2026-01-02T03:04:00+00:00",
        "id": "00000000-0000-0000-0000-000000000001",
        "price": "1.10",
    }


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x)))
def test_what_goes_in_is_what_json_reads(value: object) -> None:
    assert json.loads(ApiResult(value).data) == value


@pytest.mark.parametrize(("value", "error"), [(object(), TypeError), (float("nan"), ValueError)])
def test_what_has_no_json_is_an_error_where_it_is_made(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        ApiResult({"x": value})


def test_a_lone_surrogate_does_not_break_the_answer() -> None:
    assert ApiResult("\ud800").data == b'"\\ud800"\n'


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(status: int) -> None:
    response = answer(ApiResult(None, status))

    assert (response.status_code, response.data) == (status, b"")
    assert "Content-Type" not in response.headers


def test_an_error_is_a_problem_document_whatever_error_handlers_the_host_has() -> None:
    error = ApiError(
        404,
        "No such post",
        "There is no post 7; /posts lists them",
        type="https://example.com/no-post",
        headers={"Retry-After": "9"},
        errors=["number"],
    )
    response = answer(error)

    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert json.loads(response.data) == {
        "type": "https://example.com/no-post",
        "title": "No such post",
        "status": 404,
        "detail": "There is no post 7; /posts lists them",
        "errors": ["number"],
    }
    assert (response.headers["Retry-After"], response.headers["Cache-Control"]) == ("9", "no-store")


def test_an_error_needs_its_status_only() -> None:
    assert ApiError(418).document == {"type": "about:blank", "title": "I'm a Teapot", "status": 418}
    assert ApiError(599).title == "Error"
    assert str(ApiError(404, detail="gone")) == "404 Not Found: gone"
    assert repr(ApiError(404)) == "<ApiError '404 Not Found'>"
    assert ApiError(404).to_response().status_code == 404


@pytest.mark.parametrize("status", [200, 399, 600])
def test_a_status_that_is_no_error_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="between 400 and 599"):
        ApiError(status)


@pytest.mark.parametrize(("given", "status"), [((), 400), ((404,), 404)])
def test_an_exception_begins_with_its_text(given: tuple[int, ...], status: int) -> None:
    error = ApiException("Numbers must be integers", *given)

    response = answer(error)

    assert isinstance(error, ApiError)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert json.loads(response.data)["detail"] == "Numbers must be integers"
    assert str(error).endswith(": Numbers must be integers")


def test_an_exception_that_begins_with_its_status_says_what_would_be_right() -> None:
    with pytest.raises(ValueError, match=r"the text comes first, or raise ApiError\(404\)"):
        ApiException(404)  # type: ignore[arg-type]


def test_the_status_of_a_result_is_a_number_and_can_be_set() -> None:
    result = ApiResult([1], 201)

    assert result.status == 201
    result.status = "202 ACCEPTED"
    assert (result.status, result.status_code) == (202, 202)
    response = answer(result)
    assert (response.status, response.json) == ("202 ACCEPTED", [1])
    # The test client would take a number, and servers do not.
    assert result.get_wsgi_response(create_environ())[1] == "202 ACCEPTED"


def test_an_error_tells_a_framework_that_writes_its_own_answers_what_to_write() -> None:
    # What Flask-RESTX reads.
    error = ApiException("Numbers must be integers", 422, errors=["number"])

    assert error.response is not None
    assert error.response.status_code == 422
    assert error.data == error.document
    assert error.description == "Numbers must be integers"
    assert error.get_response() is not error.get_response()


def test_a_handler_for_api_errors_of_a_response_class_of_the_hosts_own_is_not_in_the_way() -> None:
    class Marked(Response):
        pass

    app = Flask("host")
    app.response_class = Marked
    app.add_url_rule("/", "view", lambda: ApiResult({"a": 1}))

    assert app.test_client().get("/").json == {"a": 1}
