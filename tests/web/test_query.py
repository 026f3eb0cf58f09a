"""Which parameters of a page's query are part of its target, through HTTP."""

from __future__ import annotations

import pytest

from .conftest import MakeClient
from .test_reactions import problem_of, react

SPELLINGS = [
    "/openheart/example.com/%3Fp=12",
    "/openheart/example.com%3Fp=12%26utm_source=x",
    "/openheart/https://Example.com/%3Futm_source=x%26p=12",
    "/openheart/?target=https://example.com/%3Fp%3D12",
    "/openheart/?target=https://example.com/?utm_source=x%26p=12%23top",
    "/openheart/?target=example.com%3Fp%3D12%26fbclid%3Dx",
]


@pytest.mark.parametrize("address", SPELLINGS)
def test_a_page_with_a_named_parameter_is_one_target_in_each_spelling(
    make_client: MakeClient, address: str
) -> None:
    client = make_client(query="p", listing=True)
    assert client.post(address, data="🥨").json == {"🥨": 1}
    assert client.get("/openheart/?list=").json == {
        "targets": {"example.com/?p=12": {"🥨": 1}},
        "cursor": None,
    }
    for other in SPELLINGS:
        counts = client.get(other).json
        assert counts is not None
        assert counts in ({"🥨": 1}, {target: {"🥨": 1} for target in counts}), other
    assert client.get("/openheart/example.com/%3Fp=13").json == {}
    assert client.get("/openheart/example.com").json == {}


def test_without_the_setting_a_query_is_dropped_as_that_of_a_tracking_link(make_client: MakeClient) -> None:
    client = make_client()
    react(client, "example.com")
    asked = "https://example.com/?p=12%26utm_source=x"
    counts = client.get(f"/openheart/?target={asked}").json
    assert counts == {"https://example.com/?p=12&utm_source=x": {"🥨": 1}}


@pytest.mark.parametrize("query", ["", "p"])
def test_an_encoded_question_mark_that_begins_no_named_parameter_is_one_of_the_path(
    make_client: MakeClient, query: str
) -> None:
    client = make_client(query=query, listing=True)
    react(client, "what%3F")
    react(client, "what%3Fq=1")
    assert client.get("/openheart/what").json == {}
    assert client.get("/openheart/?target=what%253Fq%3D1").json == {"what%3Fq=1": {"🥨": 1}}
    targets = {"what?": {"🥨": 1}, "what?q=1": {"🥨": 1}}
    assert client.get("/openheart/?list=").json == {"targets": targets, "cursor": None}


def test_the_query_of_the_request_is_that_of_openheart(make_client: MakeClient) -> None:
    client = make_client(query="p")
    react(client, "example.com/?p=12")
    assert client.get("/openheart/example.com?p=13").json == {"🥨": 1}


def test_a_named_parameter_that_cannot_be_part_of_a_target_is_refused(make_client: MakeClient) -> None:
    client = make_client(query="p")
    assert problem_of(client.get("/openheart/?target=a%3Fp%3D%2500")) == (400, "invalid-target")
    assert problem_of(client.get("/openheart/a%3Fp=%25FF")) == (400, "invalid-target")
    assert client.get("/openheart/?target=a%3Fq%3D%2500").status_code == 200
