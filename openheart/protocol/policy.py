"""Which emoji a site accepts, and whether skin tones are counted apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Literal

from ..errors import EmojiNotAllowed, InvalidEmoji
from .emoji import canonical_emoji, fold_skin_tones

__all__ = ["OFFERED", "Policy"]

OFFERED = "❤️ 👍 🎉 😂 🤔"
"""The emoji that are offered where a site names none; as in openheart.js."""

_CACHED = 4096
_LONGEST_CACHED = 64
_NAMED = 20


class Policy:
    """The rules of one site. It never changes, and threads may share it.

    An entry without skin tones stands for all of its skin tones; a toned entry names only itself.

    Args:
        allow: the emoji that the site accepts; none means every emoji.
        deny: the emoji that it does not accept, even if ``allow`` names them.
        skin_tones: ``"keep"`` counts each skin tone apart, ``"fold"`` counts them as the plain emoji.

    Attributes:
        offered: the emoji that the site offers, as they are counted: those that it names, or OFFERED.

    Raises:
        InvalidEmoji: an entry is not one emoji; the text names it.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        skin_tones: Literal["keep", "fold"] = "keep",
    ) -> None:
        self._allow = tuple(dict.fromkeys(_entry(text) for text in allow))
        self._deny = frozenset(_entry(text) for text in deny)
        self._fold = skin_tones == "fold"
        # Failures are not cached, so that invalid text never evicts what visitors really send.
        self._cached = lru_cache(_CACHED)(self._decide)
        self.offered = tuple(dict.fromkeys(self._accepted(self._allow or OFFERED.split())))

    def admit(self, text: str) -> str:
        """Find the emoji that a text starts with and that may be counted.

        Args:
            text: what a visitor sent.

        Returns:
            The emoji to count, fully qualified.

        Raises:
            InvalidEmoji: the text does not start with an emoji.
            EmojiNotAllowed: this site does not accept it.
        """
        return self._cached(text) if len(text) <= _LONGEST_CACHED else self._decide(text)

    def _accepted(self, emoji: Iterable[str]) -> Iterator[str]:
        for each in emoji:
            with suppress(EmojiNotAllowed):
                yield self._decide(each)

    def _decide(self, text: str) -> str:
        emoji = canonical_emoji(text)
        plain = fold_skin_tones(emoji)
        if self._allow and emoji not in self._allow and plain not in self._allow:
            named = " ".join(self._allow[:_NAMED]) + (" …" if len(self._allow) > _NAMED else "")
            raise EmojiNotAllowed(f"This site does not accept {emoji}: send one of {named}")
        if emoji in self._deny or plain in self._deny:
            raise EmojiNotAllowed(f"This site does not accept {emoji}: send another emoji")
        return plain if self._fold else emoji


def _entry(text: str) -> str:
    text = text.strip()
    try:
        emoji = canonical_emoji(text)
    except InvalidEmoji:
        raise InvalidEmoji(
            f"The entry {text[:40]!r} is not an emoji: write one such as 🥨, or leave it out"
        ) from None
    if emoji.replace("\ufe0f", "") != text.replace("\ufe0f", ""):
        raise InvalidEmoji(f"The entry {text[:40]!r} is more than one emoji: give each its own entry")
    return emoji
