from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.batteries import battery_of
from openheart.batteries.pusher.battery import Pusher
from openheart.errors import BatteryError, BatteryUnavailable, ConfigError, InvalidRequest, MissingDependency

from ...child import run_child
from ...servers.pusher import PusherServer


@pytest.fixture
def server() -> Iterator[PusherServer]:
    made = PusherServer()
    yield made
    openheart.unload()
    made.stop()


def load(server: PusherServer, **options: Any) -> Flask:
    settings: dict[str, Any] = {**server.settings(), **options}
    return openheart.load(name="one", uri="memory:", **settings)


def signed(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_an_event_reaches_the_server_with_a_signature_that_it_takes(server: PusherServer) -> None:
    load(server)
    assert openheart.pusher.trigger("posts", "added", {"title": "Grüße 🥨"}, socket_id="1.2") == {}
    assert server.faults == []
    assert server.events[0]["channels"] == ["posts"]
    assert server.events[0]["name"] == "added"
    assert server.events[0]["socket_id"] == "1.2"
    assert json.loads(server.events[0]["data"]) == {"title": "Grüße 🥨"}


def test_the_server_of_these_tests_refuses_another_secret(server: PusherServer) -> None:
    load(server, pusher_secret="another")
    with pytest.raises(BatteryError, match=r"pusher: .*Invalid signature.*PUSHER_SECRET") as caught:
        openheart.pusher.trigger("posts", "added", {})
    assert server.events == []
    assert "another" not in str(caught.value)


def test_one_event_goes_to_several_channels(server: PusherServer) -> None:
    load(server)
    openheart.pusher.trigger(("one", "private-two"), "added", "text")
    assert server.events[0]["channels"] == ["one", "private-two"]
    assert server.events[0]["data"] == "text"


@pytest.mark.parametrize(
    ("channels", "event", "data", "socket_id"),
    [
        ("", "e", "", None),
        ("with space", "e", "", None),
        ("line\nbreak", "e", "", None),
        ("break\n", "e", "", None),
        ("x" * 201, "e", "", None),
        ([], "e", "", None),
        (["c"] * 101, "e", "", None),
        ([7], "e", "", None),
        ("c", "", "", None),
        ("c", "e" * 201, "", None),
        ("c", "e", object(), None),
        ("c", "e", "x" * 40_000, None),
        ("c", "e", "", "12"),
        ("c", "e", "", "1.2\n"),
    ],
)
def test_what_pusher_would_refuse_is_not_sent(
    server: PusherServer, channels: str | list[str], event: str, data: object, socket_id: str | None
) -> None:
    load(server)
    with pytest.raises(InvalidRequest):
        openheart.pusher.trigger(channels, event, data, socket_id)
    assert server.events == []
    assert server.faults == []


def test_a_private_channel_is_signed_as_the_documentation_says(server: PusherServer) -> None:
    load(server)
    answer = openheart.pusher.authenticate("private-foobar", "1234.1234")
    assert answer == {"auth": f"{server.key}:{signed(server.secret, '1234.1234:private-foobar')}"}


def test_a_presence_channel_is_signed_together_with_who_it_is(server: PusherServer) -> None:
    load(server)
    who = {"user_id": 10, "user_info": {"name": "Mr. Channels"}}
    answer = openheart.pusher.authenticate("presence-foobar", "1234.1234", who)
    assert json.loads(answer["channel_data"]) == who
    text = f"1234.1234:presence-foobar:{answer['channel_data']}"
    assert answer["auth"] == f"{server.key}:{signed(server.secret, text)}"


def test_the_example_of_pushers_documentation_has_the_signature_that_it_shows(server: PusherServer) -> None:
    # "Authorizing users", section "Examples": key 278d425bdf160c739803, secret 7ad3773142a6692b25b8.
    load(server)
    answer = openheart.pusher.authenticate("private-foobar", "1234.1234")
    assert answer["auth"] == (
        "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    )


@pytest.mark.parametrize(
    ("channel", "socket_id", "custom_data"),
    [
        ("public", "1.2", None),
        ("private-encrypted-x", "1.2", None),
        ("private-x:1.2", "1.2", None),
        ("private-x\n", "1.2", None),
        ("private-x", "1.2:private-y", None),
        ("private-x", "", None),
        ("presence-x", "1.2", None),
        ("presence-x", "1.2", {"user_info": {}}),
        ("presence-x", "1.2", {"user_id": ""}),
        ("presence-x", "1.2", {"user_id": object()}),
    ],
)
def test_nothing_else_is_signed(
    server: PusherServer, channel: str, socket_id: str, custom_data: dict[str, object] | None
) -> None:
    load(server)
    with pytest.raises(InvalidRequest):
        openheart.pusher.authenticate(channel, socket_id, custom_data)


def test_a_webhook_of_pusher_is_taken_and_a_forged_or_old_one_is_not(server: PusherServer) -> None:
    load(server)

    def check(document: object, secret: str = server.secret, key: str = server.key) -> object:
        body = json.dumps(document)
        return openheart.pusher.validate_webhook(key, signed(secret, body), body)

    document = {"time_ms": int(time.time() * 1000), "events": [{"name": "channel_occupied", "channel": "x"}]}
    assert check(document) == document
    assert check(document, secret="forged") is None
    assert check(document, key="other") is None
    assert check({**document, "time_ms": document["time_ms"] - 400_000}) is None  # type: ignore[operator]
    assert check([1]) is None
    assert openheart.pusher.validate_webhook(server.key, None, "{}") is None
    assert openheart.pusher.validate_webhook(server.key, "ä", "{}") is None
    assert openheart.pusher.validate_webhook(server.key, "00", b"\xff") is None


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, "bad\nrequest", "bad request"),
        (403, "Application disabled", "Application disabled"),
        (413, "too large", "413: too large"),
        (500, "\x1b[31m", "500"),
        (302, "", "302"),
        (307, "", "307"),
    ],
)
def test_what_pusher_refuses_is_an_error_with_its_words_in_one_line(
    server: PusherServer, status: int, body: str, said: str
) -> None:
    load(server)
    server.answers.append((status, body))
    with pytest.raises(BatteryError, match=said) as caught:
        openheart.pusher.trigger("c", "e", {})
    assert server.events == []
    assert str(caught.value).isprintable()
    assert server.secret not in str(caught.value)
    openheart.pusher.trigger("c", "e", {})


@pytest.mark.parametrize(("status", "body"), [(200, ""), (202, "<html>"), (200, '{"chann')])
def test_an_answer_that_is_not_json_leaves_open_whether_the_event_was_sent(
    server: PusherServer, status: int, body: str
) -> None:
    load(server)
    server.answers.append((status, body))
    with pytest.raises(BatteryError, match="not JSON.*may have been sent"):
        openheart.pusher.trigger("c", "e", {})
    openheart.pusher.trigger("c", "e", {})


def test_a_server_that_goes_and_comes_back_needs_no_new_app(server: PusherServer) -> None:
    load(server)
    openheart.pusher.trigger("c", "before", {})
    server.stop()
    with pytest.raises(BatteryUnavailable, match="cannot be reached"):
        openheart.pusher.trigger("c", "meanwhile", {})
    server.start()
    openheart.pusher.trigger("c", "after", {})
    assert [event["name"] for event in server.events] == ["before", "after"]


def test_a_server_that_does_not_answer_is_given_up_in_time(server: PusherServer) -> None:
    load(server, pusher_timeout=0.2)
    server.hold.clear()
    with pytest.raises(BatteryError, match=r"0\.2 s \(OPENHEART_PUSHER_TIMEOUT\).*may have been sent"):
        openheart.pusher.trigger("c", "e", {})


def test_https_trusts_the_authorities_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = PusherServer(tls=context)
    try:
        load(server)
        with pytest.raises(BatteryUnavailable, match="SSLError"):
            openheart.pusher.trigger("c", "e", {})
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        openheart.pusher.trigger("c", "e", {})
        openheart.unload()
        assert len(server.events) == 1
    finally:
        server.stop()


def test_threads_share_the_client(server: PusherServer) -> None:
    load(server)

    def trigger(number: int) -> None:
        openheart.pusher.trigger("c", f"event-{number}", {"number": number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(trigger, range(80)))
    assert sorted(event["name"] for event in server.events) == sorted(f"event-{each}" for each in range(80))
    assert server.faults == []


def test_health_asks_the_server(server: PusherServer) -> None:
    app = load(server)
    client = app.test_client()
    assert client.get("/openheart/-/readyz").json == {"status": "ready", "batteries": {"pusher": "ok"}}
    battery = battery_of(Pusher, app)
    server.stop()
    with pytest.raises(BatteryUnavailable):
        battery.check()
    server.start()
    battery.check()


def test_a_fork_has_a_client_of_its_own(server: PusherServer) -> None:
    code = """
import os, sys
import openheart
openheart.load(name="one", uri="memory:", pusher_app_id="123456", pusher_key=sys.argv[1],
               pusher_secret=sys.argv[2], pusher_endpoint=sys.argv[3])
openheart.pusher.trigger("c", "parent", {})
before = openheart.pusher.get_client()
child = os.fork()
if not child:
    assert openheart.pusher.get_client() is not before
    openheart.pusher.trigger("c", "child", {})
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
openheart.pusher.trigger("c", "parent again", {})
"""
    run_child(code, server.key, server.secret, server.url)
    assert [event["name"] for event in server.events] == ["parent", "child", "parent again"]


def test_two_apps_have_clients_of_their_own(server: PusherServer) -> None:
    one, two = Flask("one"), Flask("two")
    for app in (one, two):
        OpenHeart(app, env=False, uri="memory:", **server.settings())
    assert openheart.pusher.get_client(one) is not openheart.pusher.get_client(two)
    for app in (one, two):
        battery_of(Pusher, app).close()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pusher_key": None}, r"PUSHER_KEY=None.*because PUSHER_APP_ID is"),
        ({"pusher_secret": None}, r"PUSHER_SECRET=None.*because PUSHER_APP_ID is"),
        ({"pusher_app_id": "mine"}, r"PUSHER_APP_ID='mine'.*a number"),
        ({"pusher_secret": b"\xff"}, r"PUSHER_SECRET='\*\*\*'.*UTF-8"),
        ({"pusher_endpoint": "http://h/path"}, r"OPENHEART_PUSHER_ENDPOINT=.*without a path"),
    ],
)
def test_settings_that_cannot_be_used_are_an_error_of_load(
    server: PusherServer, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(server, **changed)


def test_without_settings_it_says_which_are_wanted() -> None:
    openheart.load(name="one", uri="memory:")
    with pytest.raises(ConfigError, match="PUSHER_APP_ID"):
        openheart.pusher.trigger("c", "e", {})


def test_a_missing_library_is_an_error_of_load_that_names_the_extra(
    server: PusherServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"PUSHER_APP_ID.*pip install 'openheart\[pusher\]'"):
        load(server)


def test_the_cluster_is_part_of_the_address() -> None:
    settings: dict[str, Any] = {"pusher_app_id": "1", "pusher_key": "k", "pusher_secret": "s"}
    app = openheart.load(name="one", uri="memory:", pusher_cluster="eu", **settings)
    client = openheart.pusher.get_client(app)
    assert client._pusher_client.host == "api-eu.pusher.com"
    assert client._pusher_client.ssl


def test_without_a_setting_the_library_is_not_imported() -> None:
    code = (
        "import sys, openheart; openheart.load(name='one', uri='memory:'); openheart.pusher; "
        "print('pusher' in sys.modules, 'requests' in sys.modules)"
    )
    assert run_child(code) == "False False\n"
