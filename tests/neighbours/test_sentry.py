"""Sentry's SDK: what of ours reaches it, and how it is grouped. Nothing is sent: the transport keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from flask import Flask
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.transport import Transport

import openheart
from openheart import ApiException, OpenHeart
from openheart.core.state import state_of

from .host import add_pages, assert_all_works, host, react


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[tuple[str | None, dict[str, Any]]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.items += [(item.type, item.payload.json) for item in envelope.items if item.payload.json]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [payload for each, payload in self.items if each == kind]


@pytest.fixture
def kept() -> Iterator[Kept]:
    transport = Kept()
    sentry_sdk.init(
        "https://key@sentry.example/1",
        transport=transport,
        integrations=[FlaskIntegration()],
        traces_sample_rate=1.0,
        auto_session_tracking=False,
        enable_backpressure_handling=False,
    )
    yield transport
    sentry_sdk.get_client().close()
    sentry_sdk.init()


def site(uri: str = "memory:") -> Flask:
    app = host(TESTING=False)
    OpenHeart(app, env=False, uri=uri)
    add_pages(app)
    return app


def test_everything_works_and_what_visitors_do_wrong_is_no_event(kept: Kept) -> None:
    assert_all_works(site())
    assert kept.of("event") == []


def test_transactions_have_few_names(kept: Kept) -> None:
    client = site().test_client()
    for address in ("/openheart/posts/rye", "/openheart/posts/oat", "/openheart?target=posts/rye"):
        react(client, address)
    assert {each["transaction"] for each in kept.of("transaction")} == {"openheart.reactions"}


def test_a_failure_of_the_storage_is_one_event_each_grouped_by_its_cause(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "no.db").write_text("This is no database. " * 100)
    for uri in (f"sqlite:///{tmp_path}/folder.db", f"sqlite:///{tmp_path}/no.db"):
        app = site(uri)
        answer = react(app.test_client())
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        state_of(app).close()
    events = kept.of("event")
    assert [each["level"] for each in events] == ["error", "error"]
    # It groups by the message of the record, without its arguments.
    messages = [each["logentry"]["message"] for each in events]
    assert len({*messages}) == 2
    assert "folder.db" in messages[0]
    assert "no.db" in messages[1]


def test_an_exception_in_a_view_of_the_host_is_its_own_event_and_an_api_exception_is_none(kept: Kept) -> None:
    app = site()

    @app.get("/number/<text>")
    def number(text: str) -> str:
        if not text.isdigit():
            raise ApiException("Numbers must be integers")
        raise RuntimeError("a fault of the host")

    client = app.test_client()
    assert client.get("/number/x").status_code == 400
    assert kept.of("event") == []
    assert client.get("/number/1").status_code == 500
    [event] = kept.of("event")
    assert event["exception"]["values"][0]["value"] == "a fault of the host"


def test_a_listener_that_fails_reaches_it_and_the_reaction_counts(kept: Kept) -> None:
    app = site()

    def listen(sender: Flask, **data: object) -> None:
        raise RuntimeError("a broken listener")

    with openheart.reaction_added.connected_to(listen, app):
        assert react(app.test_client()).json == {"🥨": 1}
    [event] = kept.of("event")
    assert event["exception"]["values"][0]["value"] == "a broken listener"
