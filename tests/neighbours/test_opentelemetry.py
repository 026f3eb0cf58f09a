"""OpenTelemetry's instrumentation of Flask: the class that it replaces, one app, and the names of spans."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import pytest
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import openheart
from openheart import OpenHeart
from openheart.base import load_standalone

from .host import add_pages, assert_all_works, host, react

ROUTE = "/openheart/<openheart_target:target>"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(spans))
    return made


@pytest.fixture
def instrumented(provider: TracerProvider) -> Iterator[None]:
    """flask.Flask is replaced, after openheart was imported."""
    FlaskInstrumentor().instrument(tracer_provider=provider)
    yield
    FlaskInstrumentor().uninstrument()


def names(spans: InMemorySpanExporter) -> list[str]:
    return [span.name for span in spans.get_finished_spans()]


def test_an_app_that_load_builds_is_traced(spans: InMemorySpanExporter, instrumented: None) -> None:
    app = openheart.load(name="site", uri="memory:")
    assert isinstance(app, flask.Flask)
    add_pages(app)
    assert_all_works(app)
    spans.clear()
    react(app.test_client())
    app.test_client().get("/openheart?target=posts/rye")
    app.test_client().get("/posts/rye/")
    assert names(spans) == [f"POST {ROUTE}", "GET /openheart", "GET /posts/<slug>/"]


def test_our_own_server_is_traced(spans: InMemorySpanExporter, instrumented: None) -> None:
    react(load_standalone(uri="memory:").test_client(), "/openheart/hello")
    assert names(spans) == [f"POST {ROUTE}"]


@pytest.mark.parametrize("assigned", [False, True])
def test_an_app_that_is_older_is_taken(
    instrumented: None, monkeypatch: pytest.MonkeyPatch, assigned: bool
) -> None:
    # Of the class that other modules have imported before.
    app = Flask("older")
    assert not isinstance(app, flask.Flask)
    if assigned:
        openheart.APP = app
    loaded = openheart.load(None if assigned else app, uri="memory:")
    assert loaded is app
    assert react(app.test_client(), "/openheart/hello").json == {"🥨": 1}


@pytest.mark.parametrize("first", ["openheart", "instrumentation"])
def test_one_app_can_be_instrumented(
    spans: InMemorySpanExporter, provider: TracerProvider, first: str
) -> None:
    app = host()
    if first == "instrumentation":
        FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
    OpenHeart(app, env=False, uri="memory:")
    if first == "openheart":
        FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
    add_pages(app)
    assert_all_works(app)
    spans.clear()
    react(app.test_client())
    app.test_client().put("/openheart/posts/rye")
    assert names(spans) == [f"POST {ROUTE}", f"PUT {ROUTE}"]
    [posted, refused] = spans.get_finished_spans()
    assert posted.attributes is not None
    assert posted.attributes["http.route"] == ROUTE
    assert refused.attributes is not None
    assert 405 in refused.attributes.values()
