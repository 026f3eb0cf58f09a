"""Backups of all counts in the S3 bucket of the application: JSON Lines, compressed, and read back.

A backup is two keys. The key with the counts has a new name each time. The other one, the manifest, names
that key, and is written after the counts were read back completely. So an interrupted backup does not exist,
and a new backup under an existing name replaces the older one at once.

Two hosts may back up under one name at the same time. So a backup removes the counts that the manifest
before it named, and no others that may still become a backup.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from flask import Flask

from ..batteries.amazon.battery import Amazon, delete_amazon_key, get_amazon_key, list_amazon_keys
from ..batteries.battery import battery_of
from ..errors import BatteryError, KeyNotFound, TransferError
from ..storage.backend import Counts
from ..storage.capabilities import Listed, Movable
from .copying import Advance, Comparison, Progress, batches, compare_rows, copy, nothing, silently
from .jsonl import read_rows, write_row
from .temporary import temporary_folder, writing_to

__all__ = ["Backup", "backups_of", "make_backup", "restore_backup"]

FOLDER = "openheart-backups/"
_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_ENDING = ".json"

LEFTOVER = timedelta(days=1)
"""How much older than a new backup counts without a manifest are if no run will finish them."""


@dataclass(frozen=True, slots=True)
class Backup:
    """The contents of a manifest.

    Attributes:
        name: the name of the backup.
        made: when it was started, as ISO 8601 in UTC.
        instance: INSTANCE of what was backed up.
        location: where the counts were.
        key: the key with the counts.
        targets: how many targets it has.
        reactions: the sum of all counts.
        size: bytes of the lines, uncompressed.
        sha256: of the lines.
    """

    name: str
    made: str
    instance: str | None
    location: str
    key: str
    targets: int
    reactions: int
    size: int
    sha256: str


class _Tally:
    """A summary of the lines that were sent, to compare with those that were read back."""

    def __init__(self) -> None:
        self.targets = self.reactions = self.size = 0
        self._hash = hashlib.sha256()

    def add(self, line: bytes) -> None:
        self.targets += 1
        self.size += len(line)
        self._hash.update(line)

    def values(self) -> tuple[int, int, str]:
        return self.targets, self.size, self._hash.hexdigest()


def make_backup(backend: Listed, app: Flask, name: str | None = None, advance: Advance = nothing) -> Backup:
    """Write all counts to the bucket, read them back and compare the two.

    Args:
        backend: the storage, connected.
        app: whose bucket it is.
        name: the name of the backup; by default the time.
        advance: called with the number of targets.

    Returns:
        The backup.

    Raises:
        TransferError: the name cannot be used, what was read back differs, or another backup of this name
            was made meanwhile.
        BatteryError: of the bucket; there is no new backup, but an older one is kept.
        BackendError: of the storage; the same holds.
    """
    now = datetime.now(UTC)
    name = name or now.strftime("%Y-%m-%dT%H-%M-%SZ")
    if not _NAME.fullmatch(name):
        raise _no_name(name)
    key = f"{FOLDER}{name}.{secrets.token_hex(4)}.jsonl.gz"
    sent, there = _Tally(), _Tally()
    data = get_amazon_key(key, app)
    try:
        data.put(_compressed(_lines(backend, sent, advance)), content_type="application/gzip")
        with data.open() as file:
            for line in _decompressed(file, name):
                there.add(line)
        if there.values() != sent.values():
            raise TransferError(
                f"the backup {name} does not read back as it was sent: it was removed, try again"
            )
        older = _in_place(name, app)
    except BaseException:
        with suppress(BatteryError):
            data.delete()
        raise
    made = Backup(
        name=name,
        made=now.isoformat(timespec="microseconds"),
        instance=backend.instance,
        location=backend.location,
        key=key,
        targets=sent.targets,
        reactions=sent.reactions,
        size=sent.size,
        sha256=sent.values()[2],
    )
    manifest = json.dumps(asdict(made), ensure_ascii=False, indent=1)
    get_amazon_key(_manifest(name), app).put(manifest.encode(), content_type="application/json")
    _remove_others(made, older, app)
    _require_whole(made, app)
    return made


def backups_of(app: Flask) -> Iterator[Backup]:
    """The backups in the bucket of an application, by name.

    Raises:
        BatteryError: of the bucket.
        TransferError: a manifest is not valid.
    """
    for key in list_amazon_keys(FOLDER, app):
        if key.endswith(_ENDING):
            found = _find(key.removeprefix(FOLDER).removesuffix(_ENDING), app)
            if found is not None:
                yield found


def restore_backup(
    backend: Movable, app: Flask, name: str | None = None, progress: Progress = silently
) -> tuple[Backup, Comparison]:
    """Raise the counts in a storage to those of a backup, and compare the two. Doing it again is safe.

    The whole backup is fetched and checked before the first count is written.

    Args:
        backend: the storage, connected.
        app: whose bucket it is.
        name: the name of the backup; by default the latest one of this INSTANCE.
        progress: called at the start of each step.

    Returns:
        The backup, and how the storage compares with it.

    Raises:
        TransferError: there is no such backup, or it is damaged; nothing was written.
        BatteryError: of the bucket; nothing was written.
        BackendError: of the storage; call it again to continue.
    """
    backup = _find(name, app) if name is not None else _latest(app, backend.instance)
    if backup is None:
        what = f"no backup {name!r}" if name is not None else "no backup of this INSTANCE"
        raise TransferError(f"the bucket has {what}: `openheart restore --list` shows those that exist")
    with temporary_folder() as folder:
        path = folder / "counts.jsonl.gz"
        with writing_to(folder):
            _fetch(backup, path, app)
        with progress("Restoring", backup.targets, "targets") as advance:
            copy(_rows(path, backup.name), backend, advance)
        with progress("Comparing", backup.targets, "targets") as advance:
            return backup, compare_rows(_rows(path, backup.name), backend, advance)


def _no_name(name: str) -> TransferError:
    return TransferError(f"{name!r} cannot name a backup: expected up to 100 letters, digits, '.', '_', '-'")


def _fetch(backup: Backup, path: Path, app: Flask) -> None:
    """Save the counts of a backup to a file, and check that they did not change."""
    try:
        get_amazon_key(backup.key, app).save(path)
    except KeyNotFound:
        raise TransferError(
            f"the counts of the backup {backup.name} are missing, the key {backup.key}: restore another one"
        ) from None
    tally = _Tally()
    with path.open("rb") as file:
        for line in _decompressed(file, backup.name):
            tally.add(line)
    if tally.values() != (backup.targets, backup.size, backup.sha256):
        raise TransferError(
            f"the backup {backup.name} is not what was written, so nothing was restored: restore another one"
        )


def _lines(backend: Listed, tally: _Tally, advance: Advance) -> Iterator[bytes]:
    for batch in batches(backend.iter_targets()):
        for target, counts in batch:
            line = write_row(target, counts)
            tally.add(line)
            tally.reactions += sum(counts.values())
            yield line
        advance(len(batch))


def _compressed(lines: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)  # as gzip does, without the time
    for line in lines:
        if part := packer.compress(line):
            yield part
    yield packer.flush()


def _decompressed(file: IO[bytes], name: str) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as lines:
            yield from lines
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TransferError(f"the backup {name} is damaged ({error}): make or restore another one") from error


def _rows(path: Path, name: str) -> Iterator[tuple[str, Counts]]:
    with path.open("rb") as file:
        for row in read_rows(_decompressed(file, name)):
            if isinstance(row, TransferError):
                raise TransferError(f"the backup {name}, {row}")
            yield row


def _in_place(name: str, app: Flask) -> Backup | None:
    """The backup of this name; None if there is none, or its manifest is not valid."""
    try:
        return _find(name, app)
    except TransferError:
        # It names no counts, and another one may replace it.
        return None


def _remove_others(made: Backup, older: Backup | None, app: Flask) -> None:
    """Remove the counts of the backup that was replaced, and of runs that were interrupted long ago."""
    ours = re.compile(rf"{re.escape(FOLDER + made.name)}\.[0-9a-f]{{8}}\.jsonl\.gz")
    times = _times(f"{FOLDER}{made.name}.", app)
    written = {key: at for key, at in times.items() if ours.fullmatch(key)}
    for key, at in written.items():
        # The server's times alone: the clocks of two hosts differ.
        is_leftover = made.key in written and written[made.key] - at > LEFTOVER
        if key != made.key and (is_leftover or (older is not None and key == older.key)):
            delete_amazon_key(key, app)


def _times(prefix: str, app: Flask) -> dict[str, datetime]:
    """The keys with a prefix, and when the server took each."""
    store = battery_of(Amazon, app).resource
    pages = store.client.get_paginator("list_objects_v2").paginate(Bucket=store.bucket, Prefix=prefix)
    with store.asking():
        return {row["Key"]: row["LastModified"] for page in pages for row in page.get("Contents", ())}


def _require_whole(made: Backup, app: Flask) -> None:
    """Check that the bucket has this backup completely, whatever others did meanwhile."""
    fix = "run one backup at a time, or give each its own name"
    # The counts first: a run that takes the name after this check replaces a complete backup.
    is_there = get_amazon_key(made.key, app).exists()
    found = _in_place(made.name, app)
    if found not in (None, made):
        raise TransferError(
            f"another backup replaced {made.name} while this one was made, and is the one that can be "
            f"restored: {fix}"
        )
    if found is None or not is_there:
        raise TransferError(
            f"the backup {made.name} was removed while it was made, and cannot be restored: make it again, "
            f"and {fix}"
        )


def _find(name: str, app: Flask) -> Backup | None:
    try:
        key = get_amazon_key(_manifest(name), app)
    except ValueError:
        raise _no_name(name) from None
    try:
        values = json.loads(key.read())
        return Backup(**{field.name: values[field.name] for field in fields(Backup)})
    except KeyNotFound:
        return None
    except (ValueError, KeyError, TypeError):
        raise TransferError(
            f"the key {_manifest(name)} is not a valid manifest of a backup: remove it"
        ) from None


def _latest(app: Flask, instance: str | None) -> Backup | None:
    found = [backup for backup in backups_of(app) if backup.instance == instance]
    return max(found, key=lambda backup: backup.made, default=None)


def _manifest(name: str) -> str:
    return f"{FOLDER}{name}{_ENDING}"
