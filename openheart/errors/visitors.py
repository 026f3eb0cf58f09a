"""Errors of visitors: each becomes a 4xx problem document."""

from __future__ import annotations

from typing import ClassVar

from .operators import OpenHeartError

__all__ = [
    "AutomatedClient",
    "BodyTooLarge",
    "EmojiNotAllowed",
    "InvalidBody",
    "InvalidEmoji",
    "InvalidRequest",
    "InvalidSignature",
    "InvalidTarget",
    "ListingNotAllowed",
    "MethodNotAllowed",
    "OriginNotAllowed",
    "ReadingNotAllowed",
    "TargetNotFound",
    "TooManyEmoji",
    "UnsupportedBody",
    "VisitorError",
]


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


class AutomatedClient(VisitorError):
    """A search engine, a preview of links or an AI crawler; what they press does not count."""

    status = 403
    type = "automated-client"
    title = "Crawlers do not react"


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
