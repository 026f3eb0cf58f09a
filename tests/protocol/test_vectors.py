from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

from openheart.protocol import vectors
from openheart.protocol.vectors import GROUPS, Case, load_vectors

CASES = load_vectors()
STATUS = re.compile(r"[1-5](\d\d|xx)")
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
any_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.name}")


def test_there_are_cases_in_every_group() -> None:
    count = {group: len(load_vectors([group])) for group in GROUPS}

    assert count["required"] >= 10
    assert sum(count.values()) >= 60
    assert len({(case.group, case.name) for case in CASES}) == sum(count.values())


def test_a_group_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="choose among required, robustness, extensions"):
        load_vectors(["optional"])


@any_case
def test_a_case_says_what_holds_and_why(case: Case) -> None:
    assert 5 < len(case.name) < 80
    assert case.name[0].islower() or case.name.startswith(("HEAD", "OPTIONS", "JSON"))
    assert len(case.why) > 10
    assert case.why[-1] not in ".!"


@any_case
def test_a_case_can_be_sent_to_any_server(case: Case) -> None:
    for step in case.steps:
        assert step.request.method in METHODS
        assert step.request.path.isascii()
        assert not set(" \r\n#") & set(step.request.path)
        path = step.request.path.partition("?")[0]
        assert not path.startswith("//") or "{target}" in path
        assert step.expect.status
        assert all(STATUS.fullmatch(status) for status in step.expect.status)
        assert all(re.compile(pattern) for pattern in step.expect.headers.values() if pattern is not None)


@any_case
def test_a_case_reacts_only_where_no_one_else_does(case: Case) -> None:
    for step in case.steps:
        counted = any(status.startswith("2") for status in step.expect.status)
        if step.request.method == "POST" and counted:
            assert "{target}" in step.request.path


def test_the_required_cases_ask_for_nothing_but_the_protocol() -> None:
    for case in load_vectors(["required"]):
        for step in case.steps:
            assert step.request.method in {"GET", "POST"}
            assert step.request.path in {"/{target}", "/{other}"}
            assert not step.expect.headers
            assert step.expect.problem is None
            if step.request.method == "GET":
                assert {"403", "404"} <= set(step.expect.status), "a server may hide its counts"


@pytest.mark.parametrize("group", GROUPS)
def test_the_files_show_every_character(group: str) -> None:
    text = files(vectors).joinpath(f"{group}.json").read_text(encoding="utf-8")

    hidden = re.findall("[\x00-\x09\x0b-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202e\ufe0e\ufe0f\ufeff]", text)

    assert not hidden
    assert json.loads(text)
