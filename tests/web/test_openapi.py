"""The OpenAPI document tells the truth: generated requests get no answer that it does not name."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from schemathesis import checks as known
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok

import openheart
from openheart.base import load_standalone
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


UNDOCUMENTED = {"/-/openapi.json", "/-/openheart.js", "/-/live.js"}
"""What browsers load, and the document itself."""


def registered_paths(app: Flask) -> set[str]:
    """The paths of an app's own routes below the prefix, as OpenAPI writes them."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("openheart.")]
    below = [rule.removeprefix("/openheart") or "/" for rule in rules if rule.startswith("/openheart")]
    return {re.sub(r"<\w+:(\w+)>", r"{\1}", path) for path in below}


def documented_paths(app: Flask, prefix: str = "/openheart") -> set[str]:
    answer = app.test_client().get(f"{prefix}/-/openapi.json")
    assert answer.json is not None
    return set(answer.json["paths"])


@pytest.mark.parametrize("mode", MODES)
def test_each_route_is_in_the_document(mode: str) -> None:
    app = create_app(**MODES[mode])
    assert documented_paths(app) == registered_paths(app) - UNDOCUMENTED
    assert documented_paths(app) == {"/{target}", "/", "/-/healthz", "/-/readyz"}


def test_each_route_of_a_battery_is_in_the_document_too() -> None:
    app = openheart.load(name="one", uri="memory:", secret_key="k", live=True)
    assert documented_paths(app) == registered_paths(app) - UNDOCUMENTED
    assert "/-/live" in documented_paths(app)


@pytest.mark.parametrize("prefix", ["/openheart", "/"])
def test_our_own_server_documents_what_is_below_its_prefix(prefix: str) -> None:
    app = load_standalone(uri="memory:", url_prefix=prefix)
    assert documented_paths(app, prefix.rstrip("/")) == documented_paths(create_app())


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
