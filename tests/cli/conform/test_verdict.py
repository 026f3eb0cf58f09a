from __future__ import annotations

import json

import pytest

from openheart.cli.conform import Request, Response, as_document, run_vectors, table
from openheart.protocol.vectors import load_vectors
from openheart.testing import create_app

from ...wsgi_client import wsgi_sender
from .peers import Foreign, failures, no_openheart


def test_the_table_counts_each_group_and_comes_last() -> None:
    server = type("Spoilt", (Foreign,), {"step": lambda self: 2})()
    outcomes = run_vectors(server, ["required", "robustness"])

    head, required, robustness = table(outcomes).splitlines()[-3:]

    numbers = [
        [each.result for each in outcomes if each.case.group == "required"].count(result)
        for result in ("passed", "failed", "not checkable")
    ]
    assert head.split() == ["group", "passed", "failed", "not", "checkable"]
    assert required.split() == ["required", *map(str, numbers)]
    assert robustness.split()[0] == "robustness"


def test_a_failure_is_told_with_its_reason() -> None:
    server = type("Spoilt", (Foreign,), {"step": lambda self: 2})()

    lines = table(run_vectors(server, ["required"])).splitlines()

    [number] = [
        i
        for i, line in enumerate(lines)
        if line.startswith("Failed: required, each reaction adds one: step 4")
    ]
    assert lines[number + 1].startswith("    Why it matters: openheart.fyi: someone who sends an emoji")


class Once(Foreign):
    """Counts an emoji once for a page."""

    def add(self, target: str, emoji: str) -> None:
        self.counts[target][emoji] = 1


def test_what_the_text_leaves_open_is_marked() -> None:
    outcomes = run_vectors(Once(), ["required"])

    assert list(failures(outcomes)) == ["each reaction adds one"]
    assert "This is how openheart reads the protocol." in table(outcomes)


def test_statuses_are_one_cause_whatever_the_bodies_say() -> None:
    class Lax(Foreign):
        def read(self, body: bytes) -> str:
            return super().read(body) or body.decode(errors="replace")

        def __call__(self, request: Request) -> Response:
            response = super().__call__(request)
            return Response(response.status, [], response.body or request.body or b"")

    text = table(run_vectors(Lax(), ["robustness"]))

    assert text.count("expected status 4xx, got 201") == 1


def test_one_cause_is_one_line() -> None:
    text = table(run_vectors(no_openheart(404, 404)))

    assert len(text.splitlines()) < 10
    assert text.splitlines()[-4].split() == ["group", "passed", "failed", "not", "checkable"]


@pytest.mark.parametrize("kind", ["foreign", "ours"])
def test_what_a_server_answers_does_not_reach_the_terminal(kind: str) -> None:
    text = "\x1b[2J\x9b31m\u202egone\r"
    ours = wsgi_sender(create_app())

    def send(request: Request) -> Response:
        body = json.dumps({text: 1}, ensure_ascii=False).encode()
        if kind == "ours" and request.method != "GET":
            return ours(request)
        return Response(200, [("Allow", text), ("Content-Type", text)], body)

    outcomes = run_vectors(send)

    said = table(outcomes) + "".join(str(each.failure) + str(each.unchecked) for each in outcomes)
    assert "gone" in said
    assert not set(text) - set("[2J31mgone") & set(said)


def test_scripts_get_the_same_with_the_reasons() -> None:
    outcomes = run_vectors(Once(), ["required"])

    document = as_document(outcomes, "http://h", "{target}", ["/a"])

    json.dumps(document)
    assert document["summary"] == {"required": {"passed": len(outcomes) - 1, "failed": 1, "not checkable": 0}}
    assert (document["url"], document["target"], document["targets"]) == ("http://h", "{target}", ["/a"])
    [failed] = [case for case in document["cases"] if case["result"] == "failed"]
    assert (failed["group"], failed["name"], failed["reading"]) == (
        "required",
        "each reaction adds one",
        True,
    )
    assert "expected the counts" in failed["reason"]
    assert [case["why"] for case in document["cases"]] == [case.why for case in load_vectors(["required"])]
    assert {case["reason"] for case in document["cases"] if case["result"] == "passed"} == {None}
