from __future__ import annotations

import random
import tracemalloc
import uuid
from collections.abc import Iterator
from pathlib import Path
from string import ascii_letters
from typing import Any

import pytest

from openheart.errors import BackendUnavailable, InvalidRequest
from openheart.storage import Change
from openheart.storage.valkey import listing
from openheart.storage.valkey.listing import Scanner, Seen
from openheart.storage.valkey.script import Keys, read_row

from ...engines import Engine, get_engine
from ...servers.valkey import Cluster, Server

HEART = "❤️"


@pytest.fixture(scope="module", params=["valkey_server", "valkey_cluster"])
def served(request: pytest.FixtureRequest) -> Server | Cluster:
    served: Server | Cluster = request.getfixturevalue(request.param)
    served.empty()
    return served


@pytest.fixture
def backend(served: Server | Cluster) -> Iterator[Engine]:
    with get_engine(served.uri, instance=uuid.uuid4().hex) as backend:
        yield backend


def fill(backend: Engine, number: int, prefix: str = "page/") -> set[str]:
    targets = [f"{prefix}{each}" for each in range(number)]
    backend.apply([Change(target, HEART) for target in targets])
    return set(targets)


def pages(backend: Engine, limit: int) -> list[list[str]]:
    found, cursor = [], None
    while True:
        page = backend.list(cursor=cursor, limit=limit)
        found.append([target for target, _ in page.targets])
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 3, 10, 100, 1000])
def test_pages_of_any_size_hold_each_target_once(backend: Engine, limit: int) -> None:
    targets = fill(backend, 250)
    found = pages(backend, limit)
    assert sorted(target for page in found for target in page) == sorted(targets)
    assert all(len(page) == limit for page in found[:-1])


def test_targets_that_come_and_go_between_pages_leave_the_others_alone(backend: Engine) -> None:
    targets = fill(backend, 300)
    found: list[str] = []
    cursor, turn = None, 0
    while turn == 0 or cursor is not None:
        page = backend.list(cursor=cursor, limit=20)
        found += [target for target, _ in page.targets]
        cursor, turn = page.cursor, turn + 1
        if turn < 10:
            # The tables grow and are rehashed meanwhile.
            fill(backend, 200, f"later/{turn}/")
    assert targets <= set(found)


def test_a_page_that_finds_nothing_in_many_keys_ends_and_goes_on_with_its_cursor(
    backend: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = fill(backend, 100)
    with get_engine(backend.uri, instance="crowd") as crowd:
        fill(crowd, 2000)
    monkeypatch.setattr(listing, "SCANS_PER_PAGE", 2)
    monkeypatch.setattr(listing, "MOST", 10)
    found = pages(backend, 50)
    assert any(len(page) < 50 for page in found[:-1])
    assert sorted(target for page in found for target in page) == sorted(targets)


def test_a_deleted_target_is_left_out_of_the_pages_after(served: Server | Cluster, backend: Engine) -> None:
    targets = fill(backend, 60)
    page = backend.list(limit=7)
    seen = {target for target, _ in page.targets}
    gone = sorted(targets - seen)[:30]
    keys = Keys(backend.instance)
    for target in gone:
        for node in served.nodes if isinstance(served, Cluster) else [served]:
            try:
                node.do("DEL", keys.of(target))
            except Exception:  # MOVED
                continue
    while page.cursor is not None:
        page = backend.list(cursor=page.cursor, limit=7)
        seen |= {target for target, _ in page.targets}
    assert seen == targets - set(gone)


def test_the_cursor_of_another_instance_or_with_a_changed_letter_is_refused(backend: Engine) -> None:
    fill(backend, 50)
    cursor = backend.list(limit=5).cursor
    assert cursor is not None
    with (
        get_engine(backend.uri, instance="another") as other,
        pytest.raises(InvalidRequest, match="not valid for this list"),
    ):
        other.list(cursor=cursor)
    changed = [
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        for place in range(0, len(cursor), 7)
    ]
    # Some of the last one's bits may say nothing.
    changed += [cursor[:-1] + letter for letter in ascii_letters if letter != cursor[-1]]
    for each in changed:
        with pytest.raises(InvalidRequest):
            backend.list(cursor=each)


def test_a_cursor_does_not_survive_the_server_that_it_came_from(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "server", "appendonly yes", "appendfsync always") as server,
        get_engine(server.uri) as backend,
    ):
        fill(backend, 3000)
        cursor = backend.list(limit=5).cursor
        rows = backend.iter_targets()
        next(rows)
        server.kill()
        server.start()
        with pytest.raises(InvalidRequest, match="list again without a cursor"):
            backend.list(cursor=cursor)
        with pytest.raises(BackendUnavailable, match="restarted"):
            list(rows)
        assert len(list(backend.iter_targets())) == 3000


def test_a_listing_of_every_target_has_each_once_while_the_table_shrinks(served: Server | Cluster) -> None:
    with get_engine(served.uri, instance="shrink") as backend, get_engine(served.uri) as crowd:
        targets, others = ([f"page/{each}" for each in range(number)] for number in (1000, 15_000))
        # Not by reactions, whose nonces would keep the table large.
        backend.at_least([(target, {HEART: 1}) for target in targets])
        crowd.at_least([(target, {HEART: 1}) for target in others])
        found: list[str] = []
        for target, _ in backend.iter_targets():
            found.append(target)
            if len(found) % 100 == 0:
                crowd.delete([others.pop() for _ in range(min(3000, len(others)))])
        assert not others
        assert sorted(found) == sorted(targets)


def test_what_a_scan_finds_again_is_listed_once(backend: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = fill(backend, 50)
    scan, before = Scanner._scan, list[bytes]()

    def again(self: Scanner, server: Any, cursor: int, count: int) -> tuple[bytes, int, list[bytes]]:
        run_id, following, keys = scan(self, server, cursor, 10)
        before.extend(keys)
        return run_id, following, [*before]

    monkeypatch.setattr(Scanner, "_scan", again)
    assert sorted(target for target, _ in backend.iter_targets()) == sorted(targets)


def test_the_set_of_what_was_seen_is_exact_and_small() -> None:
    choose = random.Random(3)
    keys = [choose.randbytes(16) for _ in range(20_000)]
    tracemalloc.start()
    seen = Seen()
    assert all(seen.add(key) for key in keys)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not any(seen.add(key) for key in keys)
    assert seen.add(b"another")
    assert size < 40 * len(keys)


def test_a_key_keeps_what_it_needs_to_be_found_again() -> None:
    keys = Keys("mine")
    key = keys.of("page")
    assert keys.long(keys.short(key)) == key
    assert key != Keys(None).of("page")
    assert key.startswith(b"openheart:{")
    assert keys.nonce(key, b"n").startswith(key)
    assert read_row([]) == ("", {})
