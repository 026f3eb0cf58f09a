"""An application written for Quorum, from what its documentation shows, runs with another import."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from .servers.mail import MailServer
from .servers.mongodb import MongoServer
from .servers.s3 import S3Server, make_bucket
from .servers.valkey import Server
from .site import Site, Visitor
from .waiting import until

WRITTEN = Path(__file__).parent / "apps" / "guestbook"


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    server = MailServer(folder=tmp_path)
    yield server
    server.stop()


@pytest.fixture
def site(
    tmp_path: Path, mail: MailServer, valkey_server: Server, mongodb_alone: MongoServer, s3_server: S3Server
) -> Iterator[Site]:
    folder = tmp_path / "guestbook"
    for path in WRITTEN.rglob("*"):
        if path.is_file():
            # The only change: the name of what is imported.
            ported = path.read_text(encoding="utf-8").replace("quorum", "openheart")
            there = folder / path.relative_to(WRITTEN)
            there = there.with_suffix(".py") if there.parent == folder else there
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(ported, encoding="utf-8")
    bucket = f"photos-{uuid.uuid4()}"
    make_bucket(s3_server.endpoint, bucket)
    mongodb_alone.empty()
    variables = {
        "REDISTOGO_URL": valkey_server.uri.replace("valkey://", "redis://"),
        "MONGOHQ_URL": mongodb_alone.uri,
        "SMTP_HOST": mail.host,
        "AMAZON_ID": "id",
        "AMAZON_SECRET": "secret",
        "AMAZON_BUCKET": bucket,
        "OPENHEART_S3_ENDPOINT": s3_server.endpoint,
    }
    with closing(Site(folder, variables)) as made:
        yield made


def test_an_application_of_quorum_runs_when_its_imports_are_changed(site: Site, mail: MailServer) -> None:
    visitor = Visitor(site.url)
    form = urllib.parse.urlencode({"name": "Ana & co", "text": "Lovely."}).encode()
    assert b"Welcome, stranger" in visitor.ask("/")

    # Signed, kept in MongoDB, remembered by the session in Valkey, escaped in a template named .html.tpl.
    assert b"Welcome, Ana &amp; co" in visitor.ask("/entries", "POST", form)
    assert json.loads(visitor.ask("/entries")) == ["Ana & co"]

    # Thanked in the background by mail, and the callback told.
    until(lambda: json.loads(visitor.ask("/outcomes"))["outcomes"])
    assert json.loads(visitor.ask("/outcomes"))["outcomes"] == ["thanked"]
    (message,) = mail.messages()
    assert message["subject"] == "Thank you, Ana & co"
    assert "words, Ana & co." in part(message, "plain")
    assert "<b>Ana &amp; co</b>" in part(message, "html")

    # The function in the background goes on by itself.
    until(lambda: json.loads(visitor.ask("/outcomes"))["rounds"] >= 2)

    # A photograph in the bucket.
    assert json.loads(visitor.ask("/photo/ana", "PUT", b"\x89PNG")) == {"exists": True}
    assert visitor.ask("/photo/ana") == b"\x89PNG"
    assert json.loads(visitor.ask("/photo/ana", "DELETE")) == {"exists": False}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        visitor.ask("/photo/ana")

    # And it has reactions, which Quorum has not.
    visitor.ask("/openheart/guestbook", "POST", "🥨".encode())
    assert json.loads(visitor.ask("/openheart/guestbook")) == {"🥨": 1}

    site.close()
    assert site.process.returncode == 0


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert isinstance(body, EmailMessage)
    text: str = body.get_content()
    return text
