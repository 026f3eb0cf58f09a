"""Every error that openheart raises, one tree::

    OpenHeartError
    ├── ConfigError                 the operator's: raised by load(), names the key and the value
    │   ├── SchemeError             no backend has this URI scheme (also a RuntimeError)
    │   └── MissingDependency       a library is not installed; names the extra
    ├── TransferError               a file of counts cannot be written, or is not valid
    ├── VisitorError                the visitor's: becomes a 4xx problem document
    │   ├── InvalidTarget           400
    │   ├── InvalidBody             400
    │   ├── InvalidEmoji            400
    │   ├── EmojiNotAllowed         400
    │   ├── InvalidRequest          400
    │   ├── OriginNotAllowed        403
    │   ├── ReadingNotAllowed       403
    │   ├── InvalidSignature        403, of a webhook or of an address of live events
    │   ├── ListingNotAllowed       403
    │   ├── TargetNotFound          404
    │   ├── MethodNotAllowed        405
    │   ├── TooManyEmoji            409
    │   ├── BodyTooLarge            413
    │   └── UnsupportedBody         415
    ├── BatteryError                a server that a battery uses failed; names the battery
    │   ├── BatteryUnavailable      it cannot be reached, or does not respond; nothing was done
    │   ├── BatteryOutcomeUnknown   it did not answer a request: done once or not at all
    │   ├── MailRefused             the mail server refuses receivers; names them and those that got the mail
    │   ├── KeyNotFound             the bucket has no such key
    │   ├── MessageUnroutable       no queue receives an AMQP message
    │   ├── MessageRefused          the broker did not accept an AMQP message
    │   └── LiveFull                the limit of listening browsers is reached
    ├── InvalidMail                 a mail cannot be made from the arguments (also a ValueError)
    ├── CapabilityMissing           the storage cannot do this at all, such as list its targets
    ├── TenantError                 openheart.scoped() cannot tell whose targets are meant
    ├── BlueprintImportError        a module of register_blueprints() cannot be imported (also an ImportError)
    └── BackendError                the storage's: becomes a 503 problem document
        ├── BackendUnavailable      nothing was sent, nothing was counted
        │   ├── BackendNotConnected the backend is used before connect() or after disconnect()
        │   ├── QueueFull           too many reactions are waiting
        │   └── OnHold              reactions are held while the data moves
        ├── OutcomeUnknown          sent, not answered: counted once or not at all
        └── BackendUnusable         it cannot work as it is (read-only folder, corrupt file, full disk …)

Each error carries its data as attributes; its text says what was wrong and what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

__all__ = [
    "BackendError",
    "BackendNotConnected",
    "BackendUnavailable",
    "BackendUnusable",
    "BatteryError",
    "BatteryOutcomeUnknown",
    "BatteryUnavailable",
    "BlueprintImportError",
    "BodyTooLarge",
    "CapabilityMissing",
    "ConfigError",
    "EmojiNotAllowed",
    "InvalidBody",
    "InvalidEmoji",
    "InvalidMail",
    "InvalidRequest",
    "InvalidSignature",
    "InvalidTarget",
    "KeyNotFound",
    "ListingNotAllowed",
    "LiveFull",
    "MailRefused",
    "MessageRefused",
    "MessageUnroutable",
    "MethodNotAllowed",
    "MissingDependency",
    "OnHold",
    "OpenHeartError",
    "OriginNotAllowed",
    "OutcomeUnknown",
    "QueueFull",
    "ReadingNotAllowed",
    "SchemeError",
    "TargetNotFound",
    "TenantError",
    "TooManyEmoji",
    "TransferError",
    "UnsupportedBody",
    "VisitorError",
]


class OpenHeartError(Exception):
    """The root of every error that openheart raises on purpose."""


class ConfigError(OpenHeartError):
    """A setting cannot be used; raised at start-up, before anything is served.

    Args:
        key: the setting's name, such as ``PORT``.
        value: the value as given; the caller masks a secret first.
        source: where the value came from, such as ``the environment``.
        expected: what would be right, in words. All four are attributes too.
    """

    def __init__(self, key: str, value: object, source: str, expected: str) -> None:
        self.key = key
        self.value = value
        self.source = source
        self.expected = expected
        super().__init__(f"{key}={value!r} (from {source}) cannot be used: expected {expected}")


class SchemeError(ConfigError, RuntimeError):
    """No backend has the scheme of this URI; a RuntimeError too, as ``get_backend`` promises."""


class MissingDependency(ConfigError):
    """A feature was switched on whose library is not installed; the text names the extra."""


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


class InvalidMail(OpenHeartError, ValueError):
    """A mail cannot be made from the arguments: a bad address, a line break in a header, no text."""


class CapabilityMissing(OpenHeartError):
    """The storage lacks a capability, such as listing its targets; the text says what is unavailable."""


class TenantError(OpenHeartError):
    """It is not known whose targets are meant: nobody is logged in, or a tenant has no usable id."""


class BlueprintImportError(OpenHeartError, ImportError):
    """A module with blueprints cannot be imported; its cause is chained to it.

    Args:
        module: the dotted name of the module; also the attribute ``name``.
        cause: what its import raised.
    """

    def __init__(self, module: str, cause: Exception) -> None:
        super().__init__(
            f"The module {module!r} cannot be imported, so its blueprints are not registered: "
            f"{type(cause).__name__}: {cause}"
        )
        self.name = module


class TransferError(OpenHeartError):
    """A file of counts cannot be written, or a file to import is not valid; names the place."""


class VisitorError(OpenHeartError):
    """A request that cannot be served as it is; it changed nothing.

    Args:
        detail: one sentence for the visitor: what was wrong and what would be right.

    Attributes:
        detail: the argument.
        status: the HTTP status of the answer.
        type, title: as in BackendError.
    """

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid-request"
    title: ClassVar[str] = "The request cannot be served"

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class InvalidTarget(VisitorError):
    """The target is not valid: no page can have it."""

    type = "invalid-target"
    title = "This is not a target"


class InvalidBody(VisitorError):
    """The body is not UTF-8, not the JSON it claims to be, or has no emoji where one belongs."""

    type = "invalid-body"
    title = "The body cannot be read"


class InvalidEmoji(VisitorError):
    """The body does not start with an emoji that Unicode recommends for interchange (RGI)."""

    type = "invalid-emoji"
    title = "This is not an emoji"


class EmojiNotAllowed(VisitorError):
    """A real emoji, but not one that this site accepts."""

    type = "emoji-not-allowed"
    title = "This site does not accept this emoji"


class InvalidRequest(VisitorError):
    """The query is malformed: too many targets, a bad cursor, parameters that exclude each other."""


class OriginNotAllowed(VisitorError):
    """A page of another origin may not write here, nor listen."""

    status = 403
    type = "origin-not-allowed"
    title = "This origin may not do this here"


class ReadingNotAllowed(VisitorError):
    """Counts are not shown: the server is in write-only mode."""

    status = 403
    type = "reading-not-allowed"
    title = "Counts are not shown here"


class InvalidSignature(VisitorError):
    """The signature of a webhook, or of an address of live events, is wrong or too old."""

    status = 403
    type = "invalid-signature"
    title = "The signature is not valid"


class ListingNotAllowed(VisitorError):
    """The list of targets is not shown: OPENHEART_LISTING is off."""

    status = 403
    type = "listing-not-allowed"
    title = "Targets are not listed here"


class TargetNotFound(VisitorError):
    """No page has this target."""

    status = 404
    type = "target-not-found"
    title = "No page has this target"


class MethodNotAllowed(VisitorError):
    """The target exists, but not for this method."""

    status = 405
    type = "method-not-allowed"
    title = "This method is not allowed here"


class TooManyEmoji(VisitorError):
    """The page has as many different emoji as OPENHEART_MAX_EMOJI allows; this would be one more."""

    status = 409
    type = "too-many-emoji"
    title = "This page has too many different emoji"


class BodyTooLarge(VisitorError):
    """The body is longer than OPENHEART_MAX_BODY."""

    status = 413
    type = "body-too-large"
    title = "The body is too large"


class UnsupportedBody(VisitorError):
    """The body's Content-Type cannot hold an emoji."""

    status = 415
    type = "unsupported-body"
    title = "This content type is not supported"


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
