"""Composes the message of a mail from checked parts: addresses, headers, text and HTML as alternatives."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from ...errors import InvalidMail
from ...system.text import NOT_TEXT, escape_controls

__all__ = ["Letter", "Mailbox", "compose", "mailbox"]

# The part of an address before its @, without quotes (RFC 5322, dot-atom; RFC 6532 for non-ASCII).
LOCAL = re.compile(r"(?!\.)(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f]|\.(?!\.))+(?<!\.)")
LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
# Python's codec follows the first standard for international names (RFC 3490). The second one (RFC 5891)
# encodes these characters differently, so mail could go to another owner's domain.
DEVIATIONS = re.compile("[\u00df\u1e9e\u03c2\u200c\u200d]")
LONGEST_LOCAL = 64  # octets, RFC 5321
LONGEST_DOMAIN = 253
NEXT_LINE = "\r\n "
LONGEST_WORDS = 60  # longer text is encoded as several words, so that lines can be broken between them
SPECIALS = re.compile(r'[()<>@,:;".\[\]\\]')


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, which may be empty, and an address.

    Attributes:
        name: the name, as people read it.
        local, domain: the two sides of the address; the domain is ASCII.
    """

    name: str
    local: str
    domain: str

    @property
    def address(self) -> str:
        """The address alone."""
        return f"{self.local}@{self.domain}"

    def header(self) -> str:
        """The name and the address as a header value, folded if it is long."""
        if not self.name:
            return self.address
        if SPECIALS.search(self.name) and self.name.isascii() and len(self.name) <= LONGEST_WORDS:
            escaped = re.sub(r'(["\\])', r"\\\1", self.name)
            return f'"{escaped}" <{self.address}>'
        return f"{_words(self.name)} <{self.address}>"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is ready to be sent.

    Attributes:
        id: its Message-ID, with the angle brackets.
        sender: the address that it is sent from.
        receivers: the addresses that it is sent to, each once.
        international: whether an address needs SMTPUTF8 (RFC 6531).
        content: the message itself.
    """

    id: str
    sender: str
    receivers: tuple[str, ...]
    international: bool
    content: bytes = field(repr=False)


def compose(
    subject: object, sender: Mailbox, receivers: Iterable[Mailbox], plain: str | None, rich: str | None
) -> Letter:
    """Compose a message. Text and HTML are alternatives; a mail client shows the last that it supports.

    Args:
        subject: the subject, one line.
        sender: the sender.
        receivers: the receivers.
        plain: its text.
        rich: its HTML.

    Raises:
        InvalidMail: it has no text or no receiver, or the subject is not one line of text.
    """
    if not isinstance(subject, str) or NOT_TEXT.search(subject):
        raise InvalidMail(
            f"The subject {_shown(subject)} cannot be used: expected one line of text, without "
            "control characters"
        )
    to = {mailbox.address: mailbox for mailbox in receivers}
    if not to:
        raise InvalidMail("There are no receivers; name at least one")
    name = f"<{uuid.uuid4().hex}@{sender.domain}>"
    head = [
        f"From: {sender.header()}",
        "To: " + f",{NEXT_LINE}".join(mailbox.header() for mailbox in to.values()),
        f"Subject: {_words(subject)}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        # With the sender's domain, so that the name of this machine stays private.
        f"Message-ID: {name}",
    ]
    # ASCII only, for old servers on the way.
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    try:
        if plain is not None:
            message.set_content(plain)
            if rich is not None:
                message.add_alternative(rich, subtype="html")
        elif rich is not None:
            message.set_content(rich, subtype="html")
        else:
            raise InvalidMail("There is nothing to send: give plain, rich or data")
    except UnicodeEncodeError as error:
        raise InvalidMail(f"The text cannot be encoded: {error.reason} at character {error.start}") from None
    international = not all(address.isascii() for address in (sender.address, *to))
    # The names and the subject are encoded here, because EmailMessage of some releases of Python loses the
    # commas in long lists of such names, and with them the receivers.
    content = "".join(line + "\r\n" for line in head).encode() + bytes(message)
    return Letter(name, sender.address, tuple(to), international, content)


def mailbox(text: object) -> Mailbox:
    """The mailbox of ``"Ann Example <ann@example.org>"`` or ``"ann@example.org"``.

    Everything before the address is the name, with or without quotation marks. A domain in another script is
    converted to its ASCII form (RFC 3490).

    Raises:
        InvalidMail: it is not a mailbox, or has a line break.
    """
    if not isinstance(text, str) or NOT_TEXT.search(text):
        raise _invalid_mailbox(text, "one line of text, without control characters")
    name, bracket, spec = text.strip().rpartition("<")
    if bracket and spec.endswith(">"):
        spec = spec[:-1]
    elif bracket:
        raise _invalid_mailbox(text, "an address such as Ann Example <ann@example.org>")
    local, at, domain = spec.strip().rpartition("@")
    if not at or not LOCAL.fullmatch(local) or len(local.encode()) > LONGEST_LOCAL:
        raise _invalid_mailbox(text, "an address such as ann@example.org")
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Mailbox(name, local, _domain(domain, text))


def _words(text: str) -> str:
    if text.isascii() and len(text) <= LONGEST_WORDS and "=?" not in text:
        return text
    return Header(text, "utf-8").encode(linesep="\r\n")


def _domain(domain: str, text: str) -> str:
    if not domain.isascii():
        if DEVIATIONS.search(domain):
            raise _invalid_mailbox(
                text, "its domain in the ASCII form, xn--…, because this name has two ASCII forms"
            )
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise _invalid_mailbox(text, "a valid domain after the @") from None
    if len(domain) > LONGEST_DOMAIN or not all(LABEL.fullmatch(label) for label in domain.split(".")):
        raise _invalid_mailbox(text, "a domain such as example.org after the @")
    return domain


def _invalid_mailbox(text: object, expected: str) -> InvalidMail:
    return InvalidMail(f"{_shown(text)} cannot be used as an address: expected {expected}")


def _shown(text: object) -> str:
    return repr(escape_controls(text[:200])) if isinstance(text, str) else f"of type {type(text).__name__}"
