from __future__ import annotations

import base64
import contextlib
import email.utils
import importlib.util
import ipaddress
import itertools
import logging
import secrets
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import trustme
from flask import Flask
from standardwebhooks import Webhook

import openheart
from openheart import OpenHeart
from openheart.batteries import battery_of
from openheart.batteries.webhook import battery as webhook
from openheart.batteries.webhook import request as webhook_request
from openheart.batteries.webhook import sender as webhook_sender
from openheart.batteries.webhook.address import is_public
from openheart.errors import BatteryUnavailable, ConfigError, InvalidEmoji, MissingDependency
from openheart.settings.config import load_config

from ...child import run_child
from ...servers.receiver import Receiver, Request
from ...waiting import PATIENCE

SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_sender, "FIRST_DELAY", 0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    openheart.unload()
    made.stop()


class Dripping:
    """Answers every connection with bytes of its own, or with a header that goes on for ever."""

    def __init__(self, answer: bytes | None = None) -> None:
        self._answer = answer
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over.is_set():
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                if self._answer is not None:
                    connection.sendall(self._answer)
                    continue
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not self._over.wait(0.01):
                    connection.sendall(b"x")

    def stop(self) -> None:
        openheart.unload()
        self._over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


def load(receiver: Receiver, **options: Any) -> Flask:
    settings: dict[str, Any] = {
        "webhook": receiver.url,
        "webhook_secret": SECRET,
        "webhook_private": True,
        "webhook_wait": 0,
        "server_grace": 5,
        **options,
    }
    return openheart.load(name="one", uri="memory:", **settings)


def reactions_in(request: Request) -> list[dict[str, Any]]:
    # Checked by the specification's own library, with its own words for it.
    document = Webhook(SECRET).verify(request.body, request.headers)
    assert document["type"] == "reactions.added"
    found: list[dict[str, Any]] = document["data"]["reactions"]
    return found


def test_a_reaction_is_told_of_with_a_signature_that_others_can_check(receiver: Receiver) -> None:
    load(receiver)
    openheart.react("/posts/café", "🥨")
    (request,) = receiver.wait_for(1)
    assert reactions_in(request) == [{"target": "posts/café", "emoji": "🥨", "added": 1, "count": 1}]
    assert request.path == "/hook?key=1"
    assert request.headers["host"] == f"localhost:{receiver.port}"
    assert request.headers["content-type"] == "application/json"


class Log(logging.Handler):
    """What the application says, to be waited for."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.changed = threading.Condition()
        battery_of(webhook.Webhook, app).logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        with self.changed:
            self.lines.append(record.getMessage())
            self.changed.notify_all()

    def wait_for(self, words: str) -> str:
        with self.changed:
            assert self.changed.wait_for(lambda: self.find(words), PATIENCE), self.lines
            return self.find(words)[0]

    def find(self, words: str) -> list[str]:
        return [line for line in self.lines if words in line]


def test_reactions_are_collected_and_what_waits_is_sent_before_the_end(receiver: Receiver) -> None:
    load(receiver, webhook_wait=3600)
    for target, emoji in (("/a", "🥨"), ("/a", "🥨"), ("/b", "🥨"), ("/a", "❤")):
        openheart.react(target, emoji)
    openheart.unload()
    (request,) = receiver.requests
    assert reactions_in(request) == [
        {"target": "a", "emoji": "🥨", "added": 2, "count": 2},
        {"target": "b", "emoji": "🥨", "added": 1, "count": 1},
        {"target": "a", "emoji": "❤️", "added": 1, "count": 1},
    ]


def test_more_than_a_receiver_likes_is_sent_in_parts(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "MOST_ROWS", 2)
    monkeypatch.setattr(webhook_sender, "AT_ONCE", 3)
    load(receiver, webhook_wait=3600)
    for number in range(5):
        openheart.react(f"/{number}", "🥨")
    openheart.unload()
    told = [reaction["target"] for request in receiver.requests for reaction in reactions_in(request)]
    assert told == ["0", "1", "2", "3", "4"]
    assert len(receiver.requests) >= 3


def test_a_notice_that_is_not_taken_is_sent_again_under_the_same_id(receiver: Receiver) -> None:
    load(receiver)
    receiver.answers += [(500, {}), (404, {})]
    openheart.react("/a", "🥨")
    requests = receiver.wait_for(3)
    assert [reactions_in(request)[0]["count"] for request in requests] == [1, 1, 1]
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1


def test_where_much_waits_it_is_sent_before_its_time(receiver: Receiver) -> None:
    load(receiver, webhook_wait=3600, webhook_queue=8)
    for _ in range(4):
        openheart.react("/a", "🥨")
    assert reactions_in(receiver.wait_for(1)[0])[0]["added"] == 4


def test_each_notice_has_an_id_of_its_own(receiver: Receiver) -> None:
    load(receiver)
    for number in (1, 2):
        openheart.react("/a", "🥨")
        receiver.wait_for(number)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 2


def test_a_receiver_that_goes_and_comes_back_is_told_of_what_it_missed(receiver: Receiver) -> None:
    log = Log(load(receiver, webhook_tries=100))
    openheart.react("/before", "🥨")
    receiver.wait_for(1)
    receiver.stop()
    openheart.react("/meanwhile", "🥨")
    assert "ConnectionRefusedError" in log.wait_for("is sent again")
    openheart.react("/meanwhile", "🥨")
    receiver.start()
    log.wait_for("OPENHEART_WEBHOOK accepts notices again")
    openheart.unload()
    told = [row for request in receiver.requests for row in reactions_in(request)]
    assert sum(row["added"] for row in told) == 3


def test_a_receiver_that_does_not_answer_is_asked_again_and_slows_nobody(receiver: Receiver) -> None:
    log = Log(load(receiver, webhook_timeout=0.2, webhook_tries=100))
    receiver.hold.clear()
    for _ in range(200):
        openheart.react("/a", "🥨")
    log.wait_for("no answer in time (OPENHEART_WEBHOOK_TIMEOUT)")
    receiver.wait_for(2)
    receiver.hold.set()
    log.wait_for("OPENHEART_WEBHOOK accepts notices again")
    first, second = receiver.requests[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize("looks", [False, True])
def test_a_time_that_runs_out_just_before_it_connects_is_no_error(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    # The deadline is made, it is not over yet, and then it is.
    moments = itertools.chain([0.0, 4.9], itertools.repeat(5.1))
    monkeypatch.setattr(webhook_request, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    endpoint = webhook_request.Endpoint(f"http://127.0.0.1:{receiver.port}/", private=True)
    if looks:
        # There may be time enough to connect in.
        assert endpoint.connect(5).failure in ("", webhook_request.LATE)
    else:
        assert endpoint.post(b"{}", {}, 5) == webhook_request.Attempt(None, webhook_request.LATE)


def test_a_receiver_that_answers_a_byte_at_a_time_is_given_up_in_time(receiver: Receiver) -> None:
    dripping = Dripping()
    try:
        url = f"http://localhost:{dripping.port}/"
        log = Log(load(receiver, webhook=url, webhook_timeout=0.3, webhook_tries=1))
        openheart.react("/a", "🥨")
        log.wait_for("no answer in time (OPENHEART_WEBHOOK_TIMEOUT)")
    finally:
        dripping.stop()


@pytest.mark.parametrize("answer", [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 200 " + b"x" * 70_000])
def test_an_answer_that_is_none_is_a_failure(receiver: Receiver, answer: bytes) -> None:
    broken = Dripping(answer)
    try:
        log = Log(load(receiver, webhook=f"http://localhost:{broken.port}/", webhook_tries=1))
        openheart.react("/a", "🥨")
        assert log.wait_for("dropped after").isprintable()
    finally:
        broken.stop()


def test_each_reaction_is_told_of_once_whoever_reacts_and_whatever_fails(receiver: Receiver) -> None:
    load(receiver, webhook_wait=0.01)
    receiver.answers += [(500, {}), (204, {}), (503, {}), (500, {}), (204, {})] * 3

    def react(who: int) -> None:
        for number in range(500):
            openheart.react(f"/{(number * 7 + who) % 60}", "🥨")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(react, range(4)))
    openheart.unload()
    notices = {request.headers["webhook-id"]: request for request in receiver.requests}
    assert len(notices) < len(receiver.requests)
    added: Counter[str] = Counter()
    counts: dict[str, int] = {}
    for request in notices.values():
        for row in reactions_in(request):
            added[row["target"]] += row["added"]
            counts[row["target"]] = max(row["count"], counts.get(row["target"], 0))
    assert sum(added.values()) == 2000
    assert added == counts


def test_what_is_given_up_is_named_in_the_log(receiver: Receiver) -> None:
    # Two at a time, which are half of what may wait.
    log = Log(load(receiver, webhook_tries=2, webhook_wait=3600, webhook_queue=4))
    receiver.answers += [(500, {})] * 2
    openheart.react("/a", "🥨")
    openheart.react("/b", "🥨")
    line = log.wait_for("dropped after 2 tries, and 2 reactions were not reported: the answer was 500")
    assert receiver.requests[0].headers["webhook-id"] in line
    assert SECRET not in "".join(log.lines)
    assert "key=1" not in "".join(log.lines)
    openheart.react("/c", "🥨")
    openheart.react("/d", "🥨")
    assert [row["target"] for row in reactions_in(receiver.wait_for(3)[2])] == ["c", "d"]


def test_a_receiver_that_is_gone_is_told_of_nothing_more(receiver: Receiver) -> None:
    app = load(receiver)
    log = Log(app)
    receiver.answers.append((410, {}))
    openheart.react("/a", "🥨")
    log.wait_for("dropped after 1 tries")
    openheart.react("/b", "🥨")
    body = app.test_client().get("/openheart/-/readyz").json
    assert body == {"status": "ready", "batteries": {"webhook": "failing"}}
    openheart.unload()
    assert len(receiver.requests) == 1


def test_health_looks_for_the_receiver_until_it_took_a_notice(receiver: Receiver) -> None:
    battery = battery_of(webhook.Webhook, load(receiver))
    battery.check()
    receiver.stop()
    with pytest.raises(BatteryUnavailable, match="OPENHEART_WEBHOOK cannot be reached: ConnectionRefused"):
        battery.check()
    receiver.start()
    battery.check()
    assert receiver.requests == []
    log = Log(battery.app)
    receiver.answers.append((500, {}))
    openheart.react("/a", "🥨")
    log.wait_for("OPENHEART_WEBHOOK accepts notices again")
    receiver.stop()
    battery.check()
    receiver.start()


def test_the_oldest_reactions_are_given_up_where_too_many_wait(receiver: Receiver) -> None:
    log = Log(load(receiver, webhook_queue=3))
    receiver.hold.clear()
    openheart.react("/first", "🥨")
    receiver.wait_for(1)
    for number in range(5):
        openheart.react(f"/{number}", "🥨")
    receiver.hold.set()
    log.wait_for("2 reactions were not reported: more than 3 waited (OPENHEART_WEBHOOK_QUEUE)")
    openheart.unload()
    told = [row["target"] for request in receiver.requests for row in reactions_in(request)]
    assert told == ["first", "2", "3", "4"]


def test_without_a_thread_for_it_a_reaction_is_reported_with_the_next_one(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    load(receiver)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        openheart.react("/a", "🥨")
    openheart.react("/b", "🥨")
    openheart.unload()
    told = [row["target"] for request in receiver.requests for row in reactions_in(request)]
    assert told == ["a", "b"]


def test_the_end_of_the_app_waits_no_longer_than_its_grace(receiver: Receiver) -> None:
    log = Log(load(receiver, server_grace=0.3, webhook_tries=100, webhook_wait=0))
    receiver.hold.clear()
    openheart.react("/a", "🥨")
    receiver.wait_for(1)
    openheart.react("/b", "🥨")
    openheart.unload()
    log.wait_for("1 reactions were not reported")
    assert not receiver.hold.is_set()


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    other = Receiver()
    try:
        log = Log(load(receiver, webhook_tries=1))
        receiver.answers.append((307, {"Location": other.url}))
        openheart.react("/a", "🥨")
        log.wait_for("the answer was 307")
        assert other.requests == []
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("9" * 400, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, expected: float | None) -> None:
    assert webhook_request._seconds(header) == expected


def test_retry_after_may_be_a_date_to_come() -> None:
    found = webhook_request._seconds(email.utils.formatdate(time.time() + 100, usegmt=True))
    assert found is not None
    assert 95 < found <= 100


def test_retry_after_is_waited_for(receiver: Receiver) -> None:
    log = Log(load(receiver))
    receiver.answers.append((503, {"Retry-After": "120"}))
    openheart.react("/a", "🥨")
    log.wait_for("is sent again: the answer was 503")
    # Closing asks once more at once, and not after two minutes.
    openheart.unload()
    assert len(receiver.requests) == 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def https(authority: trustme.CA, name: str) -> Receiver:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return Receiver(context)


def test_https_works_where_the_certificate_is_trusted(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = https(authority, "localhost")
    try:
        load(server)
        openheart.react("/a", "🥨")
        assert reactions_in(server.wait_for(1)[0])[0]["target"] == "a"
        openheart.unload()
    finally:
        server.stop()


def test_the_certificate_is_to_be_that_of_the_name_and_not_of_its_address(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    names_lead_to(monkeypatch, "127.0.0.1")
    server = https(authority, "hook.example.org")
    try:
        load(server, webhook=f"https://hook.example.org:{server.port}/")
        openheart.react("/a", "🥨")
        server.wait_for(1)
        openheart.unload()
    finally:
        server.stop()


@pytest.mark.parametrize(("trusted", "name"), [(False, "localhost"), (True, "another.example")])
def test_a_certificate_that_is_not_right_is_refused(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool, name: str
) -> None:
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = https(authority, name)
    try:
        log = Log(load(server, webhook_tries=1))
        openheart.react("/a", "🥨")
        assert "SSLCertVerificationError" in log.wait_for("dropped after")
        assert server.requests == []
        openheart.unload()
    finally:
        server.stop()


@pytest.mark.parametrize(
    "host",
    ["localhost", "a.localhost", "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"],
)
def test_an_address_inside_the_network_is_refused_at_load(host: str) -> None:
    with pytest.raises(ConfigError, match="OPENHEART_WEBHOOK=.*OPENHEART_WEBHOOK_PRIVATE=on"):
        openheart.load(name="one", uri="memory:", webhook=f"http://{host}:8000/", webhook_secret=SECRET)


def names_lead_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let hook.example.org be these addresses; returns the names that are asked for."""
    asked: list[str] = []
    ask = socket.getaddrinfo

    def answer(host: str, port: Any, *arguments: Any, **options: Any) -> Any:
        if host[0].isdigit() or ":" in host:
            return ask(host, port, *arguments, **options)
        asked.append(host)
        return [row for each in addresses for row in ask(each, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1"])
def test_an_odd_spelling_of_an_inner_address_is_not_connected_to(receiver: Receiver, host: str) -> None:
    url = f"http://{host}:{receiver.port}/"
    log = Log(load(receiver, webhook=url, webhook_private=False, webhook_tries=1))
    openheart.react("/a", "🥨")
    log.wait_for("dropped after")
    assert receiver.requests == []


def test_a_name_that_cannot_be_encoded_is_a_failure_like_any_other() -> None:
    failure = (
        webhook_request.Endpoint(f"http://{'a' * 64}.example.org/", private=True).connect(PATIENCE).failure
    )
    assert "cannot be resolved: " in failure
    assert "label" in failure


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("93.184.215.14", "127.0.0.1"), ("::1",)])
def test_a_name_that_leads_inside_the_network_is_not_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    names_lead_to(monkeypatch, *addresses)
    url = f"http://hook.example.org:{receiver.port}/"
    log = Log(load(receiver, webhook=url, webhook_private=False, webhook_tries=1))
    openheart.react("/a", "🥨")
    line = log.wait_for("dropped after")
    assert "not a public address (see OPENHEART_WEBHOOK_PRIVATE)" in line
    assert receiver.requests == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names_lead_to(monkeypatch, "127.0.0.1")
    load(receiver, webhook=f"http://hook.example.org:{receiver.port}/")
    openheart.react("/a", "🥨")
    (request,) = receiver.wait_for(1)
    assert request.headers["host"] == f"hook.example.org:{receiver.port}"
    assert asked == ["hook.example.org"]


def test_where_one_address_of_a_name_is_unavailable_the_next_is_taken(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names_lead_to(monkeypatch, "::1", "127.0.0.1")
    load(receiver, webhook=f"http://hook.example.org:{receiver.port}/", webhook_tries=1)
    openheart.react("/a", "🥨")
    receiver.wait_for(1)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("127.8.8.8", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d70e", True),
        ("64:ff9b:1::5db8:d70e", False),
        ("2002:a00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("2001:db8::1", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fe80::1%1", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_a_reaction_that_is_refused_is_not_told_of(receiver: Receiver) -> None:
    load(receiver)
    with pytest.raises(InvalidEmoji):
        openheart.react("/a", "no")
    openheart.react("/a", "🥨")
    assert [row["emoji"] for row in reactions_in(receiver.wait_for(1)[0])] == ["🥨"]


def test_an_app_tells_of_its_own_reactions_only(receiver: Receiver) -> None:
    load(receiver)
    other = Flask("two")
    OpenHeart(other, env=False, uri="memory:")
    with other.app_context():
        openheart.react("/other", "🥨")
    openheart.react("/own", "🥨")
    openheart.unload()
    told = [row["target"] for request in receiver.requests for row in reactions_in(request)]
    assert told == ["own"]


START = """
import os, sys
import openheart
openheart.load(name="one", uri="memory:", webhook=sys.argv[1], webhook_secret=sys.argv[2],
               webhook_private=True, webhook_wait=3600)
"""


def test_what_waits_at_a_fork_is_told_of_once_and_by_whom_it_was_taken(receiver: Receiver) -> None:
    code = START + (
        "openheart.react('/parent', '🥨')\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    openheart.react('/child', '🥨')\n"
        "    openheart.unload()\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "openheart.unload()\n"
    )
    run_child(code, receiver.url, SECRET)
    told = [row["target"] for request in receiver.requests for row in reactions_in(request)]
    assert told == ["child", "parent"]


def test_a_process_that_ends_without_unload_tells_of_what_waits(receiver: Receiver) -> None:
    run_child(START + "openheart.react('/a', '🥨')", receiver.url, SECRET)
    assert [row["target"] for row in reactions_in(receiver.requests[0])] == ["a"]


def test_a_process_of_multiprocessing_tells_of_what_waits_before_it_ends(receiver: Receiver) -> None:
    code = START + (
        "import multiprocessing\n"
        "context = multiprocessing.get_context('fork')\n"
        "child = context.Process(target=openheart.react, args=('/a', '🥨'))\n"
        "child.start()\n"
        "child.join()\n"
        "assert child.exitcode == 0\n"
    )
    run_child(code, receiver.url, SECRET)
    assert [row["target"] for row in reactions_in(receiver.requests[0])] == ["a"]


@pytest.mark.parametrize("secret", ["plain", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", b"short", b"\xff"])
def test_a_secret_that_is_none_is_an_error_of_load_that_says_how_to_make_one(secret: str | bytes) -> None:
    with pytest.raises(ConfigError, match=r"OPENHEART_WEBHOOK_SECRET='\*\*\*'.*whsec_ and the Base64"):
        openheart.load(name="one", uri="memory:", webhook="https://example.org/", webhook_secret=secret)


@pytest.mark.parametrize("wrong", ["", "#fragment", " and more"])
def test_the_path_of_the_address_is_a_secret_too(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_WEBHOOK", f"http://127.0.0.1:8000/services/hunter2?x=hunter2{wrong}")
    with pytest.raises(ConfigError, match=r"OPENHEART_WEBHOOK='http://127.0.0.1:8000/\*\*\*'") as caught:
        openheart.load(name="one", uri="memory:", webhook_secret=SECRET)
    assert "hunter2" not in str(caught.value)
    config = load_config(env=False, keywords={"openheart_webhook": "https://example.org/hunter2"})
    assert repr(config) == "<Config OPENHEART_WEBHOOK=https://example.org/*** (a keyword argument)>"


def test_the_secret_is_wanted_with_the_address() -> None:
    with pytest.raises(ConfigError, match="OPENHEART_WEBHOOK_SECRET=None.*because OPENHEART_WEBHOOK is"):
        openheart.load(name="one", uri="memory:", webhook="https://example.org/")


def test_a_missing_library_is_an_error_of_load_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"OPENHEART_WEBHOOK=.*'openheart\[webhook\]'"):
        openheart.load(name="one", uri="memory:", webhook="https://example.org/", webhook_secret=SECRET)


def test_without_a_setting_nothing_of_it_is_imported() -> None:
    code = (
        "import sys, openheart; openheart.load(name='one', uri='memory:'); openheart.react('/a', '🥨'); "
        "openheart.webhook.verify_webhook; print('urllib3' in sys.modules, "
        "'openheart.batteries.webhook.battery' in sys.modules)"
    )
    assert run_child(code) == "False False\n"
