"""An application written for Quorum, from what its documentation shows, runs with another import."""

from __future__ import annotations

import http.cookiejar
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from .servers.mail import MailServer
from .servers.mongodb import MongoServer
from .servers.ports import free_port
from .servers.s3 import S3Server, make_bucket
from .servers.valkey import Server as ValkeyServer

ROOT = Path(__file__).parents[1]
WRITTEN = Path(__file__).parent / "apps" / "guestbook"
PATIENCE = 60.0  # seconds


class Site:
    """The application in a process of its own, and a browser with its cookies."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._port = free_port()
        environment = {**os.environ, **variables, "PORT": str(self._port), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment)
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
        url = f"http://127.0.0.1:{self._port}{path}"
        request = urllib.request.Request(url, data=body, method=method)
        with self._opener.open(request, timeout=PATIENCE) as answer:
            read: bytes = answer.read()
        return read

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    server = MailServer(folder=tmp_path)
    yield server
    server.stop()


@pytest.fixture
def site(tmp_path: Path, mail: MailServer) -> Iterator[Site]:
    folder = tmp_path / "guestbook"
    for path in WRITTEN.rglob("*"):
        if path.is_file():
            # The only change: the name of what is imported.
            ported = path.read_text(encoding="utf-8").replace("quorum", "openheart")
            there = folder / path.relative_to(WRITTEN)
            there = there.with_suffix(".py") if there.parent == folder else there
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(ported, encoding="utf-8")
    with ExitStack() as stack:
        sessions = stack.enter_context(ValkeyServer(tmp_path / "valkey"))
        mongodb = stack.enter_context(closing(MongoServer("standalone", tmp_path / "mongodb")))
        s3 = stack.enter_context(closing(S3Server()))
        make_bucket(s3.endpoint, "photos")
        variables = {
            "REDISTOGO_URL": sessions.uri.replace("valkey://", "redis://"),
            "MONGOHQ_URL": mongodb.uri,
            "SMTP_HOST": mail.host,
            "AMAZON_ID": "id",
            "AMAZON_SECRET": "secret",
            "AMAZON_BUCKET": "photos",
            "OPENHEART_S3_ENDPOINT": s3.endpoint,
        }
        made = stack.enter_context(closing(Site(folder, variables)))
        until(lambda: made.ask("/"))
        yield made


def until(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if found():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.02)  # another process does it, and says nothing when it is done


def test_an_application_of_quorum_runs_when_its_imports_are_changed(site: Site, mail: MailServer) -> None:
    form = urllib.parse.urlencode({"name": "Ana & co", "text": "Lovely."}).encode()
    assert b"Welcome, stranger" in site.ask("/")

    # Signed, kept in MongoDB, remembered by the session in Valkey, escaped in a template named .html.tpl.
    assert b"Welcome, Ana &amp; co" in site.ask("/entries", "POST", form)
    assert json.loads(site.ask("/entries")) == ["Ana & co"]

    # Thanked in the background by mail, and the callback told.
    until(lambda: json.loads(site.ask("/outcomes"))["outcomes"])
    assert json.loads(site.ask("/outcomes"))["outcomes"] == ["thanked"]
    (message,) = mail.messages()
    assert message["subject"] == "Thank you, Ana & co"
    assert "words, Ana & co." in part(message, "plain")
    assert "<b>Ana &amp; co</b>" in part(message, "html")

    # The function in the background goes on by itself.
    until(lambda: json.loads(site.ask("/outcomes"))["rounds"] >= 2)

    # A photograph in the bucket.
    assert json.loads(site.ask("/photo/ana", "PUT", b"\x89PNG")) == {"exists": True}
    assert site.ask("/photo/ana") == b"\x89PNG"
    assert json.loads(site.ask("/photo/ana", "DELETE")) == {"exists": False}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        site.ask("/photo/ana")

    # And it has reactions, which Quorum has not.
    site.ask("/openheart/guestbook", "POST", "🥨".encode())
    assert json.loads(site.ask("/openheart/guestbook")) == {"🥨": 1}

    site.close()
    assert site.process.returncode == 0


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert isinstance(body, EmailMessage)
    text: str = body.get_content()
    return text
