"""The S3 bucket of the application: files under keys.

Needs ``pip install 'openheart[s3]'`` and the settings AMAZON_BUCKET, AMAZON_ID and AMAZON_SECRET.
"""

from __future__ import annotations

from .batteries.amazon.battery import (
    AmazonKey,
    clear_amazon_bucket,
    delete_amazon_key,
    exists_amazon_key,
    get_amazon_bucket,
    get_amazon_key,
    get_client,
    list_amazon_keys,
    put_amazon_key,
)

__all__ = [
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
