"""The OpenHeart protocol itself: emoji, targets, bodies and the site's policy. It does no I/O."""

from __future__ import annotations

from .emoji import canonical_emoji, emoji_version, fold_skin_tones
from .message import read_message
from .policy import Policy
from .target import MAX_TARGET_BYTES, canonical_target, target_from_bytes, target_from_url

__all__ = [
    "MAX_TARGET_BYTES",
    "Policy",
    "canonical_emoji",
    "canonical_target",
    "emoji_version",
    "fold_skin_tones",
    "read_message",
    "target_from_bytes",
    "target_from_url",
]
