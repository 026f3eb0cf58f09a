"""Live events within one process: what a page may listen to, and what a browser hears."""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask, render_template_string
from werkzeug.test import TestResponse

import openheart
from openheart.batteries import battery_of
from openheart.batteries.live.battery import Live
from openheart.errors import BackendUnavailable, ConfigError, InvalidTarget, ReadingNotAllowed

from ...child import run_child
from .sse import Stream

SETTINGS: dict[str, Any] = {
    "uri": "memory:",
    "live": True,
    "secret_key": "not a secret",
    "live_heartbeat": "50s",
}

Listen = Callable[..., Stream]


def load(**settings: Any) -> Flask:
    return openheart.load(name="one", **{**SETTINGS, **settings})


def url(*channels: str, app: Flask | None = None, **options: Any) -> str:
    with (app or openheart.get_app()).test_request_context():
        return openheart.live.live_url(*channels, **options)


def told(answer: TestResponse) -> tuple[int, str]:
    assert answer.status_code >= 400, "a stream does not end"
    return answer.status_code, json.loads(answer.text)["type"]


def listens(channels: list[str], last: str = "", cut: int | None = None) -> Stream:
    """What a browser hears in so many blocks; by default until an event that comes in the last channel."""
    headers = {"Last-Event-ID": last} if last else {}
    with openheart.get_app().test_client().get(url(*channels), headers=headers) as answer:
        stream = Stream(answer.iter_encoded())
        if cut is not None:
            stream.read(cut)
            return stream
        openheart.live.emit(channels[-1], "end")
        while stream.next().data.get("data") != "end":
            pass
        return stream


def count() -> int:
    return battery_of(Live).resource.hub.count


@pytest.fixture
def answers() -> Iterator[list[TestResponse]]:
    found: list[TestResponse] = []
    yield found
    for each in found:
        each.close()


@pytest.fixture
def listen(answers: list[TestResponse]) -> Listen:
    """Opens a stream of the loaded app."""

    def open_stream(address: str, app: Flask | None = None, **headers: str) -> Stream:
        client = (app or openheart.get_app()).test_client()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.get(address.partition("#")[0], headers=sent)
        answers.append(answer)
        assert answer.status_code == 200, answer.text
        return Stream(answer.iter_encoded()).begin()

    return open_stream


class TestPublishing:
    def test_who_listens_to_the_channel_gets_it_and_nobody_else(self, listen: Listen) -> None:
        load()
        news, both, other = listen(url("news")), listen(url("news", "weather")), listen(url("other"))
        first = openheart.live.emit("news", {"title": "Grüße\n🥨"})
        second = openheart.live.emit("weather", 12, event="degrees")
        third = openheart.live.emit("other", None)
        expected = ("message", {"channel": "news", "data": {"title": "Grüße\n🥨"}}, first)
        assert news.next() == expected
        assert both.next() == expected
        assert both.next() == ("degrees", {"channel": "weather", "data": 12}, second)
        assert other.next() == ("message", {"channel": "other", "data": None}, third)

    def test_it_is_one_line_for_each_field_whatever_is_sent(self, answers: list[TestResponse]) -> None:
        app = load()
        answer = app.test_client().get(url("news"))
        answers.append(answer)
        chunks = answer.iter_encoded()
        next(chunks)
        openheart.live.emit("news", "a\r\nb\ndata: forged\u2028\r\n\r\n")
        assert next(chunks).count(b"\n") == 3

    @pytest.mark.parametrize("channel", ["", "a\nb", "a\rb", "a\0", "x" * 201, "\ud800", "\u2028"])
    def test_a_name_that_no_channel_can_have_is_refused(self, channel: str) -> None:
        load()
        with pytest.raises(ValueError, match="is not a valid name of a channel: expected text of 1 to 200"):
            openheart.live.emit(channel, 1)
        with pytest.raises(ValueError, match="is not a valid name of a channel"):
            url(channel)

    @pytest.mark.parametrize("event", ["", "a b", "a\nb", "reaction", "reset", "error", "1st"])
    def test_a_type_that_no_event_can_have_is_refused(self, event: str) -> None:
        load()
        with pytest.raises(ValueError, match="is not a valid type of an event"):
            openheart.live.emit("news", 1, event=event)

    @pytest.mark.parametrize("data", [float("nan"), {1, 2}, b"bytes", "x" * 65_536])
    def test_what_cannot_be_sent_is_refused_before_anything_is(self, data: object, listen: Listen) -> None:
        load()
        stream = listen(url("news"))
        with pytest.raises((ValueError, TypeError)):
            openheart.live.emit("news", data)
        openheart.live.emit("news", "next")
        assert stream.next().data["data"] == "next"

    def test_without_OPENHEART_LIVE_it_says_so(self) -> None:
        load(live=False)
        with pytest.raises(ConfigError, match="OPENHEART_LIVE=None"):
            openheart.live.emit("news", 1)
        with pytest.raises(ConfigError, match="OPENHEART_LIVE=False.*load"):
            url("news")

    def test_two_apps_of_one_process_hear_nothing_of_each_other(self, listen: Listen) -> None:
        one, two = load(), openheart.load(Flask("two"), **SETTINGS)
        first, second = listen(url("news", app=one), one), listen(url("news", app=two), two)
        openheart.live.emit("news", 1, app=one)
        openheart.live.emit("news", 2, app=two)
        assert (first.next().data["data"], second.next().data["data"]) == (1, 2)
        battery_of(Live, one).close()


class TestWhatAPageHandsOver:
    def test_no_other_channel_can_be_heard_with_it(self) -> None:
        client = load().test_client()
        path, _, token = url("news").partition("?channel=")
        changed = token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]
        for forged in ("news", "c:news", token[:-1], changed, token.replace("ImM", "InQ", 1), ""):
            answer = client.get(path, query_string={"channel": forged})
            assert told(answer) == (403, "invalid-signature")
            assert answer.content_type == "application/problem+json"
        assert count() == 0

    def test_one_good_channel_does_not_let_a_forged_one_in(self) -> None:
        client = load().test_client()
        assert client.get(f"{url('news')}&channel=forged").status_code == 403

    def test_that_of_another_app_with_the_same_key_is_none_of_ours(self) -> None:
        one, two = load(), openheart.load(Flask("two"), **SETTINGS)
        assert two.test_client().get(url("news", app=one)).status_code == 403

    def test_that_of_another_instance_with_the_same_key_is_none_of_ours(self) -> None:
        address = url("news", app=load())
        assert load(instance="staging").test_client().get(address).status_code == 403

    def test_a_key_that_was_replaced_is_still_read(self, listen: Listen) -> None:
        address = url("news", app=load())
        app = Flask("one")
        app.config["SECRET_KEY_FALLBACKS"] = ["not a secret"]
        openheart.load(app, **{**SETTINGS, "secret_key": "a new one"})
        listen(address)

    def test_it_ends_after_its_life_and_so_does_the_stream(
        self, monkeypatch: pytest.MonkeyPatch, listen: Listen
    ) -> None:
        app = load(live_life="10s")
        now = int(time.time())
        monkeypatch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda self: now)
        address = url("news")
        monkeypatch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda self: now + 9)
        monkeypatch.setattr("openheart.batteries.live.view.time.time", lambda: now + 10.5)
        assert listen(address).end() == []
        monkeypatch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda self: now + 12)
        answer = app.test_client().get(address)
        assert told(answer) == (403, "invalid-signature")
        assert "URL has expired" in json.loads(answer.text)["detail"]

    @pytest.mark.parametrize(("query", "number"), [("", 0), ("?channel=a" + "&channel=a" * 100, 101)])
    def test_none_and_too_many_are_refused(self, query: str, number: int) -> None:
        answer = load().test_client().get(f"/openheart/-/live{query}")
        assert told(answer) == (400, "invalid-request")
        assert f"{number} channels were given" in json.loads(answer.text)["detail"]

    def test_templates_have_it_too(self) -> None:
        app = load()
        with app.test_request_context():
            shown = render_template_string("{{ live_url('news', target='/posts/é') }}")
            assert shown.replace("&amp;", "&") == openheart.live.live_url("news", target="/posts/é")

    def test_a_name_that_the_templates_of_the_app_have_stays_theirs(self) -> None:
        app = Flask("own")
        app.jinja_env.globals["live_url"] = "mine"
        openheart.load(app, **SETTINGS)
        with app.app_context():
            assert render_template_string("{{ live_url }}") == "mine"

    def test_the_target_stands_behind_the_number_sign_for_scripts(self) -> None:
        load()
        assert unquote(urlsplit(url(target="//example.com/a b%?/")).fragment) == "example.com/a b%?"

    def test_a_full_url_can_be_asked_for(self) -> None:
        load()
        assert url("news", _external=True).startswith("http://localhost/openheart/-/live?channel=")

    def test_what_is_no_target_and_nothing_at_all_are_refused(self) -> None:
        load()
        with pytest.raises(InvalidTarget):
            url(target="a/../b")
        with pytest.raises(ValueError, match="needs the name of a channel"):
            url()


class TestReactions:
    def test_who_listens_to_a_target_hears_its_counts_at_once_and_as_they_change(
        self, listen: Listen
    ) -> None:
        load()
        openheart.react("/hello", "🥨")
        stream = listen(url(target="/hello"))
        assert stream.next() == ("reaction", {"target": "hello", "counts": {"🥨": 1}}, stream.id)
        openheart.react("hello", "🎉")
        openheart.react("other", "🎉")
        assert stream.next().data == {"target": "hello", "counts": {"🎉": 1, "🥨": 1}}

    def test_a_page_that_is_hot_is_sent_its_newest_counts_only(self, listen: Listen) -> None:
        load(live_backlog=1)
        stream = listen(url(target="hello"))
        for _ in range(500):
            openheart.react("hello", "🥨")
        heard = [stream.next().data["counts"].get("🥨", 0)]
        while heard[-1] < 500:
            heard.append(stream.next().data["counts"].get("🥨", 0))
        assert heard == sorted(set(heard))
        assert len(heard) < 50

    def test_a_reaction_does_not_wait_for_a_reader_and_none_fails(
        self, monkeypatch: pytest.MonkeyPatch, listen: Listen
    ) -> None:
        app = load()
        listen(url(target="hello"))
        held, goes_on = threading.Event(), threading.Event()
        service = app.extensions["openheart"].service
        read = service.reactions_of

        def slow(targets: Any) -> Any:
            held.set()
            assert goes_on.wait(30)
            return read(targets)

        monkeypatch.setattr(type(service), "reactions_of", lambda self, targets: slow(targets))
        openheart.react("hello", "🥨")
        assert held.wait(30)
        assert openheart.react("hello", "🥨") == {"🥨": 2}
        goes_on.set()

    def test_while_the_storage_is_unavailable_it_is_logged_once_and_the_newest_counts_follow(
        self, monkeypatch: pytest.MonkeyPatch, listen: Listen, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = load()
        stream = listen(url(target="hello"))
        assert stream.next().data["counts"] == {}
        service = type(app.extensions["openheart"].service)
        read, failures = service.reactions_of, iter(range(3))

        def failing(self: Any, targets: Any) -> Any:
            if next(failures, None) is not None:
                raise BackendUnavailable("the storage is unavailable")
            return read(self, targets)

        monkeypatch.setattr(service, "reactions_of", failing)
        with caplog.at_level(logging.INFO, "openheart"):
            openheart.react("hello", "🥨")
            assert stream.next().data["counts"] == {"🥨": 1}
        said = [record.levelname for record in caplog.records if "storage is unavailable" in record.message]
        assert said == ["WARNING"]

    def test_where_counts_are_hidden_nobody_hears_them(self) -> None:
        app = load(write_only=True)
        with pytest.raises(ReadingNotAllowed):
            url(target="hello")
        live = battery_of(Live, app)
        token = live.tokens.sign("t:hello")
        answer = app.test_client().get(f"/openheart/-/live?channel={token}")
        assert told(answer) == (403, "reading-not-allowed")


class TestComingBack:
    def test_what_came_meanwhile_is_sent_once_and_in_order(self, listen: Listen) -> None:
        load()
        stream = listen(url("a", "b"))
        openheart.live.emit("a", 1)
        last = stream.next().id
        for number in range(2, 6):
            openheart.live.emit("ab"[number % 2], number)
        openheart.live.emit("c", "not asked for")
        again = listen(url("a", "b"), Last_Event_ID=last)
        assert [again.next().data["data"] for _ in range(4)] == [2, 3, 4, 5]
        openheart.live.emit("a", 6)
        assert again.next().data["data"] == 6

    def test_it_has_no_newer_id_before_it_has_the_events(self, listen: Listen) -> None:
        load()
        last = listen(url("a")).id
        for number in range(3):
            openheart.live.emit("a", number)
        stream = listen(url("a"), Last_Event_ID=last)
        assert stream.id == ""
        assert stream.next().id < openheart.live.emit("a", 3)

    def test_what_it_is_sent_at_once_does_not_make_it_slow(self, listen: Listen) -> None:
        load(live_backlog=3)
        last = listen(url("a")).id
        for number in range(3):
            openheart.live.emit("a", number)
        stream = listen(url("a"), Last_Event_ID=last)
        for number in range(3, 6):
            openheart.live.emit("a", number)
        assert [stream.next().data["data"] for _ in range(6)] == list(range(6))

    def test_who_heard_nothing_yet_misses_nothing_either(self, listen: Listen) -> None:
        load()
        last = listen(url("a")).id
        openheart.live.emit("a", 1)
        assert listen(url("a"), Last_Event_ID=last).next().data["data"] == 1

    def test_a_script_that_cannot_send_the_header_says_it_in_the_address(self, listen: Listen) -> None:
        load()
        last = listen(url("a")).id
        openheart.live.emit("a", 1)
        assert listen(f"{url('a')}&last={last}").next().data["data"] == 1

    def test_what_is_no_longer_kept_is_told_by_a_reset(self, listen: Listen) -> None:
        load(live_backlog=3)
        last = listen(url("a")).id
        for number in range(4):
            openheart.live.emit("a", number)
        stream = listen(url("a", "b"), Last_Event_ID=last)
        assert stream.next()[:2] == ("reset", {"channel": "a"})
        assert [stream.next().data["data"] for _ in range(3)] == [1, 2, 3]
        openheart.live.emit("b", "no reset before")
        assert stream.next().data["data"] == "no reset before"

    @pytest.mark.parametrize("last", ["nonsense", "0.0", "abc.99999999999999999999", "{era}.99", "é.1", "\n"])
    def test_an_id_that_is_none_of_ours_is_told_by_a_reset(self, listen: Listen, last: str) -> None:
        load()
        last = last.format(era=listen(url("a")).id.partition(".")[0])
        stream = listen(f"{url('a')}&last={last.encode('unicode_escape').decode()}")
        assert stream.next()[:2] == ("reset", {"channel": "a"})

    def test_who_is_cut_off_between_a_reset_and_events_hears_both(self) -> None:
        load(live_backlog=3)
        last = listens(["a", "b"], cut=1).id
        for number in range(4):
            openheart.live.emit("a", number)
        for number in (4, 5):
            openheart.live.emit("b", number)
        # What begins the stream, the reset, five events and the id of the position.
        for cut in range(1, 9):
            first = listens(["a", "b", f"end {cut}"], last, cut)
            second = listens(["a", "b", f"end {cut}"], first.id or last)
            heard = first.heard + second.heard
            assert {event.data["channel"] for event in heard if event.type == "reset"} == {"a"}
            assert [event.data["data"] for event in heard if event.type == "message"] == [
                1,
                2,
                3,
                4,
                5,
                "end",
            ]
            assert len(second.heard) == 1 or cut < 7

    def test_who_is_cut_off_between_the_resets_of_a_new_process_hears_all_of_them(self) -> None:
        app = load()
        last = listens(["a", "b"], cut=1).id
        battery_of(Live, app).close()
        for cut in range(1, 5):
            first = listens(["a", "b", f"end {cut}"], last, cut)
            second = listens(["a", "b", f"end {cut}"], first.id or last)
            resets = {event.data["channel"] for event in first.heard + second.heard if event.type == "reset"}
            assert resets - {f"end {cut}"} == {"a", "b"}
        everything = listens(["a", "b"], last, 4)
        assert everything.id
        assert [event.type for event in everything.heard] == ["reset", "reset"]
        assert [event.type for event in listens(["a", "b", "end"], everything.id).heard] == ["message"]

    def test_a_new_process_tells_a_reset(self, listen: Listen) -> None:
        app = load()
        last = listen(url("a")).id
        battery_of(Live, app).close()
        assert listen(url("a"), Last_Event_ID=last).next().type == "reset"

    def test_browsers_come_back_at_different_times(self, listen: Listen) -> None:
        load(live_listeners=20)
        assert len({listen(url("a")).retry for _ in range(12)}) > 1


class TestTheRoute:
    def test_HEAD_and_OPTIONS_take_no_place_and_other_methods_are_refused(self) -> None:
        client = load().test_client()
        head = client.head(url("news"))
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        preflight = client.options(
            url("news"), headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        )
        assert preflight.status_code == 204
        assert "Last-Event-ID" in preflight.headers["Access-Control-Allow-Headers"]
        refused = client.post(url("news"))
        assert told(refused) == (405, "method-not-allowed")
        assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert count() == 0

    def test_pages_of_origins_that_are_not_named_do_not_listen(self, listen: Listen) -> None:
        client = load(origins="https://blog.example").test_client()
        refused = client.get(url("news"), headers={"Origin": "https://other.example"})
        assert told(refused) == (403, "origin-not-allowed")
        assert count() == 0
        for origin in ("https://blog.example", "http://localhost"):
            listen(url("news"), Origin=origin)
        listen(url("news"))

    def test_one_more_than_may_is_told_when_to_come_back_and_the_log_says_so_once(
        self, listen: Listen, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = load(live_listeners=1).test_client()
        listen(url("news"))
        for _ in range(3):
            refused = client.get(url("news"))
            assert told(refused) == (503, "live-full")
            assert refused.headers["Retry-After"] == "15"
        said = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(said) == 1
        assert "OPENHEART_LIVE_LISTENERS" in said[0]

    def test_a_stream_that_nobody_closes_frees_its_place(self) -> None:
        app = load()

        @app.after_request
        def replace(response: Any) -> Any:
            return app.response_class("something else") if count() else response

        assert app.test_client().get(url("news")).text == "something else"
        gc.collect()
        assert count() == 0

    def test_unload_ends_every_stream(self, listen: Listen) -> None:
        load()
        streams = [listen(url("news")) for _ in range(3)]
        openheart.unload()
        assert [stream.end() for stream in streams] == [[], [], []]

    def test_a_server_that_stops_ends_the_streams_and_takes_no_more(self, listen: Listen) -> None:
        app = load()
        stream = listen(url("news"))
        app.extensions["openheart"].serving.is_stopping = lambda: True
        assert stream.end() == []
        assert told(app.test_client().get(url("news"))) == (503, "live-full")
        assert count() == 0

    @pytest.mark.parametrize(
        ("settings", "threads", "most"),
        [
            ({}, None, 8),
            ({"server_threads": 6}, None, 3),
            ({}, 5, 2),
            ({"live_listeners": 200}, None, 200),
            ({"live_listeners": 200}, 64, 63),
            ({"live_listeners": 4}, 64, 4),
        ],
    )
    def test_how_many_may_listen_is_half_of_the_threads_and_never_all_of_them(
        self, settings: dict[str, int], threads: int | None, most: int
    ) -> None:
        app = load(**settings)
        app.extensions["openheart"].serving.threads = threads
        assert battery_of(Live, app).most_listeners() == most

    def test_it_is_in_the_openapi_document(self) -> None:
        document = json.loads(load().test_client().get("/openheart/-/openapi.json").text)
        assert set(document["paths"]["/-/live"]["get"]["responses"]) == {"200", "400", "403", "503"}

    def test_it_is_ready(self) -> None:
        answer = load().test_client().get("/openheart/-/readyz")
        assert json.loads(answer.text)["batteries"] == {"live": "ok"}


class TestLoading:
    def test_without_a_key_to_sign_with_it_is_an_error_at_the_start(self) -> None:
        with pytest.raises(ConfigError, match="SECRET_KEY=None.*OPENHEART_LIVE is on.*token_hex"):
            load(secret_key=None)

    def test_the_key_of_the_app_itself_is_one(self) -> None:
        app = Flask("own")
        app.secret_key = "its own"
        openheart.load(app, uri="memory:", live=True)
        assert url("news").startswith("/openheart/-/live?channel=")

    def test_one_thread_is_too_few(self) -> None:
        with pytest.raises(ConfigError, match="SERVER_THREADS=1.*2 or more"):
            load(server_threads=1)
        load(server_threads=1, live_listeners=5)

    def test_without_valkey_no_driver_is_loaded_and_without_live_nothing_of_it(self) -> None:
        code = """
import sys, openheart
openheart.load(name="one", uri="memory:")
assert not [name for name in sys.modules if "batteries.live." in name and not name.endswith(".row")]
openheart.load(name="two", uri="memory:", live=True, secret_key="k")
openheart.live.emit("news", 1)
print("valkey" in sys.modules)
"""
        assert run_child(code) == "False\n"
