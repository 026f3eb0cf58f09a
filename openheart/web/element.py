"""``<prefix>/-/openheart.js``: the element that puts reactions on any page with one tag."""

from __future__ import annotations

import functools
import json
import re
from importlib.resources import files

from flask import Response

from ..core.state import State
from ..protocol.policy import OFFERED
from .javascript import script_answer
from .languages import ENGLISH, chooser_of, nearest, translations
from .route import Route, reading

__all__ = ["WORDS", "routes"]

WORDS = (
    "React with",
    "Thank you!",
    "Please log in first.",
    "The server does not know this page.",
    "Too many requests. Please wait a little.",
    "The site refused the request",
    "The server cannot be reached. Please try again later.",
)
"""The texts of the element; as in openheart.js."""

DEFAULT = "this.getAttribute(name) ?? other"
TRANSLATED = "this.getAttribute(name) ?? say(this, other)"
SAY = """const WORDS = %s;
const say = (tag, text) => WORDS[tag.closest("[lang]")?.lang.split("-")[0].toLowerCase()]?.[text] ?? text;
"""
PAGE = "location.host + location.pathname"
ASKED = """const QUERY = %s;
const asked = () => {
  const kept = [...new URLSearchParams(location.search)].filter(([name]) => QUERY.includes(name));
  return kept[0] ? "?" + new URLSearchParams(kept) : "";
};
"""
# Comments and indentation are for those who read the file here; the first comments say what it is.
SPARE = re.compile(r"(?m)^ *//.*\n|(?<=;) //.*$|^ +")
MOST = 8


def routes(state: State) -> list[Route]:
    """The address of the script."""
    return [Route("/-/openheart.js", "openheart.script", reading(openheart_js), sent="")]


def openheart_js(state: State) -> Response:
    """The script, with the emoji that this server accepts; a page of an allowed origin may load it."""
    offered = " ".join(state.service.policy.offered[:MOST])
    return script_answer(state, _script(offered, _languages(state), tuple(state.pages.query)))


def _languages(state: State) -> tuple[str, ...]:
    chooser = chooser_of(state)
    found = () if chooser is None else chooser.locales()
    return tuple(dict.fromkeys(name for locale in found if (name := nearest(locale)) != ENGLISH))


@functools.lru_cache(maxsize=16)
def _script(offered: str, languages: tuple[str, ...], query: tuple[str, ...]) -> bytes:
    file = files("openheart.web").joinpath("static/openheart.js").read_text(encoding="utf-8")
    first, _, text = file.partition("\n\n")
    text = SPARE.sub("", text)
    # admit() returns only emoji, which cannot end the string.
    text = text.replace(json.dumps(OFFERED, ensure_ascii=False), f'"{offered}"', 1)
    if query:
        text = ASKED % json.dumps(query) + text.replace(PAGE, f"{PAGE} + asked()", 1)
    if languages:
        # The page decides the language, not the request: the script is cached for many pages.
        words = {
            language.partition("_")[0]: {word: translations(language).gettext(word) for word in WORDS}
            for language in languages
        }
        text = SAY % json.dumps(words, ensure_ascii=False) + text.replace(DEFAULT, TRANSLATED, 1)
    return f"{first}\n{text}".encode()
