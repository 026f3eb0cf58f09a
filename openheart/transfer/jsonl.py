"""openheart's own format: JSON Lines, one target a line, ``{"target": "hello", "counts": {"🥨": 3}}``."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator

from ..errors import TransferError, VisitorError
from ..protocol import canonical_emoji, canonical_target, is_scoped, stored_target
from ..storage.backend import LARGEST_DELTA, Counts

__all__ = ["read_row", "read_rows", "write_row"]

_EXPECTED = 'a line such as {"target": "hello", "counts": {"🥨": 3}}'


def write_row(target: str, counts: Counts) -> bytes:
    """The line of one target: the same bytes for the same counts, whatever storage they come from."""
    row = {"target": target, "counts": dict(sorted(counts.items()))}
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def read_rows(
    lines: Iterable[bytes], query: Collection[str] = ()
) -> Iterator[tuple[str, Counts] | TransferError]:
    """Read lines.

    Args:
        lines: the lines.
        query: the names of the parameters that tell pages apart (OPENHEART_QUERY).

    Yields:
        For each line that is not blank its target and its counts; or, where it cannot be used, an error
        that names the line.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield read_row(line, query)
        except TransferError as error:
            yield TransferError(f"line {number}: {error}")


def read_row(line: bytes, query: Collection[str] = ()) -> tuple[str, Counts]:
    """Read one line; the arguments are those of ``read_rows``.

    Raises:
        TransferError: it is not in this format, or its target, an emoji or a count is not valid.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise TransferError(f"this is not JSON: expected {_EXPECTED}") from None
    if not isinstance(row, dict) or row.keys() != {"target", "counts"}:
        raise TransferError(f"expected {_EXPECTED}")
    target, counts = row["target"], row["counts"]
    if not isinstance(target, str) or not isinstance(counts, dict) or not counts:
        raise TransferError(f"expected {_EXPECTED}")
    try:
        for emoji, count in counts.items():
            if type(count) is not int or not 1 <= count <= LARGEST_DELTA:
                raise TransferError(f"a count is a whole number from 1 to {LARGEST_DELTA}")
            if canonical_emoji(emoji) != emoji:
                raise TransferError(
                    f"{emoji!r} is not openheart's spelling: expected {canonical_emoji(emoji)!r}"
                )
        spelt = stored_target(target) if is_scoped(target) else canonical_target(target, query, strict=True)
        if spelt != target:
            raise TransferError(f"{target!r} is not openheart's spelling: expected {spelt!r}")
    except VisitorError as error:
        raise TransferError(error.detail) from None
    return target, counts
