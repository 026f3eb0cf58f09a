from __future__ import annotations

import io

import pytest

from openheart.errors import TransferError
from openheart.transfer.csv_table import read_reactions


def read(text: str | bytes) -> list[tuple[str, str, str, int | None]]:
    raw = text.encode() if isinstance(text, str) else text
    return [(row.place, row.target, row.emoji, row.times) for row in read_reactions(io.BytesIO(raw))]


@pytest.mark.parametrize("head", ["", "target,emoji,count\n", "\ufeffTarget, Emoji, Count\r\n"])
def test_the_first_line_may_name_the_columns(head: str) -> None:
    first = 2 if head else 1
    assert read(head + "a,🥨,3\n\nhttp://b/,❤, 4\n") == [
        (f"line {first}", "a", "🥨", 3),
        (f"line {first + 2}", "http://b/", "❤", 4),
    ]


def test_a_target_with_commas_and_quotes_is_quoted() -> None:
    assert read('"a,""b""",🥨,1') == [("line 1", 'a,"b"', "🥨", 1)]


def test_what_is_no_count_is_left_to_the_caller_to_judge() -> None:
    assert [row[3] for row in read("a,🥨,x\na,🥨,-1\na,🥨,1.5\na,🥨,\n")] == [None] * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a,🥨\n", "line 1: expected 3 cells"), ("a,🥨,1,2\n", "line 1: expected 3"), (b"\xff,a,1", "UTF-8")],
)
def test_another_table_says_what_is_expected(text: str | bytes, expected: str) -> None:
    with pytest.raises(TransferError, match=expected):
        read(text)


def test_the_file_is_left_open_for_who_opened_it() -> None:
    file = io.BytesIO(b"")
    list(read_reactions(file))
    assert not file.closed
