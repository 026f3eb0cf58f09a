"""The row of the battery: the S3 store, and its settings."""

from __future__ import annotations

from functools import partial

from ...settings import casts
from ...settings.option import Option
from ..row import Row

__all__ = [
    "AMAZON_BUCKET",
    "AMAZON_ID",
    "AMAZON_SECRET",
    "OPENHEART_S3_ENDPOINT",
    "OPENHEART_S3_REGION",
    "OPENHEART_S3_TIMEOUT",
    "ROW",
]

_option = partial(Option, group="s3")

AMAZON_ID: Option[str | None] = _option("AMAZON_ID", casts.text(), None, "The access key at the S3 store.")
AMAZON_SECRET: Option[str | bytes | None] = _option(
    "AMAZON_SECRET", casts.secret_text(), None, "The secret key at the S3 store.", secret=True
)
AMAZON_BUCKET: Option[str | None] = _option("AMAZON_BUCKET", casts.word(), None, "The bucket of the app.")
OPENHEART_S3_ENDPOINT: Option[str | None] = _option(
    "OPENHEART_S3_ENDPOINT", casts.http_url(), None, "The URL of an S3 store other than Amazon's."
)
OPENHEART_S3_REGION: Option[str] = _option(
    "OPENHEART_S3_REGION", casts.word(), "us-east-1", "The region of the S3 store."
)
OPENHEART_S3_TIMEOUT: Option[float] = _option(
    "OPENHEART_S3_TIMEOUT", casts.duration(0.1), 10.0, "How long to wait for the S3 store, at each step."
)

ROW = Row(
    "amazon",
    "openheart.batteries.amazon.battery:Amazon",
    needs=[AMAZON_BUCKET, AMAZON_ID, AMAZON_SECRET],
    library="boto3",
    extra="s3",
    settings=[
        AMAZON_ID,
        AMAZON_SECRET,
        AMAZON_BUCKET,
        OPENHEART_S3_ENDPOINT,
        OPENHEART_S3_REGION,
        OPENHEART_S3_TIMEOUT,
    ],
    place=20,
    modules=["openheart.batteries.amazon.store", "boto3.s3.inject"],
)
