"""Mail from templates.

Needs the setting SMTP_HOST, and nothing to install.
"""

from __future__ import annotations

from .batteries.mail.battery import send_mail, send_mail_a

__all__ = ["send_mail", "send_mail_a"]
