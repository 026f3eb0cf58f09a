"""The S3 bucket of the application: ``openheart.amazon.get_amazon_key()`` and related functions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from flask import Flask

from ...errors import BatteryError
from ..battery import Battery, battery_of
from .key import AmazonKey, Data
from .row import ROW

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.service_resource import Bucket

    from .store import Store

__all__ = [
    "Amazon",
    "AmazonKey",
    "clear_amazon_bucket",
    "delete_amazon_key",
    "exists_amazon_key",
    "get_amazon_bucket",
    "get_amazon_key",
    "get_client",
    "list_amazon_keys",
    "put_amazon_key",
]

CHECK = 3.0  # seconds


def get_client(app: Flask | None = None) -> S3Client:
    """The application's own S3 client (boto3), made at first use and shared by its threads.

    Each step times out after OPENHEART_S3_TIMEOUT, and a request is tried three times. It raises boto3's own
    errors.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.

    Raises:
        ConfigError: AMAZON_BUCKET, AMAZON_ID or AMAZON_SECRET is not set, or boto3 is not installed.
        OpenHeartError: there is no application.
    """
    return _store(app).client


def get_amazon_bucket(app: Flask | None = None) -> Bucket:
    """The bucket as boto3's own object. Each call returns a new one, because threads cannot share it.

    Args:
        app: as in ``get_client``.

    Raises:
        ConfigError, OpenHeartError: as in ``get_client``.
    """
    battery = battery_of(Amazon, app)
    battery.require()
    from .store import make_bucket

    return make_bucket(battery.config)


def get_amazon_key(name: str, app: Flask | None = None) -> AmazonKey:
    """A key of the bucket, which may or may not exist; nothing is sent to the server yet.

    Args:
        name: the key, such as ``"photos/1.jpg"``.
        app: as in ``get_client``.

    Raises:
        ValueError: a name that cannot be a key.
        ConfigError, OpenHeartError: as in ``get_client``.
    """
    return AmazonKey(_store(app), name)


def put_amazon_key(
    name: str,
    data: Data,
    *,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    app: Flask | None = None,
) -> None:
    """Store data under a key and replace what it held; see ``AmazonKey.put``.

    Args:
        name: the key.
        data, content_type, metadata: as in ``AmazonKey.put``.
        app: as in ``get_client``.

    Raises:
        BatteryError: as in ``AmazonKey.put``.
        ValueError, ConfigError, OpenHeartError: as in ``get_amazon_key``.
    """
    get_amazon_key(name, app).put(data, content_type=content_type, metadata=metadata)


def exists_amazon_key(name: str, app: Flask | None = None) -> bool:
    """Whether the bucket has a key; arguments and errors as in ``AmazonKey.exists``."""
    return get_amazon_key(name, app).exists()


def list_amazon_keys(prefix: str = "", app: Flask | None = None) -> Iterator[str]:
    """The names of the keys of the bucket, in order, fetched a thousand at a time.

    Args:
        prefix: only those that start with this.
        app: as in ``get_client``.

    Raises:
        BatteryUnavailable: the server cannot be reached.
        BatteryError: it refuses.
        ConfigError, OpenHeartError: as in ``get_client``.
    """
    for names in _pages(_store(app), prefix):
        yield from names


def delete_amazon_key(name: str, app: Flask | None = None) -> None:
    """Remove a key. A missing key is not an error; arguments and errors as in ``AmazonKey.delete``."""
    get_amazon_key(name, app).delete()


def clear_amazon_bucket(confirm: str | None = None, app: Flask | None = None) -> int:
    """Remove every key of the bucket. ``openheart bucket clear`` asks for the confirmation.

    Args:
        confirm: the name of the bucket, as a safeguard.
        app: as in ``get_client``.

    Returns:
        How many keys were removed.

    Raises:
        ValueError: ``confirm`` is not the name of the bucket; nothing was removed.
        BatteryError: the server failed or refused; some keys may be removed. Calling it again is safe.
        ConfigError, OpenHeartError: as in ``get_client``.
    """
    store = _store(app)
    if confirm != store.bucket:
        raise ValueError(
            f"clear_amazon_bucket() removes everything in {store.where}: call "
            f"clear_amazon_bucket(confirm={store.bucket!r}) if that is what you want"
        )
    removed = 0
    for names in _pages(store):
        with store.asking(writes=True):
            answer = store.client.delete_objects(
                Bucket=store.bucket, Delete={"Objects": [{"Key": name} for name in names], "Quiet": True}
            )
        for refused in answer.get("Errors", ()):
            raise BatteryError(
                "amazon",
                f"{store.where} did not remove the key {refused.get('Key')!r}: {refused.get('Code')}",
            )
        removed += len(names)
    return removed


class Amazon(Battery["Store"]):
    """The client of an application."""

    row = ROW

    def open(self) -> Store:
        from .store import Store

        return Store(self.config)

    def shut(self, resource: Store) -> None:
        resource.client.close()

    def check(self) -> None:
        from .store import make_client

        store = self.resource
        # A separate client: a health page must not wait for three tries of ten seconds each.
        client = make_client(self.config, tries=1, longest=CHECK)
        with contextlib.closing(client), store.asking():
            client.head_bucket(Bucket=store.bucket)


def _store(app: Flask | None) -> Store:
    return battery_of(Amazon, app).resource


def _pages(store: Store, prefix: str = "") -> Iterator[list[str]]:
    """The keys of a bucket, up to a thousand at a time."""
    paginator = store.client.get_paginator("list_objects_v2")
    pages = iter(paginator.paginate(Bucket=store.bucket, Prefix=prefix))
    while True:
        with store.asking():
            page = next(pages, None)
        if page is None:
            return
        if names := [row["Key"] for row in page.get("Contents", ())]:
            yield names
