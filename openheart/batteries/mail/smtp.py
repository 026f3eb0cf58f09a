"""Speaks SMTP with the mail server: encryption, login and delivery; turns its replies into errors."""

from __future__ import annotations

import base64
import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ...errors import BatteryError, BatteryOutcomeUnknown, BatteryUnavailable, MailRefused
from ...system.hosts import is_loopback
from ...system.text import escape_controls
from .letter import Letter

__all__ = ["MailRoute", "connection", "deliver"]

# The name of this machine would be in the headers of each mail. A client without a name may send an address
# (RFC 5321, 4.1.3).
OWN_NAME = "[127.0.0.1]"
TLS_PORT = 465
LONGEST_REPLY = 300
REFUSED = "refuses the message; nothing was sent"


@dataclass(frozen=True, slots=True)
class MailRoute:
    """How the mail server is reached.

    Attributes:
        host, port: where it listens.
        tls: OPENHEART_SMTP_TLS.
        context: says which certificates are trusted.
        timeout: seconds, at each step.
        user, password: the login; without a password there is no login.
    """

    host: str
    port: int
    tls: Literal["auto", "starttls", "tls", "off"]
    context: ssl.SSLContext
    timeout: float
    user: str | None
    password: str | None = field(repr=False)

    @property
    def where(self) -> str:
        """The server, for people to read."""
        return f"The mail server {f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@contextlib.contextmanager
def connection(route: MailRoute, *, login: bool = True) -> Iterator[smtplib.SMTP]:
    """A connection, encrypted and logged in as the route requires.

    Raises:
        BatteryUnavailable: the server cannot be reached, or is temporarily unavailable.
        BatteryError: its certificate is not trusted, the login fails, or it lacks a required feature.
    """
    with _translated(route):
        server = _dial(route)
    try:
        with _translated(route):
            server.ehlo_or_helo_if_needed()
            _encrypt(server, route)
            if login and route.password is not None:
                _login(server, route, route.password)
        yield server
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        server.close()


def deliver(server: smtplib.SMTP, route: MailRoute, letter: Letter) -> None:
    """Hand a message to the server.

    Raises:
        MailRefused: it refuses receivers; says which, and who got the message.
        BatteryUnavailable: the server is unavailable; nobody got the message.
        BatteryOutcomeUnknown: the connection was lost, or the answer is incomplete or not valid.
        BatteryError: the server refuses; nobody got the message.
    """
    refused: dict[str, str] = {}
    with _translated(route):
        options = [f"SIZE={len(letter.content)}"] if server.has_extn("size") else []
        if letter.international:
            if not server.has_extn("smtputf8"):
                first = next(each for each in (letter.sender, *letter.receivers) if not each.isascii())
                raise BatteryError(
                    "mail",
                    f"{route.where} does not support non-ASCII addresses (SMTPUTF8) such as {first}; nothing "
                    "was sent",
                )
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        code, reply = server.mail(letter.sender, options)
        if code != 250:
            raise _refusal(route, code, reply, f"refuses mail from {letter.sender}; nothing was sent")
        for receiver in letter.receivers:
            code, reply = server.rcpt(receiver)
            if code == 421:
                raise _refusal(route, code, reply, "is temporarily unavailable; nothing was sent")
            if code not in (250, 251):
                refused[receiver] = _reply_text(route, code, reply)
    accepted = [receiver for receiver in letter.receivers if receiver not in refused]
    if accepted:
        _hand_over(server, route, letter)
    if refused:
        raise MailRefused(refused, accepted)


def _hand_over(server: smtplib.SMTP, route: MailRoute, letter: Letter) -> None:
    try:
        code, reply = server.data(letter.content)
    except smtplib.SMTPDataError as error:
        raise _refusal(route, error.smtp_code, error.smtp_error, REFUSED) from None
    except (smtplib.SMTPException, OSError) as error:
        raise _unknown(route, letter, type(error).__name__) from error
    if 400 <= code < 600:
        raise _refusal(route, code, reply, REFUSED)
    if code != 250:
        # Such as 25, when the rest of a 250 did not arrive. The server may have accepted the message.
        raise _unknown(route, letter, f"its answer was {_reply_text(route, code, reply)}".rstrip())


def _dial(route: MailRoute) -> smtplib.SMTP:
    if route.tls == "tls" or (route.tls == "auto" and route.port == TLS_PORT):
        return smtplib.SMTP_SSL(
            route.host, route.port, OWN_NAME, timeout=route.timeout, context=route.context
        )
    return smtplib.SMTP(route.host, route.port, OWN_NAME, timeout=route.timeout)


def _encrypt(server: smtplib.SMTP, route: MailRoute) -> None:
    if _is_encrypted(server) or route.tls == "off":
        return
    if server.has_extn("starttls"):
        server.starttls(context=route.context)
        server.ehlo_or_helo_if_needed()
    elif route.tls == "starttls":
        raise BatteryError(
            "mail",
            f"{route.where} offers no STARTTLS, which OPENHEART_SMTP_TLS=starttls requires; nothing was "
            "sent. Set OPENHEART_SMTP_TLS=tls and its port if the server has one",
        )


def _login(server: smtplib.SMTP, route: MailRoute, password: str) -> None:
    assert server.sock is not None
    if not _is_encrypted(server) and not is_loopback(server.sock.getpeername()[0]):
        raise BatteryError(
            "mail",
            f"{route.where} is reached without encryption, so SMTP_PASSWORD is not sent to it; nothing was "
            "sent. Set OPENHEART_SMTP_TLS=starttls or =tls, or unset SMTP_PASSWORD",
        )
    if not server.has_extn("auth"):
        raise BatteryError(
            "mail", f"{route.where} offers no login; unset SMTP_PASSWORD, or correct SMTP_HOST"
        )
    user = route.user or ""
    if "PLAIN" not in server.esmtp_features["auth"].upper().split():
        try:
            server.login(user, password)
        except UnicodeEncodeError:
            raise BatteryError(
                "mail",
                f"{route.where} supports logins in ASCII only, so SMTP_USER and SMTP_PASSWORD must be ASCII; "
                "nothing was sent",
            ) from None
        return
    # smtplib is not used, because it supports ASCII only, and after a refusal tries every other method until
    # the server locks the user out.
    plain = base64.b64encode(f"\0{user}\0{password}".encode("utf-8", "surrogateescape")).decode("ascii")
    code, reply = server.docmd("AUTH", f"PLAIN {plain}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, reply)


def _is_encrypted(server: smtplib.SMTP) -> bool:
    return isinstance(server.sock, ssl.SSLSocket)


@contextlib.contextmanager
def _translated(route: MailRoute) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            what = "cannot check the login now; nothing was sent"
        else:
            what = "refuses the login; nothing was sent. Correct SMTP_USER and SMTP_PASSWORD"
        raise _refusal(route, error.smtp_code, error.smtp_error, what) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(
            route, error.smtp_code, error.smtp_error, "answered with an error; nothing was sent"
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise BatteryError(
            "mail",
            f"{route.where} has a certificate that is not trusted ({error.verify_message}); nothing was "
            "sent. Set OPENHEART_SMTP_CA to the certificates of its authority, or correct SMTP_HOST",
        ) from None
    except ssl.SSLError as error:
        raise BatteryError(
            "mail",
            f"{route.where} does not speak TLS as OPENHEART_SMTP_TLS={route.tls} expects "
            f"({error.reason or error}); nothing was sent",
        ) from None
    except smtplib.SMTPServerDisconnected as error:
        raise _unavailable(route, error) from None
    except smtplib.SMTPException as error:
        detail = _clean(route, str(error))
        raise BatteryError("mail", f"{route.where} failed: {detail}; nothing was sent") from None
    except OSError as error:
        raise _unavailable(route, error) from None


def _unavailable(route: MailRoute, error: Exception) -> BatteryUnavailable:
    hint = "; does it need OPENHEART_SMTP_TLS=tls?" if "timed out" in str(error) else ""
    detail = _clean(route, str(error) or type(error).__name__)
    return BatteryUnavailable("mail", f"{route.where} cannot be reached ({detail}{hint}); nothing was sent")


def _unknown(route: MailRoute, letter: Letter, why: str) -> BatteryOutcomeUnknown:
    return BatteryOutcomeUnknown(
        "mail",
        f"{route.where} did not confirm the message {letter.id} ({why}): it was delivered or not; if you "
        "send it again, it may arrive twice",
    )


def _refusal(route: MailRoute, code: int, reply: bytes | str, what: str) -> BatteryError:
    kind = BatteryUnavailable if 400 <= code < 500 else BatteryError
    return kind("mail", f"{route.where} {what}: {_reply_text(route, code, reply)}")


def _reply_text(route: MailRoute, code: int, reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return f"{code} {_clean(route, text)}"


def _clean(route: MailRoute, text: str) -> str:
    if route.password:
        text = text.replace(route.password, "***")
    return escape_controls(" ".join(text.split())[:LONGEST_REPLY])
