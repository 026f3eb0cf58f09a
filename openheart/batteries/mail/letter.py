"""Makes the message of a mail from checked parts: addresses, headers, and text and HTML as alternatives."""

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

# What an address has before its @, without quotes (RFC 5322, dot-atom; RFC 6532 adds what is not ASCII).
LOCAL = re.compile(r"(?!\.)(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f]|\.(?!\.))+(?<!\.)")
LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
# Python's codec follows the first standard for such names (RFC 3490). The second one makes other names of
# these (RFC 5891), so mail could go to somebody else's domain.
DEVIATIONS = re.compile("[\u00df\u1e9e\u03c2\u200c\u200d]")
LONGEST_LOCAL = 64  # octets, RFC 5321
LONGEST_DOMAIN = 253
NEXT_LINE = "\r\n "
LONGEST_WORDS = 60  # what is longer is encoded, which makes it several words that a line can be broken at
SPECIALS = re.compile(r'[()<>@,:;".\[\]\\]')


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Somebody's name, which may be empty, and address.

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
        """The two as they stand in a header, on several lines where they are long."""
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
    """Make a message; with both texts they are alternatives, of which a mail client shows the last it can.

    Args:
        subject: the subject, one line.
        sender: whom it is from.
        receivers: whom it is to.
        plain: its text.
        rich: its HTML.

    Raises:
        InvalidMail: there is no text, or no receiver, or the subject is not one line of text.
    """
    if not isinstance(subject, str) or NOT_TEXT.search(subject):
        raise InvalidMail(
            f"The subject {_shown(subject)} has to be one line of text, without control characters"
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
        # Of the sender's domain: the name of this machine is nobody's business.
        f"Message-ID: {name}",
    ]
    # Nothing but ASCII in the text, however old the servers on its way are.
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
    # The names and the subject are encoded here: EmailMessage of some releases of Python loses the commas
    # between long lists of such names, and so who it is to.
    content = "".join(line + "\r\n" for line in head).encode() + bytes(message)
    return Letter(name, sender.address, tuple(to), international, content)


def mailbox(text: object) -> Mailbox:
    """The mailbox of ``"Ann Example <ann@example.org>"`` or ``"ann@example.org"``.

    What stands before the address is taken as the name, whatever it holds, with or without quotation
    marks. A domain of other scripts takes its ASCII form (RFC 3490).

    Raises:
        InvalidMail: it is none, or has a line break.
    """
    if not isinstance(text, str) or NOT_TEXT.search(text):
        raise _no_mailbox(text, "one line of text, without control characters")
    name, bracket, spec = text.strip().rpartition("<")
    if bracket and spec.endswith(">"):
        spec = spec[:-1]
    elif bracket:
        raise _no_mailbox(text, "an address such as Ann Example <ann@example.org>")
    local, at, domain = spec.strip().rpartition("@")
    if not at or not LOCAL.fullmatch(local) or len(local.encode()) > LONGEST_LOCAL:
        raise _no_mailbox(text, "an address such as ann@example.org")
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
            raise _no_mailbox(
                text, "its domain in the ASCII form, xn--…, because there are two for this name"
            )
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise _no_mailbox(text, "a domain that exists after the @") from None
    if len(domain) > LONGEST_DOMAIN or not all(LABEL.fullmatch(label) for label in domain.split(".")):
        raise _no_mailbox(text, "a domain such as example.org after the @")
    return domain


def _no_mailbox(text: object, expected: str) -> InvalidMail:
    return InvalidMail(f"{_shown(text)} cannot be used as an address: expected {expected}")


def _shown(text: object) -> str:
    return repr(escape_controls(text[:200])) if isinstance(text, str) else f"of type {type(text).__name__}"
