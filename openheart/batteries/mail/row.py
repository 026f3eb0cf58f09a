"""The row of the battery: mail, and its settings."""

from __future__ import annotations

from functools import partial
from typing import Literal

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = [
    "OPENHEART_SMTP_CA",
    "OPENHEART_SMTP_TIMEOUT",
    "OPENHEART_SMTP_TLS",
    "ROW",
    "SMTP_HOST",
    "SMTP_PASSWORD",
    "SMTP_USER",
]

_option = partial(Option, group="mail")

SMTP_HOST: Option[str | None] = _option(
    "SMTP_HOST",
    casts.address(),
    None,
    "The mail server, with its port after a colon if it is not the default port.",
)
SMTP_USER: Option[str | None] = _option(
    "SMTP_USER", casts.text(), None, "The user at the mail server, and the default sender."
)
SMTP_PASSWORD: Option[str | bytes | None] = _option(
    "SMTP_PASSWORD", casts.secret_text(), None, "The password at the mail server.", secret=True
)
OPENHEART_SMTP_TLS: Option[Literal["auto", "starttls", "tls", "off"]] = _option(
    "OPENHEART_SMTP_TLS",
    casts.choice("auto", "starttls", "tls", "off"),
    "auto",
    "STARTTLS if it is offered (auto) or always (starttls), TLS from the first byte (tls), or none (off).",
)
OPENHEART_SMTP_CA: Option[str | None] = _option(
    "OPENHEART_SMTP_CA",
    casts.text(),
    None,
    "A file of the CA certificates to trust for the mail server; unset uses the system's.",
)
OPENHEART_SMTP_TIMEOUT: Option[float] = _option(
    "OPENHEART_SMTP_TIMEOUT", casts.duration(0.1), 10.0, "How long to wait for the mail server, at each step."
)

ROW = Row(
    "mail",
    "openheart.batteries.mail.battery:Mail",
    needs=[SMTP_HOST],
    settings=[
        SMTP_HOST,
        SMTP_USER,
        SMTP_PASSWORD,
        OPENHEART_SMTP_TLS,
        OPENHEART_SMTP_CA,
        OPENHEART_SMTP_TIMEOUT,
    ],
    place=10,
)
