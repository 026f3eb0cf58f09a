"""For those who receive the webhooks that OPENHEART_WEBHOOK sends.

Needs no setting here and nothing to install.
"""

from __future__ import annotations

from .batteries.webhook.signature import verify_webhook

__all__ = ["verify_webhook"]
