"""Which text is an emoji, and its one canonical form: the RGI emoji of Unicode's emoji-test (UTS #51)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ..errors import InvalidEmoji

__all__ = ["canonical_emoji", "emoji_version", "fold_skin_tones", "split_emoji"]

_EMOJI_STYLE = "\ufe0f"
_TEXT_STYLE = "\ufe0e"
_FULLY_QUALIFIED = 2
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
_TONES_IN_NAME = re.compile(r"(?:_person)*(?:_(?:light|medium-light|medium|medium-dark|dark)_skin_tone)+")
_HAIR = frozenset("\U0001f9b0\U0001f9b1\U0001f9b2\U0001f9b3")
_SHOWN = 8


def canonical_emoji(text: str) -> str:
    """Find the emoji that a text starts with, in its fully-qualified form.

    Only the first extended grapheme cluster (UAX #29) counts; what follows is left to protocol
    extensions. U+FE0F makes no difference, so ``❤`` and ``❤️`` are one emoji.

    Args:
        text: what a visitor sent.

    Returns:
        The fully-qualified RGI emoji, as in Unicode's emoji-test.

    Raises:
        InvalidEmoji: the text does not start with one.
    """
    forms = _table().forms
    found = forms.get(text)
    if found is not None:
        return found
    found = forms.get(text.replace(_EMOJI_STYLE, "")) if len(text) < 32 else None
    # A stray U+FE0F could also split a cluster: only the fully-qualified spelling may skip the split.
    if found == text:
        return found
    # Not at the top: most text is in the table.
    import regex

    match = regex.match(r"\X", text)
    cluster = match.group() if match else ""
    found = forms.get(cluster.replace(_EMOJI_STYLE, ""))
    if found is None:
        raise InvalidEmoji(_refusal(cluster))
    return found


def split_emoji(text: str) -> tuple[str, str]:
    """Split a text after the emoji that it starts with.

    Args:
        text: what a visitor sent.

    Returns:
        The emoji in its fully-qualified form, and the rest of the text.

    Raises:
        InvalidEmoji: the text does not start with one.
    """
    import regex

    return canonical_emoji(text), regex.sub(r"\A\X", "", text)


def fold_skin_tones(emoji: str) -> str:
    """Return the same emoji without its skin tones.

    Args:
        emoji: a canonical emoji.

    Returns:
        The fully-qualified RGI emoji without skin tones: 👋🏽 is 👋, 👩🏽‍🤝‍👩🏻 is 👭. An emoji
        without skin tones is returned as it is.
    """
    plain, tones = _TONES.subn("", emoji)
    if not tones:
        return emoji
    table = _table()
    plain = plain.replace(_EMOJI_STYLE, "")
    return table.forms.get(plain) or table.pairs.get(plain, emoji)


def emoji_version() -> str:
    """The version of Unicode Emoji whose sequences are known, such as ``"17.0"``."""
    return _table().version


@dataclass(frozen=True, slots=True)
class _Table:
    """What is kept of the library's data: about 4,000 sequences, 0.7 MB.

    Attributes:
        forms: the RGI emoji without U+FE0F -> fully qualified.
        pairs: a toned pair without its tones, which is not an RGI emoji itself -> the one used for it.
        version: the highest version of Unicode Emoji in the data.
    """

    forms: dict[str, str]
    pairs: dict[str, str]
    version: str


@cache
def _table() -> _Table:
    forms: dict[str, str] = {}
    names: dict[str, str] = {}
    newest = 0.0
    for emoji, name, version in _rows():
        forms[emoji.replace(_EMOJI_STYLE, "")] = emoji
        names[emoji] = name
        newest = max(newest, version)
    by_name = {name: emoji for emoji, name in names.items()}
    pairs = {}
    for key, emoji in forms.items():
        plain = _TONES.sub("", key)
        if plain not in forms and plain not in pairs:
            # 👩🏽‍🤝‍👩🏻 without tones is 👩‍🤝‍👩, which is not RGI; the names say that 👭 is meant.
            base = by_name.get(_TONES_IN_NAME.sub("", names[emoji]))
            if base is not None:
                pairs[plain] = base
    return _Table(forms, pairs, f"{newest:.1f}")


def _rows() -> Iterator[tuple[str, str, float]]:
    try:
        yield from _rows_of_file()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        # Another release of the library may keep its data elsewhere; the table overwrites equal rows.
        yield from _rows_of_library()


def _rows_of_file() -> Iterator[tuple[str, str, float]]:
    # The library keeps 8 MB of names in memory once imported; only its data file is needed.
    import importlib.util
    import json
    from pathlib import Path

    spec = importlib.util.find_spec("emoji")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("emoji")
    path = Path(spec.submodule_search_locations[0], "unicode_codes", "emoji.json")
    for emoji, row in json.loads(path.read_text(encoding="utf-8")).items():
        if row["status"] == _FULLY_QUALIFIED:
            yield emoji, row["en"], float(row["E"])


def _rows_of_library() -> Iterator[tuple[str, str, float]]:
    from emoji import EMOJI_DATA

    for emoji, row in EMOJI_DATA.items():
        if row["status"] == _FULLY_QUALIFIED:
            yield emoji, row["en"], float(row["E"])


def _refusal(cluster: str) -> str:
    if not cluster:
        return "The reaction is empty: send one emoji, such as 🥨"
    return f"{_described(cluster)} is not an emoji that can be counted: {_advice(cluster)}"


def _described(cluster: str) -> str:
    codes = " ".join(f"U+{ord(character):04X}" for character in cluster[:_SHOWN])
    more = " …" if len(cluster) > _SHOWN else ""
    return f"{cluster[:_SHOWN]!r} ({codes}{more})"


def _advice(cluster: str) -> str:
    first = cluster[0]
    if _TEXT_STYLE in cluster:
        return "U+FE0E asks for the text style, so leave it out"
    if "\U0001f1e6" <= first <= "\U0001f1ff":
        return "a flag is two regional indicators that name a region, such as 🇺🇳"
    if _TONES.match(first) or first in _HAIR:
        return "a skin tone or a hair style needs an emoji before it, such as 👋🏽"
    return "send one that Unicode recommends for interchange (RGI), such as 🥨"
