"""The OpenHeart protocol itself: emoji, targets, bodies and the site's policy. It does no I/O."""

from __future__ import annotations

from .emoji import canonical_emoji, emoji_version, split_emoji
from .message import read_message
from .policy import Policy
from .scope import is_scoped, scope_of, scoped_target, stored_target
from .target import canonical_target, kept_query, split_query, target_from_bytes, target_from_url

__all__ = [
    "Policy",
    "canonical_emoji",
    "canonical_target",
    "emoji_version",
    "is_scoped",
    "kept_query",
    "read_message",
    "scope_of",
    "scoped_target",
    "split_emoji",
    "split_query",
    "stored_target",
    "target_from_bytes",
    "target_from_url",
]
