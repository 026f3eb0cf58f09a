"""The row of the battery: the S3 store, and its settings."""

from __future__ import annotations

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

AMAZON_ID: Option[str | None] = Option(
    "AMAZON_ID", casts.text(), None, "The access key at the S3 store.", group="s3"
)
AMAZON_SECRET: Option[str | bytes | None] = Option(
    "AMAZON_SECRET", casts.secret_text(), None, "The secret key at the S3 store.", secret=True, group="s3"
)
AMAZON_BUCKET: Option[str | None] = Option(
    "AMAZON_BUCKET", casts.word(), None, "The bucket of the app.", group="s3"
)
OPENHEART_S3_ENDPOINT: Option[str | None] = Option(
    "OPENHEART_S3_ENDPOINT",
    casts.http_url(),
    None,
    "The URL of an S3 store other than Amazon's.",
    group="s3",
)
OPENHEART_S3_REGION: Option[str] = Option(
    "OPENHEART_S3_REGION", casts.word(), "us-east-1", "The region of the S3 store.", group="s3"
)
OPENHEART_S3_TIMEOUT: Option[float] = Option(
    "OPENHEART_S3_TIMEOUT",
    casts.duration(0.1),
    10.0,
    "How long to wait for the S3 store, at each step.",
    group="s3",
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
