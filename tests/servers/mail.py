"""Starts real mail servers (aiosmtpd), which keep what they take."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Protocol
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from ..waiting import PATIENCE
from .ports import free_port

__all__ = ["MailServer"]

Kind = Literal["plain", "starttls", "tls"]


@dataclass
class MailServer:
    """One mail server on a free port of this machine. It keeps its port and its mail when it is stopped.

    Args:
        kind: how it encrypts.
        login: the user and the password that it wants; None wants none.
        folder: where the certificates of its authority are put; only with encryption.
        without: the ways to log in that it does not offer.
        international: whether it offers SMTPUTF8.
        names: whom its certificate is for.

    Attributes:
        refused: address -> the reply that it gives to it.
        reply: what it says to a message.
        login_reply: what it says to each login; empty checks it.
        taken: the messages, in order.
        logins: the users that logged in.
    """

    kind: Kind = "plain"
    login: tuple[str, str | bytes] | None = None
    folder: Path | None = None
    without: tuple[str, ...] = ()
    international: bool = True
    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    refused: dict[str, str] = field(default_factory=dict)
    reply: str = "250 OK"
    login_reply: str = ""
    taken: list[Envelope] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    _controller: Controller | None = None

    def __post_init__(self) -> None:
        self.port = free_port()
        self._context: ssl.SSLContext | None = None
        if self.kind != "plain":
            assert self.folder is not None
            authority = trustme.CA()
            authority.cert_pem.write_to_path(str(self.ca))
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(*self.names).configure_cert(self._context)
        self.start()

    @property
    def ca(self) -> Path:
        """The certificates of its authority."""
        assert self.folder is not None
        return self.folder / "authority.pem"

    @property
    def host(self) -> str:
        """What SMTP_HOST is."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, again after ``stop()``."""
        options: dict[str, Any] = {"enable_SMTPUTF8": self.international}
        if self.kind == "starttls":
            options["tls_context"] = self._context
        if self.login is not None:
            options["auth_exclude_mechanism"] = self.without
            options.update(
                authenticator=self._authenticate, auth_required=True, auth_require_tls=self.kind == "starttls"
            )
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            ready_timeout=PATIENCE,
            ssl_context=self._context if self.kind == "tls" else None,
            **options,
        )
        self._controller.start()

    def stop(self) -> None:
        """Stop it; again is fine."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def messages(self) -> list[EmailMessage]:
        """What it took, read as a mail client does."""
        read = [
            message_from_bytes(self.content(number), policy=policy.default)
            for number in range(len(self.taken))
        ]
        assert all(isinstance(message, EmailMessage) for message in read)
        return read

    def content(self, number: int = -1) -> bytes:
        """The bytes of a message."""
        content = self.taken[number].original_content
        assert content is not None
        return content

    async def handle_EHLO(
        self, server: Protocol, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Called by the server."""
        session.host_name = hostname
        self.hosts.append(hostname)
        return responses

    async def handle_RCPT(
        self, server: Protocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Called by the server."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Protocol, session: Session, envelope: Envelope) -> str:
        """Called by the server."""
        if self.reply.startswith("2"):
            self.taken.append(envelope)
        elif self.reply == "hang up":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return self.reply

    async def handle_MAIL(
        self, server: Protocol, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Called by the server."""
        if address in self.refused:
            return self.refused[address]
        envelope.mail_from = address
        return "250 OK"

    def _authenticate(
        self, server: Protocol, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append(data.login.decode())
        if self.login_reply:
            return AuthResult(success=False, handled=False, message=self.login_reply)
        wanted = tuple(part if isinstance(part, bytes) else part.encode() for part in self.login or ())
        return AuthResult(success=(data.login, data.password) == wanted, handled=False)
