"""The OpenAPI document tells the truth: generated requests get no answer that it does not name."""

from __future__ import annotations

import json
import os
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from schemathesis import checks as known
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok

from openheart.testing import create_app

CHECKS = [
    known.not_a_server_error,
    known.status_code_conformance,
    known.content_type_conformance,
    known.response_headers_conformance,
    known.response_schema_conformance,
]
MODES: dict[str, dict[str, Any]] = {
    "plain": {},
    "listing": {"listing": True},
    "write-only": {"write_only": True, "origins": "https://blog.example"},
}


@pytest.mark.parametrize("mode", MODES)
def test_the_document_is_openapi_3_1(mode: str) -> None:
    answer = create_app(**MODES[mode]).test_client().get("/openheart/-/openapi.json")
    assert answer.json is not None
    assert answer.json["openapi"] == "3.1.0"
    assert answer.json["servers"] == [{"url": "/openheart"}]
    schemathesis.openapi.from_dict(answer.json).validate()


def check_generated_requests(app: Flask, cases: int) -> int:
    """Send generated requests for every operation; the number of requests."""
    schema = schemathesis.openapi.from_wsgi("/openheart/-/openapi.json", app, config=SchemathesisConfig())
    sent = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=cases,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        def send(case: schemathesis.Case[Any]) -> None:
            nonlocal sent
            sent += 1
            before = counts_of(app)
            response = case.call()
            case.validate_response(response, checks=CHECKS)
            if 400 <= response.status_code < 500:
                assert counts_of(app) == before

        send()
    return sent


def counts_of(app: Flask) -> str:
    service = app.extensions["openheart"].service
    return json.dumps([*service.backend.iter_targets()], sort_keys=True)


@pytest.mark.parametrize("mode", MODES)
def test_generated_requests_get_the_answers_that_the_document_names(mode: str) -> None:
    assert check_generated_requests(create_app(**MODES[mode]), 40) > 100


@pytest.mark.torture
@pytest.mark.parametrize("mode", MODES)
def test_many_generated_requests_get_the_answers_that_the_document_names(mode: str) -> None:
    cases = int(os.environ.get("OPENHEART_TEST_CASES", "3000"))
    sent = check_generated_requests(create_app(**MODES[mode]), cases)
    print(f"{mode}: {sent} generated requests")
    assert sent > cases
