"""Settings of reactions: the protocol over HTTP, and where counts live."""

from __future__ import annotations

from functools import partial
from typing import Literal

from . import casts, net_casts
from .option import Option

__all__ = [
    "OPENHEART_EMOJI",
    "OPENHEART_EMOJI_DENY",
    "OPENHEART_HOLD",
    "OPENHEART_HOSTS",
    "OPENHEART_LISTING",
    "OPENHEART_MAX_AGE",
    "OPENHEART_MAX_BODY",
    "OPENHEART_MAX_EMOJI",
    "OPENHEART_OPEN_TARGETS",
    "OPENHEART_ORIGINS",
    "OPENHEART_POST_URL_PREFIX",
    "OPENHEART_QUERY",
    "OPENHEART_SKIN_TONES",
    "OPENHEART_STALE",
    "OPENHEART_URI",
    "OPENHEART_URL_PREFIX",
    "OPENHEART_WRITE_ONLY",
]

_option = partial(Option, group="protocol")
_switch = casts.boolean()

OPENHEART_URL_PREFIX: Option[str] = _option(
    "OPENHEART_URL_PREFIX", casts.url_prefix(), "/openheart", "The path in front of every target."
)
OPENHEART_POST_URL_PREFIX: Option[str | None] = _option(
    "OPENHEART_POST_URL_PREFIX",
    casts.url_prefix(),
    None,
    "Deprecated, from flask-openheart: a second path in front of every target.",
)
OPENHEART_ORIGINS: Option[list[str]] = _option(
    "OPENHEART_ORIGINS", net_casts.origin_list(), ["*"], "The origins whose pages may react; * is any."
)
OPENHEART_HOSTS: Option[list[str]] = _option(
    "OPENHEART_HOSTS",
    net_casts.host_list(),
    [],
    "The hosts of this server, whose pages may react too; empty is any that a request names.",
)
OPENHEART_EMOJI: Option[list[str]] = _option(
    "OPENHEART_EMOJI", casts.text_list(), [], "The only emoji that are accepted; empty accepts all."
)
OPENHEART_EMOJI_DENY: Option[list[str]] = _option(
    "OPENHEART_EMOJI_DENY", casts.text_list(), [], "Emoji that are never accepted."
)
OPENHEART_SKIN_TONES: Option[Literal["keep", "fold"]] = _option(
    "OPENHEART_SKIN_TONES",
    casts.choice("keep", "fold"),
    "keep",
    "Whether 👍🏽 counts as itself (keep) or as 👍 (fold).",
)
OPENHEART_MAX_EMOJI: Option[int] = _option(
    "OPENHEART_MAX_EMOJI",
    casts.integer(1, 10_000),
    50,
    "How many different emoji a page may have, besides those that the tag offers.",
)
OPENHEART_MAX_BODY: Option[int] = _option(
    "OPENHEART_MAX_BODY", casts.size(), 16384, "The largest body of a reaction, in bytes."
)
OPENHEART_MAX_AGE: Option[float] = _option(
    "OPENHEART_MAX_AGE",
    casts.duration(),
    0.0,
    "How long a cache may answer with old counts; 0 asks the server every time.",
)
OPENHEART_WRITE_ONLY: Option[bool] = _option(
    "OPENHEART_WRITE_ONLY", _switch, False, "Accepts reactions and shows no counts."
)
OPENHEART_HOLD: Option[bool] = _option(
    "OPENHEART_HOLD", _switch, False, "Refuses reactions for now (503), and shows counts."
)
OPENHEART_LISTING: Option[bool] = _option(
    "OPENHEART_LISTING", _switch, False, "Lets everyone list the targets that have reactions."
)
OPENHEART_OPEN_TARGETS: Option[bool | None] = _option(
    "OPENHEART_OPEN_TARGETS",
    _switch,
    None,
    "Whether any address is a target; unset is on until a route of the app is marked with openheart=.",
)
OPENHEART_QUERY: Option[list[str]] = _option(
    "OPENHEART_QUERY",
    casts.parameter_list(),
    [],
    "The query parameters that tell pages apart, such as p for /?p=12; others are not part of a target.",
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
