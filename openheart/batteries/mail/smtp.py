"""Speaks SMTP with the mail server: encryption, login and delivery; turns its replies into errors."""

from __future__ import annotations

import base64
import contextlib
import smtplib
import ssl
from collections.abc import Iterator

from ...errors import BatteryError, BatteryOutcomeUnknown, BatteryUnavailable, MailRefused
from ...settings.config import Config
from ...system.hosts import is_loopback
from ...system.text import escape_controls
from .letter import Letter
from .row import (
    OPENHEART_SMTP_CA,
    OPENHEART_SMTP_TIMEOUT,
    OPENHEART_SMTP_TLS,
    SMTP_HOST,
    SMTP_PASSWORD,
    SMTP_USER,
)

__all__ = ["MailRoute"]

# The name of this machine would be in the headers of each mail. A client without a name may send an address
# (RFC 5321, 4.1.3).
OWN_NAME = "[127.0.0.1]"
SMTP_PORT, TLS_PORT = 25, 465
LONGEST_REPLY = 300
REFUSED = "refuses the message; nothing was sent"


class MailRoute:
    """How the mail server is reached.

    Args:
        config: the settings.

    Attributes:
        host, port: where it listens.
        context: says which certificates are trusted.
        where: the server, for people to read.

    Raises:
        ConfigError: a setting is missing or cannot be used; names it.
    """

    def __init__(self, config: Config) -> None:
        user, password = config[SMTP_USER], config[SMTP_PASSWORD]
        if password is not None and user is None:
            raise config.refusal(SMTP_USER, "the user, because SMTP_PASSWORD is set")
        self._user = user or ""
        if isinstance(password, bytes):
            password = password.decode("utf-8", "surrogateescape")
        self._password = password  # without one there is no login
        self._tls = config[OPENHEART_SMTP_TLS]
        address = config[SMTP_HOST] or ""
        host, colon, port = address.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = address, str(TLS_PORT if self._tls == "tls" else SMTP_PORT)
        self.host, self.port = host.strip("[]"), int(port)
        self._timeout = config[OPENHEART_SMTP_TIMEOUT]
        try:
            self.context = ssl.create_default_context(cafile=config[OPENHEART_SMTP_CA])
        except OSError as error:
            expected = f"a file of certificates in PEM form; {error}"
            raise config.refusal(OPENHEART_SMTP_CA, expected) from None
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.where = f"The mail server {host}:{self.port}"

    @contextlib.contextmanager
    def connection(self, *, login: bool = True) -> Iterator[smtplib.SMTP]:
        """A connection, encrypted and logged in as the route requires.

        Raises:
            BatteryUnavailable: the server cannot be reached, or is temporarily unavailable.
            BatteryError: its certificate is not trusted, the login fails, or it lacks a required feature.
        """
        with self._translated():
            server = self._dial()
        try:
            with self._translated():
                server.ehlo_or_helo_if_needed()
                self._encrypt(server)
                if login and self._password is not None:
                    self._login(server, self._password)
            yield server
            with contextlib.suppress(OSError):
                server.quit()
        finally:
            server.close()

    def deliver(self, server: smtplib.SMTP, letter: Letter) -> None:
        """Hand a message to the server.

        Raises:
            MailRefused: it refuses receivers; says which, and who got the message.
            BatteryUnavailable: the server is unavailable; nobody got the message.
            BatteryOutcomeUnknown: the connection was lost, or the answer is incomplete or not valid.
            BatteryError: the server refuses; nobody got the message.
        """
        refused: dict[str, str] = {}
        with self._translated():
            options = [f"SIZE={len(letter.content)}"] if server.has_extn("size") else []
            if letter.international:
                if not server.has_extn("smtputf8"):
                    first = next(each for each in (letter.sender, *letter.receivers) if not each.isascii())
                    raise self._error(
                        f"does not support non-ASCII addresses (SMTPUTF8) such as {first}; nothing was sent"
                    )
                options += ["SMTPUTF8", "BODY=8BITMIME"]
            code, reply = server.mail(letter.sender, options)
            if code != 250:
                raise self._refusal(code, reply, f"refuses mail from {letter.sender}; nothing was sent")
            for receiver in letter.receivers:
                code, reply = server.rcpt(receiver)
                if code == 421:
                    raise self._refusal(code, reply, "is temporarily unavailable; nothing was sent")
                if code not in (250, 251):
                    refused[receiver] = self._reply_text(code, reply)
        accepted = [receiver for receiver in letter.receivers if receiver not in refused]
        if accepted:
            self._hand_over(server, letter)
        if refused:
            raise MailRefused(refused, accepted)

    def _hand_over(self, server: smtplib.SMTP, letter: Letter) -> None:
        try:
            code, reply = server.data(letter.content)
        except smtplib.SMTPDataError as error:
            raise self._refusal(error.smtp_code, error.smtp_error, REFUSED) from None
        except OSError as error:
            raise self._unknown(letter, type(error).__name__) from error
        if 400 <= code < 600:
            raise self._refusal(code, reply, REFUSED)
        if code != 250:
            # Such as 25, when the rest of a 250 did not arrive. The server may have accepted the message.
            raise self._unknown(letter, f"its answer was {self._reply_text(code, reply)}".rstrip())

    def _dial(self) -> smtplib.SMTP:
        if self._tls == "tls" or (self._tls == "auto" and self.port == TLS_PORT):
            return smtplib.SMTP_SSL(
                self.host, self.port, OWN_NAME, timeout=self._timeout, context=self.context
            )
        return smtplib.SMTP(self.host, self.port, OWN_NAME, timeout=self._timeout)

    def _encrypt(self, server: smtplib.SMTP) -> None:
        if _is_encrypted(server) or self._tls == "off":
            return
        if server.has_extn("starttls"):
            server.starttls(context=self.context)
            server.ehlo_or_helo_if_needed()
        elif self._tls == "starttls":
            raise self._error(
                "offers no STARTTLS, which OPENHEART_SMTP_TLS=starttls requires; nothing was sent. Set "
                "OPENHEART_SMTP_TLS=tls and its port if the server has one"
            )

    def _login(self, server: smtplib.SMTP, password: str) -> None:
        assert server.sock is not None
        if not _is_encrypted(server) and not is_loopback(server.sock.getpeername()[0]):
            raise self._error(
                "is reached without encryption, so SMTP_PASSWORD is not sent to it; nothing was sent. Set "
                "OPENHEART_SMTP_TLS=starttls or =tls, or unset SMTP_PASSWORD"
            )
        if not server.has_extn("auth"):
            raise self._error("offers no login; unset SMTP_PASSWORD, or correct SMTP_HOST")
        user = self._user
        if "PLAIN" not in server.esmtp_features["auth"].upper().split():
            try:
                server.login(user, password)
            except UnicodeEncodeError:
                raise self._error(
                    "supports logins in ASCII only, so SMTP_USER and SMTP_PASSWORD must be ASCII; nothing "
                    "was sent"
                ) from None
            return
        # smtplib is not used, because it supports ASCII only, and after a refusal tries every other method
        # until the server locks the user out.
        plain = base64.b64encode(f"\0{user}\0{password}".encode("utf-8", "surrogateescape")).decode("ascii")
        code, reply = server.docmd("AUTH", f"PLAIN {plain}")
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, reply)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except smtplib.SMTPAuthenticationError as error:
            if 400 <= error.smtp_code < 500:
                what = "cannot check the login now; nothing was sent"
            else:
                what = "refuses the login; nothing was sent. Correct SMTP_USER and SMTP_PASSWORD"
            raise self._refusal(error.smtp_code, error.smtp_error, what) from None
        except smtplib.SMTPResponseException as error:
            what = "answered with an error; nothing was sent"
            raise self._refusal(error.smtp_code, error.smtp_error, what) from None
        except ssl.SSLCertVerificationError as error:
            raise self._error(
                f"has a certificate that is not trusted ({error.verify_message}); nothing was sent. Set "
                "OPENHEART_SMTP_CA to the certificates of its authority, or correct SMTP_HOST"
            ) from None
        except ssl.SSLError as error:
            raise self._error(
                f"does not speak TLS as OPENHEART_SMTP_TLS={self._tls} expects ({error.reason or error}); "
                "nothing was sent"
            ) from None
        except smtplib.SMTPServerDisconnected as error:
            raise self._unavailable(error) from None
        except smtplib.SMTPException as error:
            raise self._error(f"failed: {self._clean(str(error))}; nothing was sent") from None
        except OSError as error:
            raise self._unavailable(error) from None

    def _error(self, what: str) -> BatteryError:
        return BatteryError("mail", f"{self.where} {what}")

    def _unavailable(self, error: Exception) -> BatteryUnavailable:
        hint = "; does it need OPENHEART_SMTP_TLS=tls?" if "timed out" in str(error) else ""
        detail = self._clean(str(error) or type(error).__name__)
        return BatteryUnavailable(
            "mail", f"{self.where} cannot be reached ({detail}{hint}); nothing was sent"
        )

    def _unknown(self, letter: Letter, why: str) -> BatteryOutcomeUnknown:
        return BatteryOutcomeUnknown(
            "mail",
            f"{self.where} did not confirm the message {letter.id} ({why}): it was delivered or not; if you "
            "send it again, it may arrive twice",
        )

    def _refusal(self, code: int, reply: bytes | str, what: str) -> BatteryError:
        kind = BatteryUnavailable if 400 <= code < 500 else BatteryError
        return kind("mail", f"{self.where} {what}: {self._reply_text(code, reply)}")

    def _reply_text(self, code: int, reply: bytes | str) -> str:
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        return f"{code} {self._clean(text)}"

    def _clean(self, text: str) -> str:
        if self._password:
            text = text.replace(self._password, "***")
        return escape_controls(" ".join(text.split())[:LONGEST_REPLY])


def _is_encrypted(server: smtplib.SMTP) -> bool:
    return isinstance(server.sock, ssl.SSLSocket)
