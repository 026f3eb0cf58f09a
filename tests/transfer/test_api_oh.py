from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from openheart.errors import TransferError
from openheart.transfer.api_oh import read_reactions


def read(text: str | bytes) -> list[tuple[str, str, int | None]]:
    raw = text.encode() if isinstance(text, str) else text
    return [(row.target, row.emoji, row.times) for row in read_reactions(io.BytesIO(raw))]


@pytest.mark.parametrize(
    "dump",
    [
        {"example.com:a%20b:🥨": 3, "example.com:c:❤": 4},
        {"example.com:a%20b:🥨": "3", "example.com:c:❤": "4"},
        {"example.com:a%20b:🥨": {"value": "3"}, "example.com:c:❤": {"value": 4}},
        [{"key": "example.com:a%20b:🥨", "value": "3"}, {"key": "example.com:c:❤", "value": 4}],
        [{"name": "example.com:a%20b:🥨", "value": 3}, {"name": "example.com:c:❤", "value": "4"}],
    ],
    ids=str,
)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_forms_of_a_dump_are_read(dump: Any, indent: int | None) -> None:
    text = json.dumps(dump, ensure_ascii=False, indent=indent)
    assert read(text) == [("example.com/a%20b", "🥨", 3), ("example.com/c", "❤", 4)]
    assert read(b"\xef\xbb\xbf" + text.encode() + b"\n") == read(text)
    assert read(json.dumps(dump)) == read(text)


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("localhost:8787:uid:🥨", "localhost:8787/uid"),
        ("example.com:2024:🥨", "example.com/2024"),
        ("example.com:a:b:🥨", "example.com/a:b"),
        ("example.com::🥨", "example.com/"),
    ],
)
def test_a_key_is_taken_apart_at_its_ends(key: str, target: str) -> None:
    assert read(json.dumps({key: 1})) == [(target, "🥨", 1)]


@pytest.mark.parametrize("text", ["{}", "[]", " [ ] ", "\n{\n}"])
def test_an_empty_dump_has_no_reactions(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize("value", ["x", -1, 1.5, True, None, [], {}, "²"])
def test_what_is_no_count_is_left_to_the_caller_to_judge(value: object) -> None:
    assert read(json.dumps({"example.com:a:🥨": value})) == [("example.com/a", "🥨", None)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "'the end' is where"),
        ("5", "is where"),
        ('"a:b:c"', "is where"),
        ('{"a:b:c"}', "is where :"),
        ('{"a:b:c": 1', "is where , or }"),
        ('{"a:b:c": 1,}', "broken"),
        ('{"a:b:c": ', "broken"),
        ('{"a:b:c": 1]', "is where"),
        ('["a:b:c"]', "an entry is 'a:b:c'"),
        ('{"a:b": 1}', "domain:uid:emoji"),
        ('[{"value": 1}]', "domain:uid:emoji"),
        (b'{"\xff', "UTF-8"),
        ("[" * 200_000, "broken"),
        ('{"a:b:c": "' + "x" * 3_000_000, "broken"),
    ],
)
def test_a_broken_dump_says_what_is_expected(text: str | bytes, expected: str) -> None:
    with pytest.raises(TransferError, match=expected):
        read(text)


class Large(io.RawIOBase):
    """A dump of many keys that is nowhere as a whole."""

    def __init__(self, keys: int) -> None:
        self._parts = self._make(keys)
        self._rest = b""

    def _make(self, keys: int) -> Iterator[bytes]:
        yield b"{"
        for number in range(keys):
            yield f'"example.com:{number}:🥨": {number},'.encode()
        yield '"example.com:end:🥨": 123456789}'.encode()

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size:
            part = next(self._parts, b"")
            if not part:
                break
            self._rest += part
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk


class Slow(io.BytesIO):
    """A file that gives one byte at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(1)


def test_numbers_and_characters_may_be_cut_anywhere() -> None:
    text = '[{"key": "example.com:a:🥨", "value": 12345}, {"key": "example.com:b:🥨", "value": "67"}]'
    rows = [*read_reactions(Slow(text.encode()))]
    assert [(row.target, row.emoji, row.times) for row in rows] == [
        ("example.com/a", "🥨", 12345),
        ("example.com/b", "🥨", 67),
    ]
    assert [row.times for row in read_reactions(Slow('{"example.com:a:🥨": 12345}'.encode()))] == [12345]


def test_a_large_dump_takes_little_memory_and_every_number_is_whole() -> None:
    tracemalloc.start()
    try:
        rows = read_reactions(Large(60_000))  # type: ignore[arg-type]
        total = sum(row.times or 0 for row in rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == sum(range(60_000)) + 123456789
    assert peak < 2 * 1024 * 1024
