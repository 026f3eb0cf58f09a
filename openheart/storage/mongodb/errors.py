"""What the errors of MongoDB and its driver mean for a reaction, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    InvalidOperation,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from ...errors import (
    BackendError,
    BackendNotConnected,
    BackendUnavailable,
    BackendUnusable,
    OutcomeUnknown,
)

__all__ = ["named_error", "reason_of"]


# Codes of https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_NOT_PRIMARY = frozenset({10058, 10107, 13435})
_PERMISSION = frozenset({13, 8000})
_AUTHENTICATION = frozenset({18, 33, 8001})
_INTERRUPTED = frozenset({6, 7, 24, 50, 89, 91, 134, 189, 262, 9001, 11600, 11601, 11602})
_WRONG_TYPE = 14
_NOT_A_WORD = re.compile(r" \(configured timeouts: .*|, Timeout: .*|, full error: .*", re.DOTALL)


def named_error(error: PyMongoError, where: str, *, writes: bool, unanswered: bool) -> BackendError:
    """Say what an error of the driver means and what to do.

    Args:
        error: the driver's error.
        where: which server, in words.
        writes: whether the call would have changed something.
        unanswered: whether a write was sent that the server never answered.
    """
    reason = reason_of(error)
    if unanswered:
        return OutcomeUnknown(
            f"{where} did not answer a write that was sent ({reason}): it is counted once or not at all. "
            "On a replica set, even of one server, the driver repeats such a write, once and safely"
        )
    if isinstance(error, WriteConcernError):
        return OutcomeUnknown(
            f"{where} stored a write, and the majority of the replica set did not confirm it ({reason}): it "
            "is lost if the primary fails now. Check the other members; do not add the reaction again"
        )
    if isinstance(error, InvalidOperation):
        return BackendNotConnected()
    if isinstance(error, ConnectionFailure):
        if writes and isinstance(error, NotPrimaryError) and _code_of(error) not in _NOT_PRIMARY:
            return _interrupted(where, reason)
        return BackendUnavailable(
            f"{where} is unavailable ({reason}): start it, or correct OPENHEART_URI; "
            "openheart reconnects by itself"
        )
    if isinstance(error, OperationFailure):
        return _refused(error, where, reason, writes)
    if isinstance(error, ConfigurationError):
        return BackendUnusable(f"{where} cannot be used: {reason}; correct OPENHEART_URI")
    return BackendUnusable(f"{where}: {reason} ({type(error).__name__})")


def reason_of(error: Exception) -> str:
    """The driver's text, without its settings, its view of the servers and the raw reply."""
    return _NOT_A_WORD.sub("", str(error)).rstrip(" .,")


def _refused(error: OperationFailure, where: str, reason: str, writes: bool) -> BackendError:
    code = error.code
    if code in _AUTHENTICATION:
        return BackendUnusable(
            f"{where} does not accept this user and password: correct them in OPENHEART_URI"
        )
    if code in _PERMISSION:
        return BackendUnusable(
            f"{where} does not allow this user to do it ({reason}): "
            "give the user the role readWrite on the database"
        )
    if code == _WRONG_TYPE:
        return BackendUnusable(
            f"{where} holds a count that is not a number ({reason}), so nothing was written: fix the document"
        )
    if error.has_error_label("RetryableWriteError") or error.timeout or code in _INTERRUPTED:
        if writes:
            return _interrupted(where, reason)
        return BackendUnavailable(
            f"{where} is busy ({reason}): check its load; openheart continues by itself"
        )
    return BackendUnusable(f"{where} refused: {reason} (code {code})")


def _code_of(error: NotPrimaryError) -> object:
    return error.details.get("code") if isinstance(error.details, Mapping) else None


def _interrupted(where: str, reason: str) -> BackendError:
    return OutcomeUnknown(
        f"{where} was interrupted during a write ({reason}): it is counted once or not at all"
    )
