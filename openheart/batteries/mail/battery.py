"""Mail: ``send_mail`` and ``send_mail_a``, from Jinja templates to the server of SMTP_HOST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from flask import Flask
from markupsafe import Markup, escape

from ...core.state import app_of, context_of
from ...errors import InvalidMail
from ..background.battery import Background
from ..battery import Battery, battery_of
from .letter import Letter, Mailbox, compose, mailbox
from .row import ROW, SMTP_USER

if TYPE_CHECKING:
    from .smtp import MailRoute

__all__ = ["Mail", "send_mail", "send_mail_a"]


def send_mail(
    app: Flask | None = None,
    subject: str = "",
    sender: str | None = None,
    receivers: Iterable[str] = (),
    data: str | None = None,
    plain: str | None = None,
    rich: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> str:
    """Send a mail, and wait until the mail server of SMTP_HOST has accepted it.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.
        subject: the subject, one line.
        sender: the sender, such as ``"Ann Example <ann@example.org>"``; by default SMTP_USER.
        receivers: the receivers, in the same form. The message names all of them.
        data: the text of the parts that have no template, and of those whose template is not found or cannot
            be rendered, which is logged. In the HTML part it is escaped.
        plain: the name of the template of its text, such as ``"mail/hello.txt"``. Nothing is escaped in it.
        rich: the name of the template of its HTML, such as ``"mail/hello.html"``. Its variables are always
            escaped, whatever the extension of the file. With a text, the two are alternatives.
        context: the variables of both templates.

    Returns:
        The Message-ID, with the angle brackets.

    Raises:
        InvalidMail: the message cannot be made: a bad address, a line break in a header, no text.
        MailRefused: the server refuses receivers; says which, and who got the mail.
        BatteryUnavailable: the server cannot be reached or is unavailable; nobody got the message.
        BatteryOutcomeUnknown: the server did not confirm the message, such as when the connection was lost.
        BatteryError: the server refuses the message or the login; nobody got the message.
        ConfigError: a setting is missing or cannot be used; names it.
        jinja2.TemplateError: a template is not found, or cannot be rendered, and there is no ``data``.
    """
    mail, letter = _prepare(app, subject, sender, receivers, data, plain, rich, context)
    return mail.send(letter)


def send_mail_a(
    app: Flask | None = None,
    subject: str = "",
    sender: str | None = None,
    receivers: Iterable[str] = (),
    data: str | None = None,
    plain: str | None = None,
    rich: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> Future[str] | None:
    """Send a mail in the background, see ``run_background``; the arguments are those of ``send_mail``.

    The message is rendered before this returns, in the request and the language of the caller. Only the
    delivery runs in the background; its errors are logged.

    Returns:
        A future of the Message-ID; None when work in the background is off, and then nothing is sent.

    Raises:
        InvalidMail, ConfigError, jinja2.TemplateError: as ``send_mail``.
        BatteryError: the queue of the background is full; nothing is sent.
    """
    mail, letter = _prepare(app, subject, sender, receivers, data, plain, rich, context)
    background = battery_of(Background, mail.app)
    return background.run(background.work(mail.send, (letter,)))


class Mail(Battery["MailRoute"]):
    """The mail server of an application. Each mail has a connection of its own."""

    row = ROW

    def install(self) -> None:
        # Reports a wrong setting at start-up.
        self.open()

    def open(self) -> MailRoute:
        from .smtp import MailRoute

        return MailRoute(self.config)

    def check(self) -> None:
        # Without a login: the health routes are public, and servers lock out users that log in too often.
        with self.resource.connection(login=False) as server:
            server.noop()

    def examine(self) -> None:
        with self.resource.connection():
            pass

    def send(self, letter: Letter) -> str:
        """Send a message; see ``send_mail``."""
        route = self.resource
        with route.connection() as server:
            route.deliver(server, letter)
        return letter.id

    def sender(self, given: str | None) -> Mailbox:
        """The mailbox of the sender; by default that of SMTP_USER."""
        if given is not None:
            return mailbox(given)
        try:
            return mailbox(self.config[SMTP_USER])
        except InvalidMail:
            expected = "an address such as ann@example.org, because send_mail() got no sender"
            raise self.config.refusal(SMTP_USER, expected) from None


def _prepare(
    app: Flask | None,
    subject: str,
    sender: str | None,
    receivers: Iterable[str],
    data: str | None,
    plain: str | None,
    rich: str | None,
    context: Mapping[str, Any] | None,
) -> tuple[Mail, Letter]:
    mail = battery_of(Mail, app_of(app))
    mail.require()
    if isinstance(receivers, str):
        raise InvalidMail("receivers must be a list of addresses, such as ['ann@example.org']")
    if data is not None and not isinstance(data, str):
        raise InvalidMail(f"data must be text, not {type(data).__name__}")
    with context_of(mail.app):
        text = _part(mail, plain, context, data, is_html=False)
        html = _part(mail, rich, context, None if data is None else _as_html(data), is_html=True)
    letter = compose(subject, mail.sender(sender), map(mailbox, receivers), text, html)
    return mail, letter


def _part(
    mail: Mail, name: str | None, context: Mapping[str, Any] | None, fallback: str | None, *, is_html: bool
) -> str | None:
    if name is None:
        return fallback
    try:
        return _render(mail.app, name, context, is_html)
    except Exception:
        if fallback is None:
            raise
        mail.logger.exception("The template %r of a mail cannot be rendered; data is sent instead", name)
        return fallback


def _render(app: Flask, name: str, context: Mapping[str, Any] | None, is_html: bool) -> str:
    # Escaping depends on the part of the mail, not on the name of the file.
    template = app.jinja_env.overlay(autoescape=is_html).get_or_select_template(name)
    variables = dict(context or {})
    app.update_template_context(variables)
    return template.render(variables)


def _as_html(text: str) -> str:
    return Markup("<br>\n").join(escape(line) for line in text.splitlines())
