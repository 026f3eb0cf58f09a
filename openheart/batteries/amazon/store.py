"""The S3 client of one process, with timeouts, few retries and our errors. Only this file imports boto3."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config as Options
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    IncompleteReadError,
    InvalidRegionError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as NotConnected

from ...errors import BatteryError, BatteryOutcomeUnknown, BatteryUnavailable, KeyNotFound
from ...settings.config import Config
from .row import (
    AMAZON_BUCKET,
    AMAZON_ID,
    AMAZON_SECRET,
    OPENHEART_S3_ENDPOINT,
    OPENHEART_S3_REGION,
    OPENHEART_S3_TIMEOUT,
)

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.service_resource import Bucket

__all__ = ["NAME", "TRANSFER", "Store", "make_bucket", "make_client"]

NAME = "amazon"
"""What the battery is called in its errors."""

TRIES = 3
PART = 8 * 1024 * 1024  # bytes; S3 takes 10,000 parts, which is 80 GB where the size is not known before

# One part at a time, in the calling thread, so that memory holds one part.
TRANSFER = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, use_threads=False)
"""How files are sent and fetched."""

_LOST = (ReadTimeoutError, ConnectionClosedError, IncompleteReadError, ResponseStreamingError)
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}


class Store:
    """A bucket, and the client for its server.

    Args:
        config: the settings.

    Attributes:
        client: the client, for all threads.
        bucket: the name of the bucket.
        where: the bucket, for people to read.
    """

    def __init__(self, config: Config) -> None:
        self.bucket = config[AMAZON_BUCKET] or ""
        self.where = f"the bucket {self.bucket!r} at {config[OPENHEART_S3_ENDPOINT] or 'Amazon S3'}"
        self._lost_answers = _LostAnswers()
        self.client = make_client(config)
        # A try whose answer was lost may have succeeded, whatever the last try reports.
        self.client.meta.events.register("needs-retry.s3", self._lost_answers.note)

    @contextlib.contextmanager
    def asking(self, key: str | None = None, *, writes: bool = False) -> Iterator[None]:
        """Turn what boto3 raises within into our errors.

        Args:
            key: the key that it is about.
            writes: whether it changes something.

        Raises:
            KeyNotFound: the bucket has no such key.
            BatteryUnavailable: the server cannot be reached, or is too busy; nothing changed.
            BatteryOutcomeUnknown: it did not answer, and may have changed something.
            BatteryError: it refuses.
        """
        self._lost_answers.lost = False
        try:
            yield
        except ClientError as error:
            raise self._refusal(error, key) from error
        except (NotConnected, HTTPClientError, IncompleteReadError) as error:
            reason = f"{self.where} cannot be reached, or did not answer ({type(error).__name__})"
            if writes and (self._lost_answers.lost or isinstance(error, _LOST)):
                raise BatteryOutcomeUnknown(
                    NAME, f"{reason} after the request was sent: it is done or not; doing it again is safe"
                ) from error
            raise BatteryUnavailable(
                NAME, f"{reason}: try again, or correct {OPENHEART_S3_ENDPOINT.name}"
            ) from error
        except (BotoCoreError, Boto3Error) as error:
            raise BatteryError(
                NAME, f"{self.where} cannot be used: {type(error).__name__}: {error}"
            ) from error

    def _refusal(self, error: ClientError, key: str | None) -> BatteryError:
        answer = cast("dict[str, Any]", error.response)
        code = str(answer.get("Error", {}).get("Code", ""))
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind: type[BatteryError] = BatteryError
        what = f"refuses the request: {code or status}"
        if code == "NoSuchBucket" or (code in _ABSENT and key is None):
            what = f"does not exist: create it, or correct {AMAZON_BUCKET.name}"
        elif code in _ABSENT:
            kind, what = KeyNotFound, f"has no key {key!r}"
        elif code in _REFUSED:
            login = f"{AMAZON_ID.name} and {AMAZON_SECRET.name}"
            what = f"refuses access ({code}): correct {login}, or grant them the permission"
        elif status >= 500 or code in {"SlowDown", "RequestTimeout", "Throttling", "429"}:
            kind, what = BatteryUnavailable, f"is temporarily unavailable ({code}): try again"
        return kind(NAME, f"{self.where} {what}")


class _LostAnswers(threading.local):
    """Whether the answer to a try was lost, for each thread: the last error does not say."""

    lost = False

    def note(self, caught_exception: BaseException | None = None, **_: object) -> None:
        if isinstance(caught_exception, _LOST):
            self.lost = True


def make_client(config: Config, *, tries: int = TRIES, longest: float = float("inf")) -> S3Client:
    """Make a client; it connects at first use.

    Args:
        config: the settings.
        tries: how often a request is sent at most.
        longest: seconds to wait at each step at most.

    Raises:
        ConfigError: boto3 cannot use the settings.
    """
    with _session(config) as session:
        return session.client("s3", **_options(config, tries, longest))


def make_bucket(config: Config) -> Bucket:
    """Make boto3's own object for the bucket, for one thread; raises as ``make_client``."""
    with _session(config) as session:
        service = session.resource("s3", **_options(config, TRIES, float("inf")))
    return service.Bucket(config[AMAZON_BUCKET] or "")


@contextlib.contextmanager
def _session(config: Config) -> Iterator[boto3.session.Session]:
    secret = config[AMAZON_SECRET] or ""
    try:
        yield boto3.session.Session(
            aws_access_key_id=config[AMAZON_ID],
            aws_secret_access_key=secret.decode() if isinstance(secret, bytes) else secret,
            region_name=config[OPENHEART_S3_REGION],
        )
    except (BotoCoreError, ValueError) as error:
        option = OPENHEART_S3_REGION if isinstance(error, InvalidRegionError) else OPENHEART_S3_ENDPOINT
        raise config.refusal(option, f"a value that boto3 accepts; it says: {error}") from None


def _options(config: Config, tries: int, longest: float) -> dict[str, Any]:
    endpoint = config[OPENHEART_S3_ENDPOINT]
    timeout = min(config[OPENHEART_S3_TIMEOUT], longest)
    options: dict[str, Any] = {
        "connect_timeout": timeout,
        "read_timeout": timeout,
        "retries": {"total_max_attempts": tries, "mode": "standard"},
        "user_agent_extra": "openheart",
    }
    if endpoint is not None:
        # Other stores may not support buckets as host names, or checksums at the end of a body.
        options["s3"] = {"addressing_style": "path"}
        if "request_checksum_calculation" in Options.OPTION_DEFAULTS:
            options["request_checksum_calculation"] = "when_required"
            options["response_checksum_validation"] = "when_required"
    return {"endpoint_url": endpoint, "config": Options(**options)}
