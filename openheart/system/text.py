"""Text: which characters a line from outside may not hold, how they are shown, and numbers of things."""

from __future__ import annotations

import re

__all__ = ["CONTROL", "NOT_TEXT", "counted", "escape_controls"]

_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029"

CONTROL = re.compile(f"[{_CONTROLS}]")
"""A control character: C0, DEL, C1, and the separators of lines and paragraphs."""

NOT_TEXT = re.compile(f"[{_CONTROLS}\ud800-\udfff]")
"""What stored or sent text may not hold: a control character, or half a surrogate pair."""

# Also characters that change the writing direction (UAX #9). U+200D stays: it is part of emoji.
_SHOWN = re.compile(f"[{_CONTROLS}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def escape_controls(text: str) -> str:
    r"""The text with its control characters as escapes such as ``\n``, so that it stays on one line."""
    return _SHOWN.sub(lambda match: ascii(match[0])[1:-1], text)


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things in English: ``1 target``, ``2 targets``.

    Args:
        number: how many.
        one: the word for one of them.
        many: the word for several; by default with an s.
    """
    return f"{number} {one if number == 1 else many or one + 's'}"
