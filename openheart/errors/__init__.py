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
    │   ├── AutomatedClient         403
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

from .operators import (
    BlueprintImportError,
    CapabilityMissing,
    ConfigError,
    InvalidMail,
    MissingDependency,
    OpenHeartError,
    SchemeError,
    TenantError,
    TransferError,
)
from .servers import (
    BackendError,
    BackendNotConnected,
    BackendUnavailable,
    BackendUnusable,
    BatteryError,
    BatteryOutcomeUnknown,
    BatteryUnavailable,
    KeyNotFound,
    LiveFull,
    MailRefused,
    MessageRefused,
    MessageUnroutable,
    OnHold,
    OutcomeUnknown,
    QueueFull,
)
from .visitors import (
    AutomatedClient,
    BodyTooLarge,
    EmojiNotAllowed,
    InvalidBody,
    InvalidEmoji,
    InvalidRequest,
    InvalidSignature,
    InvalidTarget,
    ListingNotAllowed,
    MethodNotAllowed,
    OriginNotAllowed,
    ReadingNotAllowed,
    TargetNotFound,
    TooManyEmoji,
    UnsupportedBody,
    VisitorError,
)

__all__ = [
    "AutomatedClient",
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
