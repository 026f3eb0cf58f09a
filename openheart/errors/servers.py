"""Errors of servers: of the storage and of those that batteries use. Each becomes a 503 problem document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from .operators import OpenHeartError

__all__ = [
    "BackendError",
    "BackendNotConnected",
    "BackendUnavailable",
    "BackendUnusable",
    "BatteryError",
    "BatteryOutcomeUnknown",
    "BatteryUnavailable",
    "KeyNotFound",
    "LiveFull",
    "MailRefused",
    "MessageRefused",
    "MessageUnroutable",
    "OnHold",
    "OutcomeUnknown",
    "QueueFull",
]


class BatteryError(OpenHeartError):
    """A server that a battery uses, such as the mail server, failed. It has ``type``, ``title`` and
    ``retry_after`` as BackendError has.

    Args:
        battery: the battery's name, such as ``mail``.
        detail: one sentence for the operator: what happened and what to do, without secrets. Both are
            attributes too.
    """

    type: ClassVar[str] = "battery-unavailable"
    title: ClassVar[str] = "A part of this server is not working right now"
    retry_after: ClassVar[int] = 5

    def __init__(self, battery: str, detail: str) -> None:
        self.battery = battery
        self.detail = detail
        super().__init__(f"{battery}: {detail}")


class BatteryUnavailable(BatteryError):
    """The server of a battery cannot be reached, or does not respond in time. Nothing was done."""


class LiveFull(BatteryError):
    """OPENHEART_LIVE_LISTENERS browsers already listen to this process; one more was refused."""

    type = "live-full"
    title = "Too many browsers are listening to this server"
    retry_after = 15


class BatteryOutcomeUnknown(BatteryError):
    """The server of a battery did not answer a request that was sent: it is done once or not at all."""


class MailRefused(BatteryError):
    """The mail server refuses some receivers of a mail, or all of them. The others got it.

    Args:
        refused: address -> the server's reply; also an attribute.
        accepted: the addresses that got the mail; also an attribute.
    """

    def __init__(self, refused: Mapping[str, str], accepted: Sequence[str]) -> None:
        self.refused = dict(refused)
        self.accepted = list(accepted)
        said = "; ".join(f"{address}: {reply}" for address, reply in self.refused.items())
        others = f"{', '.join(self.accepted)} got it" if self.accepted else "nobody got it"
        super().__init__("mail", f"The mail server refuses receivers ({said}); {others}")


class KeyNotFound(BatteryError):
    """The bucket has no such key."""


class MessageUnroutable(BatteryError):
    """The broker has no queue for this message. It is not stored."""


class MessageRefused(BatteryError):
    """The broker did not accept this message, such as for a queue that is full. It is not stored."""


class BackendError(OpenHeartError):
    """The storage failed.

    Args:
        detail: one sentence for the operator: what happened and what to do. A visitor never sees it.

    Attributes:
        detail: the argument.
        type: the stable last part of the problem's type URI (RFC 9457).
        title: what a visitor reads.
        retry_after: seconds to wait before a retry.
    """

    type: ClassVar[str] = "storage-unavailable"
    title: ClassVar[str] = "Reactions cannot be stored or read right now"
    retry_after: ClassVar[int] = 5

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class BackendUnavailable(BackendError):
    """The storage is unavailable. Nothing was sent and nothing was counted."""


class BackendNotConnected(BackendUnavailable):
    """The backend was used before ``connect()`` or after ``disconnect()``."""

    def __init__(self, detail: str = "the backend was disconnected: call connect() first") -> None:
        super().__init__(detail)


class QueueFull(BackendUnavailable):
    """Too many reactions are waiting; this one was not accepted."""

    retry_after = 1


class OnHold(BackendUnavailable):
    """Reactions are held (OPENHEART_HOLD) while the operator moves the data; counts can be read."""

    retry_after = 30


class OutcomeUnknown(BackendError):
    """The storage did not answer a change that was sent: it is counted once or not at all."""

    type = "outcome-unknown"
    title = "It is not known whether the reaction was counted"


class BackendUnusable(BackendError):
    """The storage cannot work as it is: read-only folder, full disk, corrupt or foreign file."""

    retry_after = 60
