from __future__ import annotations

import contextlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openheart.errors import InvalidTarget
from openheart.protocol import (
    canonical_target,
    is_scoped,
    scope_of,
    scoped_target,
    stored_target,
    target_from_url,
)
from openheart.protocol.scope import MAX_TENANT_BYTES

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("tenant", "acme", "-/t/acme/"),
        ("user", "7", "-/u/7/"),
        ("tenant", "a/b", "-/t/a%2Fb/"),
        ("tenant", "..", "-/t/%2E%2E/"),
        ("tenant", "a.b", "-/t/a.b/"),
        ("tenant", "%2F", "-/t/%252F/"),
        ("tenant", "é", "-/t/%C3%A9/"),
        ("tenant", "e\u0301", "-/t/e%CC%81/"),
        ("tenant", "\0", "-/t/%00/"),
        ("tenant", " acme", "-/t/%20acme/"),
    ],
)
def test_a_scope_is_written_in_ascii(kind: str, name: str, expected: str) -> None:
    assert scope_of(kind, name) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["", " ", "\t\n", "\u2003", "\ud800", "x" * (MAX_TENANT_BYTES + 1), "é" * 45]
)
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="it is empty|it holds an unpaired surrogate|it is longer than 256"):
        scope_of("tenant", name)


@given(names, names, st.sampled_from(["tenant", "user"]), st.sampled_from(["tenant", "user"]))
def test_different_names_never_share_a_target(one: str, two: str, kind_one: str, kind_two: str) -> None:
    first, second = (scope_of(kind, name) for kind, name in ((kind_one, one), (kind_two, two)))  # type: ignore[arg-type]
    assert (first == second) == ((kind_one, one) == (kind_two, two))
    if first != second:
        # Neither prefix starts with the other, so no list of one holds a target of the other.
        assert not first.startswith(second)
        assert not second.startswith(first)


@given(names, st.text(max_size=40))
def test_no_target_leads_out_of_its_scope(name: str, target: str) -> None:
    scope = scope_of("tenant", name)
    try:
        stored = scoped_target(scope, target)
    except InvalidTarget:
        return
    assert stored.startswith(scope)
    inside = stored[len(scope) :]
    assert canonical_target(inside or "/") == (inside or "/")
    assert stored_target(stored) == stored


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        ("post", "post"),
        ("/post/", "post"),
        ("/", ""),
        ("", ""),
        ("//other/post", "other/post"),
        ("https://Example.com/post", "example.com/post"),
        ("%2e%2e/other", "%2e%2e/other"),
        ("..%2fother", "..%2fother"),
        ("․․/other", "․․/other"),
        ("..∕other", "..∕other"),
        ("t/other/post", "t/other/post"),
    ],
)
def test_a_target_is_canonical_within_its_scope(target: str, inside: str) -> None:
    assert scoped_target("-/t/acme/", target) == f"-/t/acme/{inside}"


@pytest.mark.parametrize(
    "target",
    [
        "..",
        "../other/post",
        "a/../../other",
        "./post",
        "-/t/other/post",
        "/-/t/other",
        "a\0b",
        "a\nb",
        "\ud800",
        "x" * 510,
    ],
)
def test_a_target_that_could_lead_elsewhere_is_refused(target: str) -> None:
    with pytest.raises(InvalidTarget):
        scoped_target("-/t/acme/", target)


def test_a_target_that_is_too_long_with_its_tenant_is_refused() -> None:
    assert scoped_target("-/t/acme/", "x" * 503) == "-/t/acme/" + "x" * 503
    with pytest.raises(InvalidTarget, match="512 bytes with its tenant"):
        scoped_target("-/t/acme/", "x" * 504)


@pytest.mark.parametrize("text", ["-/t/acme/post", "-", "/-/t/acme/post", "//-/t/acme", "///-/t/acme", "-/"])
@pytest.mark.parametrize(
    "read", [canonical_target, target_from_url, lambda text: target_from_url(quote(text))]
)
def test_no_address_is_a_target_of_a_tenant(text: str, read: Callable[[str], str]) -> None:
    with contextlib.suppress(InvalidTarget):
        assert not is_scoped(read(text))


@pytest.mark.parametrize("text", ["-/t/acme/post", "-/u/7/", "-/t/a%2Fb/post/é"])
def test_an_operator_names_a_target_of_a_tenant_as_it_is_stored(text: str) -> None:
    assert stored_target(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("-/x/acme/post", "-/t//post", "-/t/acme", "-/t/ac me/post", "-/t/a%2fb/post", "-/t/%ff/post"),
        *("-/t/acme/../x", "-/t/acme//x", "-/t/../x", "-/t/%20/x", "-/t/acme/x/"),
    ],
)
def test_any_other_spelling_of_one_is_refused(text: str) -> None:
    with pytest.raises(InvalidTarget):
        stored_target(text)


def test_an_operator_names_other_targets_as_in_a_url() -> None:
    assert stored_target("https://example.com/caf%C3%A9#top") == "example.com/café"


def test_a_query_that_would_be_cut_is_refused_where_an_operator_names_a_target() -> None:
    with pytest.raises(InvalidTarget, match=r"com/\?p=1' would lose 'p' .*OPENHEART_QUERY=p "):
        stored_target("https://example.com/?p=1")
    assert stored_target("https://example.com/?p=1", ("p",)) == "example.com/?p=1"
