"""Settings of reactions: the protocol over HTTP, and where counts live."""

from __future__ import annotations

from typing import Literal

from . import casts
from .option import Option

__all__ = [
    "OPENHEART_EMOJI",
    "OPENHEART_EMOJI_DENY",
    "OPENHEART_HOLD",
    "OPENHEART_LISTING",
    "OPENHEART_MAX_AGE",
    "OPENHEART_MAX_BODY",
    "OPENHEART_OPEN_TARGETS",
    "OPENHEART_ORIGINS",
    "OPENHEART_SKIN_TONES",
    "OPENHEART_STALE",
    "OPENHEART_URI",
    "OPENHEART_URL_PREFIX",
    "OPENHEART_WRITE_ONLY",
]

_switch = casts.boolean()

OPENHEART_URL_PREFIX: Option[str] = Option(
    "OPENHEART_URL_PREFIX",
    casts.url_prefix(),
    "/openheart",
    "The path in front of every target.",
    group="protocol",
)
OPENHEART_ORIGINS: Option[list[str]] = Option(
    "OPENHEART_ORIGINS",
    casts.origin_list(),
    ["*"],
    "The origins whose pages may react; * is any.",
    group="protocol",
)
OPENHEART_EMOJI: Option[list[str]] = Option(
    "OPENHEART_EMOJI",
    casts.text_list(),
    [],
    "The only emoji that are accepted; empty accepts all.",
    group="protocol",
)
OPENHEART_EMOJI_DENY: Option[list[str]] = Option(
    "OPENHEART_EMOJI_DENY", casts.text_list(), [], "Emoji that are never accepted.", group="protocol"
)
OPENHEART_SKIN_TONES: Option[Literal["keep", "fold"]] = Option(
    "OPENHEART_SKIN_TONES",
    casts.choice("keep", "fold"),
    "keep",
    "Whether 👍🏽 counts as itself (keep) or as 👍 (fold).",
    group="protocol",
)
OPENHEART_MAX_BODY: Option[int] = Option(
    "OPENHEART_MAX_BODY", casts.size(), 16384, "The largest body of a reaction, in bytes.", group="protocol"
)
OPENHEART_MAX_AGE: Option[float] = Option(
    "OPENHEART_MAX_AGE",
    casts.duration(),
    0.0,
    "How long a cache may answer with old counts; 0 asks the server every time.",
    group="protocol",
)
OPENHEART_WRITE_ONLY: Option[bool] = Option(
    "OPENHEART_WRITE_ONLY", _switch, False, "Accepts reactions and shows no counts.", group="protocol"
)
OPENHEART_HOLD: Option[bool] = Option(
    "OPENHEART_HOLD", _switch, False, "Refuses reactions for now (503), and shows counts.", group="protocol"
)
OPENHEART_LISTING: Option[bool] = Option(
    "OPENHEART_LISTING",
    _switch,
    False,
    "Lets everyone list the targets that have reactions.",
    group="protocol",
)
OPENHEART_OPEN_TARGETS: Option[bool | None] = Option(
    "OPENHEART_OPEN_TARGETS",
    _switch,
    None,
    "Whether any address is a target; unset is on until a route of the app is marked with openheart=.",
    group="protocol",
)
OPENHEART_URI: Option[str | None] = Option(
    "OPENHEART_URI",
    casts.uri(),
    None,
    "Where the counts live; unset is an SQLite file. $REDISTOGO_URL takes the value of that variable.",
    group="storage",
)
OPENHEART_STALE: Option[float] = Option(
    "OPENHEART_STALE",
    casts.duration(),
    0.0,
    "How old counts may be that are shown, marked as old, while the storage is unavailable; 0 answers 503.",
    group="storage",
)
