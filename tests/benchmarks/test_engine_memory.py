"""What a target takes in each storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.engine_memory import KINDS, Size, mongodb_sizes, sqlite_sizes, valkey_sizes
from tests.servers.mongodb import MongoServer
from tests.servers.valkey import Server


def grows(size: Size) -> bool:
    numbers = [number for number in size.bytes if number is not None]
    return len(numbers) == len(KINDS) and 0 < numbers[0] < numbers[-1]


def test_a_target_takes_more_with_more_emoji_in_valkey_and_the_server_is_empty_again(
    valkey_server: Server,
) -> None:
    valkey_server.empty()
    sizes = valkey_sizes(valkey_server.uri, 500)
    left = valkey_server.do("DBSIZE")

    assert len(sizes) == 4
    assert all(grows(size) for size in sizes[:2])
    assert left == 0


def test_a_target_takes_more_with_more_emoji_in_sqlite(tmp_path: Path) -> None:
    (size,) = sqlite_sizes(tmp_path, 500)

    assert grows(size)


@pytest.mark.slow
def test_a_target_takes_more_with_more_emoji_in_mongodb(mongodb_set: MongoServer) -> None:
    mongodb_set.empty()
    (size,) = mongodb_sizes(mongodb_set.uri, 500)

    assert grows(size)
