from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openheart.errors import InvalidRequest
from openheart.storage.cursor import after_prefix, read_cursor, write_cursor

TEXT = st.text(st.characters(codec="utf-8"))


@given(TEXT)
def test_a_cursor_is_url_safe_text_that_comes_back(target: str) -> None:
    cursor = write_cursor(target)
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert read_cursor(cursor) == target


@given(TEXT)
def test_any_other_text_is_refused_or_is_a_cursor(text: str) -> None:
    try:
        target = read_cursor(text)
    except InvalidRequest:
        return
    assert write_cursor(target) == text


@pytest.mark.parametrize("cursor", ["", "x", "MTE=", "Mg", "Mf8", "é", "MTE\n"])
def test_what_was_not_made_here_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="pass the cursor of the previous page"):
        read_cursor(cursor)


@given(TEXT, TEXT, TEXT)
def test_a_prefix_ends_where_its_texts_end(prefix: str, rest: str, other: str) -> None:
    end = after_prefix(prefix)
    for text in (prefix + rest, other):
        assert text.startswith(prefix) == (text >= prefix and (end is None or text < end))


def test_the_last_characters_have_an_end_too() -> None:
    assert after_prefix("") is None
    assert after_prefix("\U0010ffff") is None
    assert after_prefix("a\U0010ffff") == "b"
    assert after_prefix("\ud7ff") == "\ue000"
