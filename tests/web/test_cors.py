"""Cross-origin requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort, redirect
from flask.testing import FlaskClient

import openheart

from .conftest import MakeClient

BLOG = "https://blog.example"


@pytest.fixture
def listed(make_client: MakeClient) -> FlaskClient:
    return make_client(origins=f"{BLOG}, http://localhost:8000")


def test_by_default_every_page_may_read_and_react_without_credentials(client: FlaskClient) -> None:
    for answer in (
        client.get("/openheart/a", headers={"Origin": BLOG}),
        client.post("/openheart/a", data="🥨", headers={"Origin": "null"}),
    ):
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_page_can_read_why_it_was_refused(client: FlaskClient) -> None:
    answer = client.post("/openheart/a", data="x", headers={"Origin": BLOG})
    assert answer.status_code == 400
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "origin", [BLOG, "http://localhost:8000", "https://BLOG.example:443", "http://localhost"]
)
def test_a_named_origin_and_our_own_are_echoed(listed: FlaskClient, origin: str) -> None:
    answer = listed.post("/openheart/a", data="🥨", headers={"Origin": origin})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://blog.example", "https://blog.example:8443", "null", "", "https://", "x",
     "https://blog.example.evil", "https://blog.example@evil", "http://[::1", "http://localhost:99999"],
)  # fmt: skip
def test_a_write_from_another_origin_is_refused_and_reading_is_not_shared(
    listed: FlaskClient, origin: str
) -> None:
    headers = {"Origin": origin}
    answer = listed.post("/openheart/a", data="🥨", headers=headers)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["type"] == "origin-not-allowed"
    assert "Access-Control-Allow-Origin" not in answer.headers
    read = listed.get("/openheart/a", headers=headers)
    assert read.json == {}
    assert "Access-Control-Allow-Origin" not in read.headers
    assert read.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("safari-web-extension://F2C0", "safari-web-extension://F2C0"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
        ("http://[0:0::1]:8000", "http://[::1]:8000"),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
        ("http://my_host:8000", "http://my_host:8000"),
    ],
)
def test_an_origin_that_is_accepted_at_start_matches_what_browsers_send(
    make_client: MakeClient, named: str, sent: str
) -> None:
    client = make_client(origins=named)
    answer = client.post("/openheart/a", data="🥨", headers={"Origin": sent})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == sent


FORGED = {"Origin": "http://forged.example", "Host": "forged.example"}


def test_where_no_host_is_named_a_request_names_it(listed: FlaskClient) -> None:
    assert listed.post("/openheart/a", data="🥨", headers=FORGED).status_code == 200


@pytest.mark.filterwarnings("ignore:Current server name")
@pytest.mark.parametrize(
    "settings",
    [
        {"openheart_hosts": "example.org"},
        {"openheart_hosts": ".example.org"},
        {"SERVER_NAME": "example.org:80"},
        {"TRUSTED_HOSTS": [".example.org"]},
    ],
)
def test_where_the_hosts_are_named_no_other_is_our_own(settings: dict[str, Any]) -> None:
    app = Flask("site")
    app.config.update({name: value for name, value in settings.items() if name.isupper()})
    named = {name: value for name, value in settings.items() if name.islower()}
    openheart.load(app, uri="memory:", origins=BLOG, **named)
    client = app.test_client()
    # Flask itself refuses a host that is not in TRUSTED_HOSTS, or before 3.1 not SERVER_NAME.
    assert client.post("/openheart/a", data="🥨", headers=FORGED).status_code in (400, 403, 404)
    own = {"Origin": "http://example.org", "Host": "example.org"}
    assert client.post("/openheart/a", data="🥨", headers=own).json == {"🥨": 1}
    assert client.post("/openheart/a", data="🥨", headers={"Origin": BLOG, "Host": "example.org"}).json == {
        "🥨": 2
    }
    back = {"Accept": "text/html", "Host": "example.org", "Referer": "http://example.org/post"}
    assert client.post("/openheart/a", data="🥨", headers=back).location == "http://example.org/post"


def test_a_request_without_an_origin_is_no_page_and_may_react(listed: FlaskClient) -> None:
    assert listed.post("/openheart/a", data="🥨").status_code == 200


@pytest.mark.parametrize(("origin", "allowed"), [(BLOG, True), ("https://evil.example", False)])
def test_a_preflight_is_answered_for_a_day(listed: FlaskClient, origin: str, allowed: bool) -> None:
    answer = listed.options(
        "/openheart/a",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert answer.status_code == 204
    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Max-Age"] == "86400"


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
SHARED = [
    "/openheart/a",
    "/openheart",
    "/openheart/?target=a",
    "/openheart/-/openheart.js",
    "/openheart/-/live",
]


class TestWhatTheAppRefuses:
    @staticmethod
    def client(refusal: Callable[[], object], **settings: Any) -> FlaskClient:
        app = Flask("site")
        app.before_request(refusal)  # type: ignore[type-var]
        openheart.load(app, uri="memory:", live=True, secret_key="for the test", **settings)
        app.add_url_rule("/own", "own", lambda: "own")
        return app.test_client()

    @staticmethod
    def fail() -> None:
        raise RuntimeError("a hook with a fault")

    @pytest.mark.parametrize("address", SHARED)
    @pytest.mark.parametrize("status", [401, 403, 429, 503])
    def test_a_page_can_read_it(self, address: str, status: int) -> None:
        client = self.client(lambda: abort(status))
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            answer = client.open(address, method=method, headers={"Origin": BLOG})
            assert answer.status_code == status
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After"

    def test_so_it_can_where_the_hook_answers_redirects_or_fails(self) -> None:
        for refusal, status in (
            (lambda: ("Slow down", 429, {"Retry-After": "9"}), 429),
            (lambda: redirect("/login"), 302),
            (self.fail, 500),
        ):
            answer = self.client(refusal).post("/openheart/a", data="🥨", headers={"Origin": BLOG})
            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")

    def test_the_answer_itself_is_that_of_the_app(self) -> None:
        client = self.client(lambda: abort(429))
        client.application.register_error_handler(429, lambda error: ("Slow down", 429, {"Vary": "Cookie"}))
        answer = client.post("/openheart/a", data="🥨")
        assert (answer.status_code, answer.text, answer.headers["Vary"]) == (429, "Slow down", "Cookie")

    @pytest.mark.parametrize(("origin", "allowed"), [(BLOG, True), ("https://evil.example", False)])
    def test_only_the_origins_of_the_list_can(self, origin: str, allowed: bool) -> None:
        client = self.client(lambda: abort(429), origins=BLOG)
        answer = client.post("/openheart/a", data="🥨", headers={"Origin": origin})
        assert answer.status_code == 429
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        assert answer.headers["Vary"] == "Origin"

    @pytest.mark.parametrize(("origin", "allowed"), [(BLOG, True), ("https://evil.example", False)])
    def test_a_preflight_is_answered_so_that_the_page_reads_the_refusal_of_its_request(
        self, origin: str, allowed: bool
    ) -> None:
        client = self.client(lambda: abort(401), origins=BLOG)
        for address, sent in (("/openheart/a", "Content-Type"), ("/openheart/-/live", "Last-Event-ID")):
            answer = client.options(address, headers={"Origin": origin, **PREFLIGHT})
            assert answer.status_code == 204
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
            assert sent in answer.headers["Access-Control-Allow-Headers"]

    def test_what_pages_of_other_origins_never_read_and_the_apps_own_pages_stay_as_they_are(self) -> None:
        client = self.client(lambda: abort(429))
        for address in ("/openheart/-/healthz", "/openheart/-/openapi.json", "/own", "/nothing"):
            for headers in ({}, PREFLIGHT):
                answer = client.options(address, headers={"Origin": BLOG, **headers})
                assert answer.status_code == 429
                assert "Access-Control-Allow-Origin" not in answer.headers
