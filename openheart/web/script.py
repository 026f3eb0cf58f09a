"""``<prefix>/-/openheart.js``: the element that puts reactions on any page with one tag."""

from __future__ import annotations

import functools
import json
from importlib.resources import files

from flask import Response, request

from .. import config as settings
from ..errors import EmojiNotAllowed
from ..protocol import Policy
from ..state import State
from .cors import read_headers

__all__ = ["OFFERED", "openheart_js"]

OFFERED = "❤️ 👍 🎉 😂 🤔"
"""What the element offers where neither the page nor OPENHEART_EMOJI says what; as in openheart.js."""

MOST = 8
HOUR = 3600


def openheart_js(state: State) -> Response:
    """The script, offering the emoji that this server takes; a page of an allowed origin may load it."""
    headers = read_headers(request, state.origins)
    headers += [
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Cache-Control", f"public, max-age={HOUR}, must-revalidate"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    response = Response(_script(_offered(state)), headers=headers)
    response.add_etag()
    response.make_conditional(request)
    return response


def _offered(state: State) -> str:
    taken = state.config[settings.OPENHEART_EMOJI] or OFFERED.split()
    policy = Policy(
        taken, state.config[settings.OPENHEART_EMOJI_DENY], state.config[settings.OPENHEART_SKIN_TONES]
    )
    found = []
    for emoji in taken:
        try:
            found.append(policy.admit(emoji))
        except EmojiNotAllowed:
            continue
    return " ".join(found[:MOST])


@functools.lru_cache(maxsize=16)
def _script(offered: str) -> bytes:
    text = files("openheart.web").joinpath("static/openheart.js").read_text(encoding="utf-8")
    # What admit() gives is an emoji and nothing else, so it cannot end the string.
    return text.replace(json.dumps(OFFERED, ensure_ascii=False), f'"{offered}"', 1).encode()
