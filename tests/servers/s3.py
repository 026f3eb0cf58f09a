"""Starts an S3 server in a process of its own: moto's. It keeps its data in memory, so a stop loses it.

OPENHEART_TEST_S3_ENDPOINT names a server instead for the tests that break nothing; its keys are
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from .ports import free_port
from .process import ServerProcess

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

__all__ = ["GIVEN", "S3Server", "make_bucket"]

GIVEN = "OPENHEART_TEST_S3_ENDPOINT"
"""The variable that may name a server."""

START = 60.0  # seconds


class S3Server(ServerProcess):
    """One server.

    Attributes:
        endpoint: its address.
    """

    def __init__(self) -> None:
        self._port = free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START
        client = _client(self.endpoint)
        while True:
            try:
                client.list_buckets()
                break
            except BotoCoreError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.close()
                    raise AssertionError(f"the S3 server did not start: {error}") from error
                time.sleep(0.05)  # it listens when it has been imported
        client.close()

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._process is not None and self._process.poll() is None

    def empty(self) -> None:
        """Drop every bucket."""
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=START).close()

    def stop(self) -> None:
        """End it, and what it holds."""
        self.kill()


def make_bucket(endpoint: str, name: str) -> None:
    """Make a bucket, from outside."""
    client = _client(endpoint)
    client.create_bucket(Bucket=name)
    client.close()


def _client(endpoint: str) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "tests"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "tests"),
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
