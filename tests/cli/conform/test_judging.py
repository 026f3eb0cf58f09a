from __future__ import annotations

import threading
import time

import pytest

from openheart.cli.conform import Request, Response, http_sender, patient, run_vectors, table
from openheart.testing import create_app

from ...waiting import PATIENCE
from ...wsgi_client import wsgi_sender
from .peers import Foreign, change, failures, no_openheart, served, unchecked


def test_a_server_that_only_keeps_the_protocol_passes_what_is_required() -> None:
    outcomes = run_vectors(Foreign(), ["required"])

    assert failures(outcomes) == {}
    assert len(outcomes) >= 10


@pytest.mark.parametrize(("get", "post"), [(403, 204), (404, 200)])
def test_of_a_server_that_hides_its_counts_nothing_is_said(get: int, post: int) -> None:
    outcomes = run_vectors(no_openheart(post, get), ["required"])

    assert {outcome.result for outcome in outcomes} == {"not checkable"}
    assert set(unchecked(outcomes).values()) == {f"the server hides its counts (GET is answered with {get})"}


def test_in_write_only_mode_of_our_own_nothing_fails() -> None:
    outcomes = run_vectors(wsgi_sender(create_app(write_only=True)))

    assert failures(outcomes) == {}
    assert {outcome.case.name for outcome in outcomes if outcome.passed} == {
        "the process answers under -/healthz",
        "the storage answers under -/readyz",
        "the server describes itself under -/openapi.json",
    }


def test_a_redirect_proves_nothing() -> None:
    outcomes = run_vectors(no_openheart(302, 403), ["required"])

    assert {outcome.result for outcome in outcomes} == {"not checkable"}
    assert "a redirect (302) proves nothing" in unchecked(outcomes)["each reaction adds one"]


def test_a_redirect_after_a_reaction_that_is_counted_is_right() -> None:
    server = Foreign()

    def send(request: Request) -> Response:
        return change(server(request), status=303) if request.method == "POST" else server(request)

    outcomes = run_vectors(send, ["required"])

    assert all(outcome.passed for outcome in outcomes if "not counted" not in outcome.case.name), table(
        outcomes
    )


@pytest.mark.parametrize("status", [200, 400, 403, 404, 500])
@pytest.mark.parametrize("group", ["required", "robustness"])
def test_a_site_that_always_answers_the_same_passes_nothing(group: str, status: int) -> None:
    outcomes = run_vectors(no_openheart(status, status), [group])

    assert [outcome.case.name for outcome in outcomes if outcome.passed] == []


class Allowing(Foreign):
    """Accepts two emoji only."""

    allowed = ("❤️", "👍")

    def read(self, body: bytes) -> str | None:
        emoji = super().read(body)
        return emoji if emoji in self.allowed else None


def test_a_server_that_refuses_an_emoji_does_not_fail_by_it() -> None:
    outcomes = run_vectors(Allowing(), ["required"])

    assert failures(outcomes) == {}
    assert (
        "refuses 🥨, as the protocol allows; --emoji names others"
        in unchecked(outcomes)["a flag is one emoji"]
    )


def test_of_a_server_that_refuses_some_emoji_the_others_are_checked() -> None:
    server = Allowing()
    server.allowed = ("🥨", "🍩")

    outcomes = run_vectors(server, ["required"])

    assert failures(outcomes) == {}
    assert list(unchecked(outcomes)) == ["an emoji of several code points is one", "a flag is one emoji"]
    assert len(set(unchecked(outcomes).values())) == 1
    assert "refuses an emoji of the case with 400, as the protocol allows" in table(outcomes)


def test_twenty_reactions_at_once_are_all_to_be_counted() -> None:
    class Slow(Foreign):
        """Reads, adds and writes back, as a store without increments does."""

        def add(self, target: str, emoji: str) -> None:
            before = self.counts[target][emoji]
            time.sleep(0.002)
            self.counts[target][emoji] = before + 1

    outcomes = run_vectors(Slow(), ["required", "robustness"])

    assert failures([each for each in outcomes if each.case.group == "required"]) == {}
    assert (
        "expected the counts {'🥨': 20}, got"
        in failures(outcomes)["twenty reactions at once are all counted"]
    )


def test_twenty_reactions_are_sent_at_once() -> None:
    together = threading.Barrier(20)

    class Meeting(Foreign):
        def __call__(self, request: Request) -> Response:
            if request.method == "POST" and request.path.endswith("-0002"):
                together.wait(PATIENCE)
            return super().__call__(request)

    outcomes = run_vectors(Meeting(), ["robustness"])

    assert outcomes[0].case.name == "twenty reactions at once are all counted"
    assert outcomes[0].passed


def test_limits_of_the_rate_are_kept_and_cost_no_case() -> None:
    server = Foreign()
    slept: list[float] = []
    left = 3

    def limited(request: Request) -> Response:
        nonlocal left
        with server.lock:
            left -= 1
            if left < 0:
                return Response(429, [("Retry-After", "5")], b"slower, please")
        return server(request)

    def sleep(seconds: float) -> None:
        nonlocal left
        slept.append(seconds)
        left = 3

    outcomes = run_vectors(patient(limited, sleep=sleep), ["required"])

    assert all(outcome.passed for outcome in outcomes), table(outcomes)
    assert set(slept) == {5.0}


def test_a_limit_that_takes_too_long_is_one_reason_and_no_failure() -> None:
    limited = patient(lambda _: Response(429, [("Retry-After", "3600")], b""))

    outcomes = run_vectors(limited)

    assert {outcome.result for outcome in outcomes} == {"not checkable"}
    assert len(set(unchecked(outcomes).values())) == 1


def test_a_server_that_goes_is_not_asked_for_ever() -> None:
    server = Foreign()
    asked: list[Request] = []

    def send(request: Request) -> Response:
        asked.append(request)
        if len(asked) > 8:
            raise ConnectionError("connecting failed: Connection refused")
        return server(request)

    outcomes = run_vectors(send)

    assert [outcome.passed for outcome in outcomes[:2]] == [True, True]
    assert len(asked) < 20
    assert "no answer (connecting failed: Connection refused)" in table(outcomes)
    assert "the server did not answer in 3 cases in a row" in unchecked(outcomes)["JSON is read"]


def test_openheart_keeps_more_than_a_server_that_only_keeps_the_protocol() -> None:
    outcomes = run_vectors(Foreign())

    assert {outcome.case.group for outcome in outcomes if not outcome.passed} == {"robustness", "extensions"}


def test_a_group_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no group 'all'"):
        run_vectors(Foreign(), ["all"])


def test_our_server_passes_everything_over_http() -> None:
    with served(create_app()) as url:
        outcomes = run_vectors(http_sender(f"{url}/openheart/", timeout=10))

    assert all(outcome.passed for outcome in outcomes), table(outcomes)


def test_of_twenty_at_once_it_is_said_how_many_were_refused() -> None:
    server = Foreign()
    busy = threading.Semaphore(15)

    def send(request: Request) -> Response:
        if request.method == "POST" and request.path.endswith("-0002") and not busy.acquire(blocking=False):
            return Response(500, [], b"busy")
        return server(request)

    found = failures(run_vectors(send, ["robustness"]))["twenty reactions at once are all counted"]

    assert "5 of 20 at once: expected status 2xx or 3xx, got 500 'busy'" in found
