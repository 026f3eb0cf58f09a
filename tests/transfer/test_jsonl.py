from __future__ import annotations

import pytest

from openheart.errors import TransferError
from openheart.transfer.jsonl import read_row, read_rows, write_row


def test_a_line_is_the_same_whatever_the_order_of_the_counts() -> None:
    line = '{"target": "a", "counts": {"❤️": 1, "🥨": 2}}\n'.encode()
    assert write_row("a", {"🥨": 2, "❤️": 1}) == write_row("a", {"❤️": 1, "🥨": 2}) == line


def test_what_is_written_is_read_again() -> None:
    for target in ("/", "日本語/ページ", 'a"b\\c', "%41", "x" * 512):
        assert read_row(write_row(target, {"👍🏽": 2**53})) == (target, {"👍🏽": 2**53})


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{", "not JSON"),
        ("\x00", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "expected a line such as"),
        ('{"target": "a"}', "expected a line such as"),
        ('{"target": "a", "counts": {}}', "expected a line such as"),
        ('{"target": 1, "counts": {"🥨": 1}}', "expected a line such as"),
        ('{"target": "a", "counts": {"🥨": 1}, "more": 1}', "expected a line such as"),
        ('{"target": "a", "counts": {"🥨": 0}}', "whole number from 1"),
        ('{"target": "a", "counts": {"🥨": true}}', "whole number from 1"),
        ('{"target": "a", "counts": {"🥨": 1.0}}', "whole number from 1"),
        ('{"target": "a", "counts": {"🥨": 9007199254740993}}', "whole number from 1"),
        ('{"target": "a", "counts": {"❤": 1}}', "not openheart's spelling: expected '❤️'"),
        ('{"target": "a", "counts": {"x": 1}}', "not an emoji"),
        ('{"target": "a/", "counts": {"🥨": 1}}', "not openheart's spelling: expected 'a'"),
        ('{"target": "a/../b", "counts": {"🥨": 1}}', "segment"),
    ],
)
def test_a_line_that_cannot_be_used_says_what_is_expected(line: str, text: str) -> None:
    with pytest.raises(TransferError, match=text):
        read_row(line.encode())


def test_blank_lines_are_left_out_and_errors_name_the_line() -> None:
    found = list(read_rows([b"\n", b'{"target": "a", "counts": {"\xf0\x9f\xa5\xa8": 1}}\n', b"  \n", b"x\n"]))
    assert found[0] == ("a", {"🥨": 1})
    assert isinstance(found[1], TransferError)
    assert str(found[1]).startswith("line 4: ")
    assert len(found) == 2
