"""The reaction routes, through HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from openheart.errors import BackendUnavailable, OutcomeUnknown
from openheart.storage import Change, Counts
from openheart.storage.memory.backend import MemoryBackend

from .conftest import MakeClient


def react(client: FlaskClient, target: str, emoji: str = "🥨") -> TestResponse:
    return client.post(f"/openheart/{target}", data=emoji.encode())


def problem_of(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    document = json.loads(answer.data)
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    return answer.status_code, document["type"]


class TestReading:
    def test_a_target_nobody_reacted_to_has_no_counts(self, client: FlaskClient) -> None:
        answer = client.get("/openheart/hello")
        assert (answer.status_code, answer.json) == (200, {})

    def test_counts_come_largest_first_then_in_code_point_order(self, client: FlaskClient) -> None:
        for emoji in "🥨🎉🥨👍":
            react(client, "hello", emoji)
        assert client.get("/openheart/hello").data.decode() == '{"🥨": 2, "🎉": 1, "👍": 1}\n'

    def test_the_front_page_is_a_target_in_each_of_its_spellings(self, client: FlaskClient) -> None:
        react(client, "")
        for address in (
            "/openheart",
            "/openheart/",
            "/openheart//",
            "/openheart/?target=/",
            "/openheart/?utm=1",
        ):
            counts = client.get(address).json
            assert counts in ({"🥨": 1}, {"/": {"🥨": 1}}), address

    def test_the_query_is_not_part_of_the_target(self, client: FlaskClient) -> None:
        react(client, "hello?utm_source=a")
        assert client.get("/openheart/hello?utm_source=b").json == {"🥨": 1}

    def test_a_client_that_has_the_counts_gets_304_until_they_change(self, client: FlaskClient) -> None:
        react(client, "hello")
        first = client.get("/openheart/hello")
        etag = first.headers["ETag"]
        assert etag.startswith('W/"')
        again = client.get("/openheart/hello", headers={"If-None-Match": etag})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
        react(client, "hello")
        assert client.get("/openheart/hello", headers={"If-None-Match": etag}).status_code == 200

    def test_counts_are_asked_for_again_each_time_unless_a_setting_says_otherwise(
        self, client: FlaskClient, make_client: MakeClient
    ) -> None:
        assert client.get("/openheart/a").headers["Cache-Control"] == "no-cache"
        assert make_client(max_age="1m").get("/openheart/a").headers["Cache-Control"] == "public, max-age=60"

    def test_HEAD_is_GET_without_its_body(self, client: FlaskClient) -> None:
        react(client, "hello")
        get, head = client.get("/openheart/hello"), client.head("/openheart/hello")
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Length"] == str(len(get.data))
        assert head.headers["ETag"] == get.headers["ETag"]

    def test_write_only_mode_shows_no_counts_anywhere(self, make_client: MakeClient) -> None:
        client = make_client(write_only=True, listing=True)
        answer = react(client, "hello")
        assert (answer.status_code, answer.data) == (204, b"")
        for address in ("/openheart/hello", "/openheart/?target=hello", "/openheart/?list="):
            assert problem_of(client.get(address)) == (403, "reading-not-allowed")
        page = client.post("/openheart/hello", data="🥨", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "🥨" not in page.text

    @pytest.mark.parametrize("address", ["a%0Ab", "a/../b", "-/other", "a" * 513])
    def test_what_cannot_be_a_target_is_refused(self, client: FlaskClient, address: str) -> None:
        assert problem_of(client.get(f"/openheart/{address}")) == (400, "invalid-target")
        assert problem_of(react(client, address)) == (400, "invalid-target")

    @pytest.mark.parametrize("raw", [b"\xff", b"caf\xe9", b"\xed\xa0\x80"])
    def test_a_path_that_is_not_utf_8_is_refused(self, client: FlaskClient, raw: bytes) -> None:
        # Set in the environ, because the test client would repair the address.
        path = {"PATH_INFO": (b"/openheart/" + raw).decode("latin-1")}
        assert problem_of(client.get(environ_overrides=path)) == (400, "invalid-target")

    def test_a_replacement_character_that_the_visitor_wrote_is_a_character(self, client: FlaskClient) -> None:
        react(client, "a%EF%BF%BDb")
        assert client.get("/openheart/a%EF%BF%BDb").json == {"🥨": 1}

    def test_counts_from_before_the_storage_became_unavailable_are_marked_stale(
        self, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = make_client(stale="1h")
        react(client, "hello")
        assert "Cache-Status" not in client.get("/openheart/hello").headers

        def fail(self: MemoryBackend, targets: Sequence[str]) -> list[Counts]:
            raise BackendUnavailable("down")

        monkeypatch.setattr(MemoryBackend, "counts", fail)
        answer = client.get("/openheart/hello")
        assert (answer.status_code, answer.json) == (200, {"🥨": 1})
        assert answer.headers["Cache-Status"] == "openheart; hit; ttl=-1"
        assert problem_of(client.get("/openheart/other")) == (503, "storage-unavailable")


class TestBatch:
    def test_several_targets_are_answered_as_they_were_asked(self, client: FlaskClient) -> None:
        react(client, "caf%C3%A9")
        answer = client.get("/openheart/?target=caf%C3%A9&target=/caf%25C3%25A9/&target=other")
        assert answer.json == {"café": {"🥨": 1}, "/caf%C3%A9/": {"🥨": 1}, "other": {}}

    def test_it_asks_the_storage_once(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[Sequence[str]] = []
        real = MemoryBackend.counts

        def counted(self: MemoryBackend, targets: Sequence[str]) -> list[Counts]:
            calls.append(targets)
            return real(self, targets)

        monkeypatch.setattr(MemoryBackend, "counts", counted)
        client.get("/openheart/?" + "&".join(f"target={number}" for number in range(100)))
        assert [len(targets) for targets in calls] == [100]

    def test_more_than_a_hundred_targets_are_refused(self, client: FlaskClient) -> None:
        answer = client.get("/openheart/?" + "&".join(f"target={number}" for number in range(101)))
        assert problem_of(answer) == (400, "invalid-request")

    def test_each_spelling_is_answered_and_each_page_is_read_once(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        react(client, "p")
        read: list[Sequence[str]] = []
        counts = MemoryBackend.counts

        def counted(backend: MemoryBackend, targets: Sequence[str]) -> list[Counts]:
            read.append([*targets])
            return counts(backend, targets)

        monkeypatch.setattr(MemoryBackend, "counts", counted)
        spellings = [f"p?x{number}" for number in range(99)]

        answer = client.get("/openheart/", query_string={"target": [*spellings, "q"]})

        assert answer.json == {spelling: {"🥨": 1} for spelling in spellings} | {"q": {}}
        assert read == [["p", "q"]]

    def test_an_answer_is_at_most_as_large_as_that_of_a_hundred_full_pages(
        self, make_client: MakeClient
    ) -> None:
        client = make_client(max_emoji=5, listing=True)
        everything = [chr(0x1F600 + number) for number in range(60)]
        service = client.application.extensions["openheart"].service
        for target in ("large/1", "large/2", "large/3"):
            service.backend.at_least([(target, dict.fromkeys(everything, 1))])

        answer = client.get("/openheart/", query_string={"target": [f"large/1?{n}" for n in range(17)]})

        assert problem_of(answer) == (400, "invalid-request")
        assert answer.json is not None
        assert answer.json["detail"].startswith("The answer would have 1020 counts, and may have 1000:")
        fewer = client.get("/openheart/", query_string={"target": [f"large/1?{n}" for n in range(16)]})
        assert fewer.status_code == 200
        assert client.get("/openheart/?target=large/1").status_code == 200

    def test_a_list_of_large_pages_comes_in_smaller_parts(self, make_client: MakeClient) -> None:
        client = make_client(max_emoji=1, listing=True)
        everything = [chr(0x1F600 + number) for number in range(60)]
        service = client.application.extensions["openheart"].service
        expected = {f"large/{number:02}" for number in range(30)}
        service.backend.at_least([(target, dict.fromkeys(everything, 1)) for target in expected])
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = client.get("/openheart/", query_string={"list": "", **cursor}).json
            assert page is not None
            assert len(page["targets"]) <= 10
            seen += page["targets"]
            if page["cursor"] is None:
                break
            cursor = {"cursor": page["cursor"]}
        assert sorted(seen) == sorted(expected)

    def test_one_bad_target_refuses_the_request(self, client: FlaskClient) -> None:
        assert problem_of(client.get("/openheart/?target=a&target=..")) == (400, "invalid-target")
        assert problem_of(client.get("/openheart/?target=%ff")) == (400, "invalid-target")


class TestListing:
    def test_targets_are_not_listed_unless_switched_on(self, client: FlaskClient) -> None:
        assert problem_of(client.get("/openheart/?list=")) == (403, "listing-not-allowed")

    def test_pages_of_a_hundred_hold_every_target_once(self, make_client: MakeClient) -> None:
        client = make_client(listing=True)
        for number in range(250):
            react(client, f"blog/{number}")
        react(client, "other")
        seen: list[str] = []
        sizes, cursor = [], ""
        while cursor is not None:
            page = client.get(
                "/openheart/", query_string={"list": "blog/", **({"cursor": cursor} if cursor else {})}
            )
            assert page.json is not None
            sizes.append(len(page.json["targets"]))
            seen += page.json["targets"]
            cursor = page.json["cursor"]
        assert sizes == [100, 100, 50]
        assert sorted(seen) == sorted(f"blog/{number}" for number in range(250))

    @pytest.mark.parametrize(
        ("prefix", "expected"), [("/blog", "blog/1"), ("caf%C3%A9", "café/1"), ("cafe%CC%81", "café/1")]
    )
    def test_a_prefix_is_read_like_the_beginning_of_a_target(
        self, make_client: MakeClient, prefix: str, expected: str
    ) -> None:
        client = make_client(listing=True)
        react(client, "blog/1")
        react(client, "caf%C3%A9/1")
        found = client.get(f"/openheart/?list={prefix}").json
        assert found is not None
        assert list(found["targets"]) == [expected]

    def test_a_cursor_of_nobody_is_refused(self, make_client: MakeClient) -> None:
        answer = make_client(listing=True).get("/openheart/?list=&cursor=%00nonsense")
        assert problem_of(answer) == (400, "invalid-request")

    def test_targets_and_a_list_together_are_refused(self, make_client: MakeClient) -> None:
        answer = make_client(listing=True).get("/openheart/?list=&target=a")
        assert problem_of(answer) == (400, "invalid-request")


class TestReacting:
    def test_the_answer_holds_the_counts_after_it_and_is_not_stored(self, client: FlaskClient) -> None:
        react(client, "hello")
        answer = react(client, "hello")
        assert (answer.status_code, answer.json) == (200, {"🥨": 2})
        assert answer.headers["Cache-Control"] == "no-store"

    def test_a_target_in_the_query_of_the_front_address_is_the_target(self, client: FlaskClient) -> None:
        assert client.post("/openheart/?target=/caf%25C3%25A9", data="🥨").status_code == 200
        assert client.get("/openheart/caf%C3%A9").json == {"🥨": 1}
        assert problem_of(client.post("/openheart/?target=a&target=b", data="🥨")) == (400, "invalid-request")
        assert client.get("/openheart/a").json == {}

    @pytest.mark.parametrize(
        ("body", "content_type", "expected"),
        [
            (b"", None, (400, "invalid-emoji")),
            (b"hello", None, (400, "invalid-emoji")),
            (b"\xff\xfe", "text/plain", (400, "invalid-body")),
            (b"{", "application/json", (400, "invalid-body")),
            (b"\xf0\x9f\xa5\xa8", "image/png", (415, "unsupported-body")),
            (b"x" * 16385, None, (413, "body-too-large")),
        ],
    )
    def test_a_body_without_an_emoji_is_refused_and_nothing_counted(
        self, client: FlaskClient, body: bytes, content_type: str | None, expected: tuple[int, str]
    ) -> None:
        assert problem_of(client.post("/openheart/hello", data=body, content_type=content_type)) == expected
        assert client.get("/openheart/hello").json == {}

    def test_an_emoji_outside_the_list_is_refused(self, make_client: MakeClient) -> None:
        client = make_client(emoji="👍 ❤️")
        assert problem_of(react(client, "hello", "🥨")) == (400, "emoji-not-allowed")
        assert react(client, "hello", "👍🏽").json == {"👍🏽": 1}

    def test_a_page_takes_so_many_different_emoji_and_then_those_only(self, make_client: MakeClient) -> None:
        client = make_client(max_emoji=2)
        for emoji in ("🥨", "🐸", "❤️", "🥨"):
            assert react(client, "full", emoji).status_code == 200

        answer = react(client, "full", "🦄")

        assert problem_of(answer) == (409, "too-many-emoji")
        assert answer.json is not None
        assert answer.json["detail"] == (
            "This page has 3 different emoji and takes no more: send one such as 🥨 ❤️ 🐸 👍 🎉"
        )
        assert client.get("/openheart/full").json == {"🥨": 2, "❤️": 1, "🐸": 1}
        assert react(client, "full", "👍").json == {"🥨": 2, "❤️": 1, "🐸": 1, "👍": 1}
        assert react(client, "full", "🐸").status_code == 200
        assert react(client, "other", "🦄").json == {"🦄": 1}

    def test_emoji_that_the_site_names_are_never_too_many(self, make_client: MakeClient) -> None:
        client = make_client(max_emoji=1, emoji="🥨 🐸 🦄")
        for emoji in ("🥨", "🐸", "🦄"):
            assert react(client, "full", emoji).status_code == 200

    def test_hold_mode_refuses_reactions_and_goes_on_reading(self, make_client: MakeClient) -> None:
        client = make_client(hold=True)
        answer = react(client, "hello")
        assert problem_of(answer) == (503, "storage-unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert client.get("/openheart/hello").json == {}

    @pytest.mark.parametrize(
        ("error", "kind"),
        [(BackendUnavailable("down"), "storage-unavailable"), (OutcomeUnknown("lost"), "outcome-unknown")],
    )
    def test_a_storage_that_fails_is_503_with_a_time_to_try_again(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str
    ) -> None:
        def fail(self: MemoryBackend, changes: Sequence[Change]) -> list[Counts]:
            raise error

        monkeypatch.setattr(MemoryBackend, "apply", fail)
        answer = react(client, "hello")
        assert problem_of(answer) == (503, kind)
        assert int(answer.headers["Retry-After"]) > 0
        assert "down" not in answer.text


class TestMethods:
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
    def test_any_other_method_is_405_as_a_problem_document(self, client: FlaskClient, method: str) -> None:
        answer = client.open("/openheart/hello", method=method)
        assert problem_of(answer) == (405, "method-not-allowed")
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"

    def test_OPTIONS_tells_what_is_allowed(self, client: FlaskClient) -> None:
        answer = client.options("/openheart/hello")
        assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
