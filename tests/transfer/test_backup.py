from __future__ import annotations

import errno
import gzip
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import openheart
from openheart.errors import BackendError, BatteryError, TransferError
from openheart.storage import Change
from openheart.storage.sqlite.backend import SqliteBackend
from openheart.transfer import backup, backups_of, make_backup, restore_backup

from ..engines import Engine, get_engine
from ..servers.s3 import S3Server, make_bucket


@pytest.fixture
def app(s3_server: S3Server) -> Flask:
    bucket = f"openheart-{uuid.uuid4()}"
    make_bucket(s3_server.endpoint, bucket)
    settings: dict[str, Any] = {"amazon_bucket": bucket, "amazon_id": "tests", "amazon_secret": "tests"}
    return openheart.load(name="one", uri="memory:", s3_endpoint=s3_server.endpoint, **settings)


@pytest.fixture
def source() -> Iterator[Engine]:
    with get_engine("memory:") as backend:
        backend.apply([Change("a", "🥨", 3), Change("a", "❤️"), Change("b", "🎉", 2)])
        yield backend


@pytest.fixture
def to() -> Iterator[Engine]:
    with get_engine("memory:") as backend:
        yield backend


def data_key(app: Flask) -> str:
    (key,) = [key for key in openheart.amazon.list_amazon_keys(app=app) if key.endswith(".jsonl.gz")]
    return key


def test_what_is_restored_is_what_was_there_whatever_the_storage(app: Flask, source: Engine) -> None:
    source.apply([Change(f"page/{number}", "🥨", number + 1) for number in range(2500)])
    made = make_backup(source, app, "one")
    assert (made.targets, made.reactions) == (2502, 6 + sum(range(1, 2501)))
    assert list(backups_of(app)) == [made]
    with SqliteBackend("sqlite:///to.db", folder=Path.cwd()) as to:
        for _ in range(2):
            taken, compared = restore_backup(to, app)
            assert taken == made
            assert (compared.targets, compared.less, compared.more) == (2502, 0, 0)
            assert dict(to.iter_targets()) == dict(source.iter_targets())


def test_a_backup_of_nothing_is_one(app: Flask, to: Engine) -> None:
    assert make_backup(to, app).targets == 0
    assert restore_backup(to, app)[1].targets == 0


def test_one_that_is_made_again_replaces_the_older_one(app: Flask, source: Engine, to: Engine) -> None:
    make_backup(source, app, "one")
    make_backup(source, app, "one.more")
    source.incr("c", "🥨")
    made = make_backup(source, app, "one")
    others = [*openheart.amazon.list_amazon_keys("openheart-backups/one.more", app)]
    assert len(others) == 2
    assert {*openheart.amazon.list_amazon_keys(app=app)} == {"openheart-backups/one.json", made.key, *others}
    restore_backup(to, app, "one")
    assert to.counts(["c"]) == [{"🥨": 1}]


def test_one_that_is_interrupted_leaves_the_older_one_as_it_was(
    app: Flask, source: Engine, to: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_backup(source, app, "one")

    def breaks(*_: object) -> Iterator[Any]:
        yield "a", {"🥨": 9}
        raise BackendError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(source, "iter_targets", breaks)
        with pytest.raises(BackendError, match="gone"):
            make_backup(source, app, "one")
    assert data_key(app) == made.key
    restore_backup(to, app, "one")
    assert to.counts(["a"]) == source.counts(["a"])


class Meanwhile:
    """What another host does just before, or just after, the next manifest is written."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.before: Callable[[], object] | None = None
        self.after: Callable[[], object] | None = None
        put = openheart.amazon.AmazonKey.put

        def gated(key: openheart.amazon.AmazonKey, data: Any, **options: Any) -> None:
            if not key.name.endswith(".json"):
                put(key, data, **options)
                return
            # The manifest of the other host passes.
            before, after = self.before, self.after
            self.before = self.after = None
            if before is not None:
                before()
            put(key, data, **options)
            if after is not None:
                after()

        patch.setattr(openheart.amazon.AmazonKey, "put", gated)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


@pytest.fixture
def another() -> Iterator[Engine]:
    """The storage of another host that uses the same bucket."""
    with get_engine("memory:") as backend:
        backend.incr("of/another", "🥨")
        yield backend


@pytest.mark.parametrize("has_older", [False, True])
def test_of_two_at_once_under_one_name_the_one_that_ends_last_is_whole(
    app: Flask, source: Engine, another: Engine, to: Engine, meanwhile: Meanwhile, has_older: bool
) -> None:
    if has_older:
        make_backup(another, app, "one")
    meanwhile.before = lambda: make_backup(another, app, "one")
    made = make_backup(source, app, "one")
    assert restore_backup(to, app, "one")[0] == made
    assert dict(to.iter_targets()) == dict(source.iter_targets())


def test_one_that_another_takes_the_place_of_says_so_and_the_other_is_whole(
    app: Flask, source: Engine, another: Engine, to: Engine, meanwhile: Meanwhile
) -> None:
    meanwhile.after = lambda: make_backup(another, app, "one")
    with pytest.raises(TransferError, match=r"another backup replaced one .*: run one backup at a time"):
        make_backup(source, app, "one")
    restore_backup(to, app, "one")
    assert dict(to.iter_targets()) == dict(another.iter_targets())


@pytest.mark.parametrize("ending", [".json", ".gz"])
def test_one_that_is_removed_while_it_is_made_is_not_told_as_made(
    app: Flask, source: Engine, meanwhile: Meanwhile, ending: str
) -> None:
    def remove() -> None:
        for key in [*openheart.amazon.list_amazon_keys("openheart-backups/one.", app)]:
            if key.endswith(ending):
                openheart.amazon.delete_amazon_key(key, app)

    meanwhile.after = remove
    with pytest.raises(TransferError, match="the backup one was removed while it was made"):
        make_backup(source, app, "one")


def test_counts_that_no_manifest_names_go_when_they_are_old(
    app: Flask, source: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, of_another = (f"openheart-backups/{name}.0123abcd.jsonl.gz" for name in ("one", "one.more"))
    openheart.amazon.put_amazon_key(left, b"x", app=app)
    openheart.amazon.put_amazon_key(of_another, b"x", app=app)
    make_backup(source, app, "one")
    assert {left, of_another} < {*openheart.amazon.list_amazon_keys(app=app)}
    monkeypatch.setattr(backup, "LEFTOVER", timedelta(seconds=-1))  # all are old then
    made = make_backup(source, app, "one")
    assert {*openheart.amazon.list_amazon_keys(app=app)} == {
        "openheart-backups/one.json",
        made.key,
        of_another,
    }


def test_a_manifest_that_is_none_is_replaced(app: Flask, source: Engine) -> None:
    openheart.amazon.put_amazon_key("openheart-backups/one.json", b"{}", app=app)
    made = make_backup(source, app, "one")
    assert list(backups_of(app)) == [made]


@pytest.mark.parametrize("name", ["../one", "\udcff"])
def test_a_name_that_no_key_can_have_is_refused_by_both(
    app: Flask, source: Engine, to: Engine, name: str
) -> None:
    with pytest.raises(TransferError, match="cannot name a backup"):
        make_backup(source, app, name)
    with pytest.raises(TransferError, match="cannot name a backup"):
        restore_backup(to, app, name)


def test_a_full_disk_names_the_temporary_folder_and_restores_nothing(
    app: Flask, source: Engine, to: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backup(source, app, "one")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place in (
        "tempfile.mkdtemp",
        "openheart.amazon.AmazonKey.save",
        "openheart.transfer.backup._decompressed",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, full)
            with pytest.raises(TransferError, match=r"folder /.* cannot be used \(No space left .*TMPDIR"):
                restore_backup(to, app, "one")
    assert list(to.iter_targets()) == []


def test_what_reads_back_differently_is_no_backup(
    app: Flask, source: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = openheart.amazon.AmazonKey.put

    def wrong(self: openheart.amazon.AmazonKey, data: Any, **options: Any) -> None:
        whole = b"".join(data)
        put(self, make_other(whole), **options)

    monkeypatch.setattr(openheart.amazon.AmazonKey, "put", wrong)
    with pytest.raises(TransferError, match="does not read back as it was sent"):
        make_backup(source, app, "one")
    assert list(openheart.amazon.list_amazon_keys(app=app)) == []


def make_other(packed: bytes) -> bytes:
    return gzip.compress(gzip.decompress(packed).replace(b": 3", b": 4"))


@pytest.mark.parametrize("how", ["other", "cut", "flipped", "gone"])
def test_a_backup_that_is_not_as_it_was_made_restores_nothing(
    app: Flask, source: Engine, to: Engine, how: str
) -> None:
    made = make_backup(source, app, "one")
    whole = openheart.amazon.get_amazon_key(made.key).read()
    if how == "gone":
        openheart.amazon.delete_amazon_key(made.key)
    else:
        other = {"other": make_other(whole), "cut": whole[:-12], "flipped": whole[:20] + b"xx" + whole[22:]}
        openheart.amazon.put_amazon_key(made.key, other[how])
    with pytest.raises(TransferError, match="backup one"):
        restore_backup(to, app, "one")
    assert list(to.iter_targets()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x"}', "\xff"])
def test_a_manifest_that_is_none_is_named(app: Flask, to: Engine, text: str) -> None:
    openheart.amazon.put_amazon_key("openheart-backups/one.json", text.encode("latin-1"))
    with pytest.raises(TransferError, match=r"openheart-backups/one\.json is not a valid manifest"):
        restore_backup(to, app, "one")


def test_a_row_that_is_none_is_named(app: Flask, source: Engine, to: Engine) -> None:
    made = make_backup(source, app, "one")
    lines = b'{"target": "a", "counts": {"x": 1}}\n'
    openheart.amazon.put_amazon_key(made.key, gzip.compress(lines))
    manifest = json.loads(openheart.amazon.get_amazon_key("openheart-backups/one.json").read())
    manifest |= {"targets": 1, "size": len(lines), "sha256": hashlib.sha256(lines).hexdigest()}
    openheart.amazon.put_amazon_key("openheart-backups/one.json", json.dumps(manifest))
    with pytest.raises(TransferError, match="the backup one, line 1: "):
        restore_backup(to, app, "one")


def test_a_server_that_is_away_leaves_nothing_half_done(s3_server: S3Server, source: Engine) -> None:
    settings: dict[str, Any] = {"amazon_bucket": "b", "amazon_id": "tests", "amazon_secret": "tests"}
    app = openheart.load(name="one", uri="memory:", s3_endpoint="http://127.0.0.1:9", **settings)
    with pytest.raises(BatteryError, match="cannot be reached"):
        make_backup(source, app)
