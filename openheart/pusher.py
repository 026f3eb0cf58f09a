"""Events to browsers and phones, through Pusher Channels.

Needs ``pip install 'openheart[pusher]'`` and the settings PUSHER_APP_ID, PUSHER_KEY and PUSHER_SECRET.
"""

from __future__ import annotations

from .batteries.pusher.battery import authenticate, get_client, trigger, validate_webhook

__all__ = ["authenticate", "get_client", "trigger", "validate_webhook"]
