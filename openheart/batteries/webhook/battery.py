"""OPENHEART_WEBHOOK: the URL that is notified of reactions, in signed batches."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from ...core.signals import reaction_added
from ...errors import BatteryUnavailable
from ..battery import Battery
from .address import is_inside
from .request import Attempt, Endpoint
from .row import (
    OPENHEART_WEBHOOK,
    OPENHEART_WEBHOOK_PRIVATE,
    OPENHEART_WEBHOOK_SECRET,
    OPENHEART_WEBHOOK_TIMEOUT,
    ROW,
)
from .sender import Sender
from .signature import keys_of, sign

__all__ = ["Webhook"]

CHECK_TIMEOUT = 3.0  # seconds


class Webhook(Battery[Sender]):
    """Listens to the reactions of an application, and forwards them."""

    row = ROW

    def install(self) -> None:
        """Check the settings, and listen from now on. No thread starts before the first reaction."""
        self.require()
        reaction_added.connect(self._hear, sender=self.app)

    def require(self) -> None:
        super().require()
        self._keys()
        host = urlsplit(self.config[OPENHEART_WEBHOOK] or "").hostname or ""
        if is_inside(host) and not self.config[OPENHEART_WEBHOOK_PRIVATE]:
            expected = "a public address, or OPENHEART_WEBHOOK_PRIVATE=on for one inside the network"
            raise self.config.refusal(OPENHEART_WEBHOOK, expected)

    def open(self) -> Sender:
        keys = self._keys()
        endpoint = self._endpoint()

        def post(delivery: str, body: bytes, timeout: float) -> Attempt:
            # The timestamp is that of this try, so that a late one is not rejected as a replay.
            seconds = int(time.time())
            headers = {
                "webhook-id": delivery,
                "webhook-timestamp": str(seconds),
                "webhook-signature": sign(keys, delivery, seconds, body),
            }
            return endpoint.post(body, headers, timeout)

        return Sender(post, self.config, self.logger.getChild("webhook"))

    def shut(self, resource: Sender) -> None:
        resource.close()

    def check(self) -> None:
        sender = self.resource
        if sender.failure is not None:
            raise BatteryUnavailable(self.name, f"the last notice was not accepted: {sender.failure}")
        if not sender.is_accepted:
            # A receiver is sent only reactions, so before the first one this only connects.
            timeout = min(self.config[OPENHEART_WEBHOOK_TIMEOUT], CHECK_TIMEOUT)
            if failure := self._endpoint().connect(timeout).failure:
                raise BatteryUnavailable(self.name, f"OPENHEART_WEBHOOK cannot be reached: {failure}")

    def _endpoint(self) -> Endpoint:
        config = self.config
        return Endpoint(config[OPENHEART_WEBHOOK] or "", private=config[OPENHEART_WEBHOOK_PRIVATE])

    def _keys(self) -> list[bytes]:
        option = OPENHEART_WEBHOOK_SECRET
        return keys_of(self.config[option], option.name, self.config.source(option))

    def _hear(self, sender: object, target: str, emoji: str, counts: dict[str, int], **_: Any) -> None:
        self.resource.add(target, emoji, counts.get(emoji, 0))
