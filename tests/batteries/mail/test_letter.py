from __future__ import annotations

from email import message_from_bytes, message_from_string, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openheart.batteries.mail.letter import Letter, Mailbox, compose, mailbox
from openheart.errors import InvalidMail, OpenHeartError
from openheart.system.text import NOT_TEXT

ANN = mailbox("Ann <ann@example.org>")
BOB = mailbox("bob@example.net")


def read(letter: Letter) -> EmailMessage:
    """The message as a mail client reads it."""
    if letter.international:
        return message_from_string(letter.content.decode(), policy=policy.default)
    return message_from_bytes(letter.content, policy=policy.default)


def text_of(part: EmailMessage | None) -> str:
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ann@example.org", "", "ann@example.org"),
        ("  ann@example.org ", "", "ann@example.org"),
        ("<ann@example.org>", "", "ann@example.org"),
        ("Ann Example <ann@example.org>", "Ann Example", "ann@example.org"),
        ('"Ann \\"the\\" Example" <ann@example.org>', 'Ann "the" Example', "ann@example.org"),
        ("Example, Ann (Dr.) <ann@example.org>", "Example, Ann (Dr.)", "ann@example.org"),
        ("Eve <eve@evil.example>, Ann <ann@example.org>", "Eve <eve@evil.example>, Ann", "ann@example.org"),
        ("Zoë 🎈 <zoe+list@example.org>", "Zoë 🎈", "zoe+list@example.org"),
        ("root@localhost", "", "root@localhost"),
        ("jörg@bücher.example", "", "jörg@xn--bcher-kva.example"),
        ("ann@例え.テスト", "", "ann@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_a_mailbox_is_a_name_and_an_address(text: str, name: str, address: str) -> None:
    found = mailbox(text)
    assert (found.name, found.address) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "@example.org", "ann@", "ann@@example.org", "ann example@example.org", "ann@exa mple.org",
        "ann@example..org", "ann@-example.org", "ann@example.org.", ".ann@example.org", "ann.@example.org",
        "a..n@example.org", "ann@example.org>", "Ann <ann@example.org", "Ann <ann@example.org> Eve",
        "ann,eve@example.org", "a" * 65 + "@example.org", "ann@" + "a" * 64 + ".org",
        "ann@" + "a." * 127 + "org", "ann@ex<ample.org",
        'ann"@example.org', "ann@[127.0.0.1]", "ann@exa\u00admple.org\u3002\u3002",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidMail, match="cannot be used as an address: expected") as caught:
        mailbox(text)
    assert repr(text)[:30] in str(caught.value) or not text.isascii()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, OpenHeartError)


@pytest.mark.parametrize(
    "control", ["\n", "\r", "\r\n", "\0", "\t", "\x0b", "\x0c", "\x85", "\u2028", "\x7f"]
)
def test_a_line_break_in_a_header_is_refused_and_shown_escaped(control: str) -> None:
    evil = f"Ann{control}Bcc: eve@evil.example"
    for attempt in (
        lambda: mailbox(f"{evil} <ann@example.org>"),
        lambda: mailbox(f"ann@example.org{control}"),
        lambda: compose(evil, ANN, [BOB], "text", None),
    ):
        with pytest.raises(InvalidMail, match="without control characters") as caught:
            attempt()
        assert control not in str(caught.value)


@pytest.mark.parametrize("domain", ["straße.example", "βόλος.example"])
def test_a_domain_whose_ascii_form_is_ambiguous_is_refused(domain: str) -> None:
    with pytest.raises(InvalidMail, match="xn--"):
        mailbox(f"ann@{domain}")


@pytest.mark.parametrize("value", [None, 3, b"ann@example.org", ["ann@example.org"]])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidMail, match="of type"):
        mailbox(value)


NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="<>"), max_size=60).filter(
    lambda name: not NOT_TEXT.search(name) and name == " ".join(name.split()) and not name.startswith('"')
)


@given(st.lists(NAMES, min_size=1, max_size=5), NAMES)
def test_a_mail_client_reads_the_same_mailboxes_and_subject(names: list[str], subject: str) -> None:
    to = [mailbox(f"{name} <user{number}@example.org>") for number, name in enumerate(names)]
    message = read(compose(subject, ANN, to, "text", None))
    assert [str(address.addr_spec) for address in message["To"].addresses] == [a.address for a in to]
    assert len(message["From"].addresses) == 1
    assert message.get_all("Bcc") is None
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "Zoë",
        "Müller, Jörg (Büro)",
        "张伟",
        'Ann "A" \\ Example',
        "a" * 200,
        "ä" * 100,
        "🎈 Party 🎈",
        "=?utf-8?q?x?=",
    ],
)
def test_a_mail_client_shows_the_name_and_the_subject(name: str) -> None:
    letter = compose(name, Mailbox(name, "ann", "example.org"), [Mailbox(name, "bob", "b.example")], "", None)
    message = message_from_bytes(letter.content)
    for header, address in (("From", "ann@example.org"), ("To", "bob@b.example")):
        words, found = parseaddr(message[header])
        assert (str(make_header(decode_header(words))), found) == (name, address)
    assert str(make_header(decode_header(message["Subject"]))) == name


def test_text_and_html_are_alternatives_and_the_html_is_the_last() -> None:
    message = read(compose("both", ANN, [BOB], "Grüße ❤️\n", "<p>Grüße ❤️</p>\n"))
    assert message.get_content_type() == "multipart/alternative"
    parts = [cast(EmailMessage, part) for part in message.iter_parts()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in parts] == ["utf-8", "utf-8"]
    assert text_of(cast(EmailMessage, message.get_body(("plain",)))) == "Grüße ❤️\n"
    assert text_of(cast(EmailMessage, message.get_body())) == "<p>Grüße ❤️</p>\n"


def test_one_of_them_alone_is_the_message() -> None:
    plain, rich = read(compose("", ANN, [BOB], "x", None)), read(compose("", ANN, [BOB], None, "<p>x"))
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")


@pytest.mark.parametrize(
    "text",
    ["x" * 5000 + "\n", "ä" * 5000 + "\n", ".\n..\nFrom me\n", "one\r\ntwo\rthree\n", "\n\n", "❤️" * 999],
)
def test_any_text_travels_in_short_ascii_lines_and_arrives_whole(text: str) -> None:
    letter = compose("s" * 1000, ANN, [BOB], text, f"<p>{text}</p>")
    assert letter.content.isascii()
    assert all(len(line) <= 998 for line in letter.content.split(b"\r\n"))
    assert b"\n" not in letter.content.replace(b"\r\n", b"")
    expected = "\n".join(text.splitlines()) + "\n"
    found = text_of(cast(EmailMessage, read(letter).get_body(("plain",))))
    assert found.rstrip("\n") == expected.rstrip("\n")


def test_every_message_has_a_date_and_an_id_of_the_senders_domain() -> None:
    one, two = compose("", ANN, [BOB], "", None), compose("", ANN, [BOB], "", None)
    assert one.id != two.id
    assert read(one)["Message-ID"] == one.id
    assert one.id.endswith("@example.org>")
    assert read(one)["Date"].datetime.utcoffset() is not None


def test_an_address_is_sent_to_once() -> None:
    letter = compose("", ANN, [BOB, mailbox("Bob <bob@example.net>")], "", None)
    assert letter.receivers == ("bob@example.net",)
    assert len(read(letter)["To"].addresses) == 1


@pytest.mark.parametrize(
    ("address", "international"), [("ann@bücher.example", False), ("jörg@b.example", True)]
)
def test_only_what_stands_before_the_at_sign_needs_smtputf8(address: str, international: bool) -> None:
    letter = compose("Grüße", ANN, [mailbox(address)], "Grüße", None)
    assert letter.international is international
    assert letter.content.isascii() is not international
    assert read(letter)["To"].addresses[0].addr_spec == letter.receivers[0]


def test_a_message_without_text_or_receivers_is_refused() -> None:
    with pytest.raises(InvalidMail, match="plain, rich or data"):
        compose("", ANN, [BOB], None, None)
    with pytest.raises(InvalidMail, match="no receivers"):
        compose("", ANN, [], "text", None)


def test_text_that_utf_8_cannot_write_is_refused() -> None:
    with pytest.raises(InvalidMail, match="at character 1"):
        compose("", ANN, [BOB], "a\udc80", None)


def test_the_text_of_a_letter_is_not_in_its_repr() -> None:
    assert "s3cret" not in repr(compose("", ANN, [BOB], "s3cret", None))
