"""Checks the webhooks that OPENHEART_WEBHOOK sends, in an app that receives them.

Needs no setting and nothing to install.
"""

from __future__ import annotations

from .batteries.webhook.signature import verify_webhook

__all__ = ["verify_webhook"]
