"""The example with every battery, on real servers; Pusher alone is a stand-in, because it cannot be had."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

import openheart

from .browser import complaints, eventually
from .servers.mail import MailServer
from .servers.mongodb import MongoServer
from .servers.pusher import PusherServer
from .servers.rabbitmq import Rabbitmq
from .servers.receiver import Receiver
from .servers.s3 import S3Server, make_bucket
from .servers.valkey import Server
from .site import Site, Visitor
from .waiting import until

EXAMPLE = Path(__file__).parents[1] / "examples" / "batteries"
SECRET = "whsec_" + base64.b64encode(b"what only the two know, ok").decode()
BULB = "💡"


@dataclass
class Board:
    """The example with its servers."""

    site: Site
    mail: MailServer
    pusher: PusherServer
    receiver: Receiver


@pytest.fixture
def board(running: Board) -> Iterator[Board]:
    """The example; what runs in this process is there for one test, and keeps its port."""
    servers = (running.mail, running.pusher, running.receiver)
    running.receiver.requests.clear()  # so that a wait for one is not ended by that of another test
    for server in servers:
        server.start()
    yield running
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    valkey_server: Server,
    mongodb_alone: MongoServer,
    rabbitmq: Rabbitmq,
    s3_server: S3Server,
) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("board")
    mongodb_alone.empty()
    bucket = f"ideas-{uuid.uuid4()}"
    make_bucket(s3_server.endpoint, bucket)
    mail, pusher, receiver = MailServer(folder=folder), PusherServer(), Receiver()
    for server in (mail, pusher, receiver):
        server.stop()
    variables = {
        "SECRET_KEY": "the same in every process",
        "OPENHEART_URI": f"sqlite:///{folder}/ideas.db",
        "REDISTOGO_URL": valkey_server.uri,
        "MONGOHQ_URL": mongodb_alone.uri,
        "CLOUDAMQP_URL": rabbitmq.url,
        "SMTP_HOST": mail.host,
        "AMAZON_ID": "id",
        "AMAZON_SECRET": "secret",
        "AMAZON_BUCKET": bucket,
        "OPENHEART_S3_ENDPOINT": s3_server.endpoint,
        "OPENHEART_WEBHOOK": receiver.url,
        "OPENHEART_WEBHOOK_SECRET": SECRET,
        "OPENHEART_WEBHOOK_PRIVATE": "1",
        "OPENHEART_WEBHOOK_WAIT": "50ms",
        **{name.upper(): value for name, value in pusher.settings().items() if "endpoint" not in name},
        "OPENHEART_PUSHER_ENDPOINT": pusher.url,
    }
    with closing(Site(EXAMPLE, variables)) as site:
        yield Board(site, mail, pusher, receiver)


def enter(board: Board, name: str, team: str) -> Visitor:
    visitor = Visitor(board.site.url)
    visitor.ask("/login", "POST", form(name=name, team=team))
    return visitor


def form(**fields: str) -> bytes:
    return urllib.parse.urlencode(fields).encode()


def add_idea(board: Board, visitor: Visitor, text: str) -> str:
    mails = len(board.mail.taken)
    page = visitor.ask("/ideas", "POST", form(text=text)).decode()
    # The mail server stops with the test, and must not be left in the middle of it.
    until(lambda: len(board.mail.taken) > mails)
    found: str = re.findall(r'<li id="([0-9a-f]{24})">\s*' + re.escape(text), page)[0]
    return found


def test_it_is_short() -> None:
    assert len((EXAMPLE / "app.py").read_text(encoding="utf-8").splitlines()) < 150


def test_an_idea_is_kept_mailed_read_by_a_worker_and_reacted_to(board: Board) -> None:
    ann = enter(board, "Ann", "red")
    idea = add_idea(board, ann, "Bread for all on Fridays")

    until(lambda: b"Ann, 5 words" in ann.ask("/"))
    until(board.mail.messages)
    assert board.mail.messages()[0]["subject"] == "An idea of Ann"
    page = ann.ask(f"/ideas/{idea}/react", "POST", form(emoji=BULB)).decode()
    assert f"{BULB} <b>1</b>" in page
    assert board.pusher.events[-1]["name"] == "reaction"
    (notice, *_) = board.receiver.wait_for(1)
    told = openheart.webhook.verify_webhook(notice.headers, notice.body, SECRET)
    assert BULB in json.dumps(told, ensure_ascii=False)


def test_no_team_sees_or_touches_what_another_has(board: Board) -> None:
    idea = add_idea(board, enter(board, "Ann", "red"), "A secret of the red ones")
    bob = enter(board, "Bob", "blue")

    assert b"secret" not in bob.ask("/")
    for path in (f"/ideas/{idea}/react", f"/ideas/{idea}/photo"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            bob.ask(path, "POST", form(emoji=BULB))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        bob.ask("/pusher/auth", "POST", form(channel_name="private-board-726564", socket_id="1.1"))
    assert "auth" in json.loads(
        bob.ask("/pusher/auth", "POST", form(channel_name="private-board-626c7565", socket_id="1.1"))
    )


def test_a_photograph_goes_to_the_bucket_and_back(board: Board) -> None:
    ann = enter(board, "Ann", "photographers")
    idea = add_idea(board, ann, "See")
    body = (
        b'--x\r\nContent-Disposition: form-data; name="photo"; filename="p.png"\r\n\r\n\x89PNG!\r\n--x--\r\n'
    )

    ann.ask(f"/ideas/{idea}/photo", "POST", body, {"Content-Type": "multipart/form-data; boundary=x"})

    assert ann.ask(f"/ideas/{idea}/photo") == b"\x89PNG!"


def test_numbers_are_written_as_the_browser_wants_them(board: Board) -> None:
    ann = enter(board, "Ann", "counters")

    assert b'<html lang="de">' in ann.ask("/", headers={"Accept-Language": "de"})
    assert b'<html lang="en-US">' in ann.ask("/", headers={"Accept-Language": "fi"})


def test_what_one_does_the_other_sees_without_a_reload(board: Board, browser: Chrome) -> None:
    ann = enter(board, "Ann", "watchers")
    idea = add_idea(board, ann, "Look here")
    browser.get(f"{board.site.url}/")
    browser.find_element(By.NAME, "name").send_keys("Bob")
    browser.find_element(By.NAME, "team").send_keys("watchers")
    browser.find_element(By.TAG_NAME, "button").click()
    eventually(browser, lambda: browser.find_elements(By.ID, idea))
    is_open = "return live.readyState === EventSource.OPEN"
    eventually(browser, lambda: browser.execute_script(is_open))

    ann.ask(f"/ideas/{idea}/react", "POST", form(emoji=BULB))

    button = browser.find_element(By.CSS_SELECTOR, f"[value='{BULB}']")
    eventually(browser, lambda: button.text.endswith("1"))
    assert complaints(browser) == []
    board.receiver.wait_for(1)


def test_health_names_every_battery_and_the_end_is_orderly(board: Board) -> None:
    # Work in the background is listed from its first use on.
    add_idea(board, enter(board, "Ann", "healthy"), "Fruit")

    def health() -> dict[str, Any]:
        return dict(json.loads(Visitor(board.site.url).ask("/openheart/-/readyz")))

    # What did not get through at the end of another test is sent again.
    until(lambda: set(health()["batteries"].values()) == {"ok"})
    assert health()["status"] == "ready"
    assert set(health()["batteries"]) == {
        "amazon",
        "amqp",
        "background",
        "live",
        "locales",
        "mail",
        "models",
        "mongodb",
        "pusher",
        "sessions",
        "valkey",
        "webhook",
    }
