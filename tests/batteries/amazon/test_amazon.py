from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import openheart
from openheart import OpenHeart
from openheart.batteries import battery_of
from openheart.batteries.amazon.battery import Amazon
from openheart.errors import BatteryError, BatteryUnavailable, ConfigError, KeyNotFound, MissingDependency

from ...child import run_child
from ...servers.s3 import GIVEN, make_bucket

FORK = """
import os, sys
import openheart
openheart.load(name="one", uri="memory:", s3_endpoint=sys.argv[1], amazon_bucket=sys.argv[2],
               amazon_id="tests", amazon_secret="tests")
openheart.amazon.put_amazon_key("parent", "1")
before = openheart.amazon.get_client()
child = os.fork()
if not child:
    assert openheart.amazon.get_client() is not before
    openheart.amazon.put_amazon_key("child", "2")
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert openheart.amazon.get_client() is before
print(*openheart.amazon.list_amazon_keys())
openheart.unload()
"""

MEMORY = """
import resource, sys
import openheart
openheart.load(name="one", uri="memory:", s3_endpoint=sys.argv[1], amazon_bucket=sys.argv[2],
               amazon_id="tests", amazon_secret="tests", s3_timeout=60)
openheart.amazon.put_amazon_key("small", b"x" * 20_000_000)
sum(len(chunk) for chunk in openheart.amazon.get_amazon_key("small").chunks())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
openheart.amazon.put_amazon_key("large", (b"x" * 100_000 for _ in range(1_500)))
assert sum(len(chunk) for chunk in openheart.amazon.get_amazon_key("large").chunks()) == 150_000_000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
openheart.unload()
"""


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest) -> str:
    return os.environ.get(GIVEN) or request.getfixturevalue("s3_server").endpoint


@pytest.fixture
def bucket(endpoint: str) -> str:
    """A bucket of this test's own."""
    name = f"openheart-{uuid.uuid4()}"
    make_bucket(endpoint, name)
    return name


@pytest.fixture
def app(endpoint: str, bucket: str) -> Flask:
    return openheart.load(name="one", uri="memory:", **settings(endpoint, bucket))


def settings(endpoint: str, bucket: str = "bucket") -> dict[str, Any]:
    return {
        "s3_endpoint": endpoint,
        "amazon_bucket": bucket,
        "amazon_id": os.environ.get("AWS_ACCESS_KEY_ID", "tests"),
        "amazon_secret": os.environ.get("AWS_SECRET_ACCESS_KEY", "tests"),
    }


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"s3_region": "us_east"}, "OPENHEART_S3_REGION"),
        ({"s3_endpoint": "http://a_b.c"}, "OPENHEART_S3_ENDPOINT"),
    ],
)
def test_a_setting_that_boto3_refuses_is_named(wrong: dict[str, Any], key: str) -> None:
    openheart.load(name="one", uri="memory:", amazon_bucket="b", amazon_id="i", amazon_secret="s", **wrong)
    for get in (openheart.amazon.get_client, openheart.amazon.get_amazon_bucket):
        with pytest.raises(ConfigError, match=f"^{key}='.*a value that boto3 accepts"):
            get()


@pytest.mark.usefixtures("app")
class TestKeys:
    def test_a_key_is_stored_read_and_removed(self) -> None:
        openheart.amazon.put_amazon_key("a/b", "🥨")
        assert openheart.amazon.exists_amazon_key("a/b")
        assert openheart.amazon.get_amazon_key("a/b").read() == "🥨".encode()
        openheart.amazon.delete_amazon_key("a/b")
        assert not openheart.amazon.exists_amazon_key("a/b")

    @pytest.mark.parametrize("name", ["plain", "with blank", "ä/🥨", "a+b%20c?d#e&f=g", "trailing/", "a//b"])
    def test_a_key_may_have_any_name_of_one_line(self, name: str) -> None:
        openheart.amazon.put_amazon_key(name, name)
        assert openheart.amazon.get_amazon_key(name).read() == name.encode()
        assert list(openheart.amazon.list_amazon_keys()) == [name]
        openheart.amazon.delete_amazon_key(name)
        assert list(openheart.amazon.list_amazon_keys()) == []

    @pytest.mark.parametrize("name", ["", "a\nb", "a/../b", ".", "x" * 1025, "ä" * 513])
    def test_a_name_that_cannot_be_a_key_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="cannot be a key"):
            openheart.amazon.get_amazon_key(name)

    def test_data_is_bytes_text_a_file_or_parts(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"path")
        for data, expected in (
            (b"bytes", b"bytes"),
            (bytearray(b"array"), b"array"),
            (memoryview(b"view"), b"view"),
            ("täxt", "täxt".encode()),
            (path, b"path"),
            (io.BytesIO(b"file"), b"file"),
            ([b"par", b"", b"ts"], b"parts"),
            (iter([]), b""),
            (b"", b""),
        ):
            openheart.amazon.put_amazon_key("key", data)
            assert openheart.amazon.get_amazon_key("key").read() == expected

    def test_a_file_of_the_caller_stays_open(self) -> None:
        file = io.BytesIO(b"12345")
        openheart.amazon.put_amazon_key("key", file)
        assert not file.closed

    def test_what_it_is_is_stored_with_it(self) -> None:
        openheart.amazon.put_amazon_key("a", b"", content_type="image/png", metadata={"of": "me"})
        openheart.amazon.put_amazon_key("b", "text")
        openheart.amazon.put_amazon_key("c", b"")
        bucket = openheart.amazon.get_amazon_bucket()
        assert (bucket.Object("a").content_type, bucket.Object("a").metadata) == ("image/png", {"of": "me"})
        assert bucket.Object("b").content_type == "text/plain; charset=utf-8"
        assert bucket.Object("c").content_type == "application/octet-stream"

    @pytest.mark.parametrize("wrong", ["a/b\r\nX-Evil: 1", "ä/b"])
    def test_what_no_header_takes_is_refused(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="cannot be sent with a key"):
            openheart.amazon.put_amazon_key("a", b"", content_type=wrong)
        with pytest.raises(ValueError, match="cannot be sent with a key"):
            openheart.amazon.put_amazon_key("a", b"", metadata={"x": wrong})

    def test_large_data_comes_and_goes_in_parts(self, tmp_path: Path) -> None:
        whole = os.urandom(1_000_000) * 20
        openheart.amazon.put_amazon_key(
            "large", (whole[at : at + 999_999] for at in range(0, len(whole), 999_999))
        )
        key = openheart.amazon.get_amazon_key("large")
        assert key.read() == whole
        key.save(tmp_path / "large")
        assert (tmp_path / "large").read_bytes() == whole
        with key.open() as file:
            assert file.read(3) == whole[:3]
            assert file.read() == whole[3:]

    def test_parts_that_break_off_store_nothing(self) -> None:
        def parts() -> Iterator[bytes]:
            yield b"x" * 20_000_000
            raise RuntimeError("no more")

        with pytest.raises(RuntimeError, match="no more"):
            openheart.amazon.put_amazon_key("key", parts())
        assert not openheart.amazon.exists_amazon_key("key")

    def test_a_key_that_is_not_there_is_an_error_of_its_own(self, tmp_path: Path) -> None:
        with pytest.raises(KeyNotFound, match=r"the bucket 'openheart-.*' at http.* has no key 'none'"):
            openheart.amazon.get_amazon_key("none").read()
        with pytest.raises(KeyNotFound):
            openheart.amazon.get_amazon_key("none").save(tmp_path / "none")
        assert list(tmp_path.iterdir()) == []
        openheart.amazon.delete_amazon_key("none")

    def test_keys_are_listed_by_their_beginning(self) -> None:
        for name in ("b/2", "a", "b/1"):
            openheart.amazon.put_amazon_key(name, "")
        assert list(openheart.amazon.list_amazon_keys()) == ["a", "b/1", "b/2"]
        assert list(openheart.amazon.list_amazon_keys("b/")) == ["b/1", "b/2"]

    def test_the_names_of_boto_do_what_they_did(self, tmp_path: Path) -> None:
        key = openheart.amazon.get_amazon_key("test")
        key.set_contents_from_string("test message")
        assert openheart.amazon.get_amazon_key("test").get_contents_as_string() == b"test message"
        assert openheart.amazon.get_amazon_key("test").get_contents_as_string("utf-8") == "test message"
        key.get_contents_to_filename(str(tmp_path / "a"))
        key.set_contents_from_filename(str(tmp_path / "a"))
        with (tmp_path / "b").open("w+b") as file:
            key.get_contents_to_file(file)
            file.seek(0)
            key.set_contents_from_file(file)
        assert key.read() == b"test message"
        assert "'test'" in repr(key)

    def test_clearing_wants_the_name_of_the_bucket(self, app: Flask, bucket: str) -> None:
        for number in range(3):
            openheart.amazon.put_amazon_key(str(number), "")
        for wrong in (None, "", "another"):
            with pytest.raises(ValueError, match=rf"clear_amazon_bucket\(confirm='{bucket}'\)"):
                openheart.amazon.clear_amazon_bucket(wrong)
        assert len(list(openheart.amazon.list_amazon_keys())) == 3
        assert openheart.amazon.clear_amazon_bucket(bucket) == 3
        assert openheart.amazon.clear_amazon_bucket(confirm=bucket) == 0

    def test_more_keys_than_a_page_are_cleared(self, bucket: str) -> None:
        client = openheart.amazon.get_client()
        for number in range(1005):
            client.put_object(Bucket=bucket, Key=str(number))
        assert openheart.amazon.clear_amazon_bucket(bucket) == 1005
        assert list(openheart.amazon.list_amazon_keys()) == []

    def test_threads_share_the_client(self, app: Flask) -> None:
        def work(number: int) -> None:
            openheart.amazon.put_amazon_key(str(number), str(number), app=app)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(openheart.amazon.list_amazon_keys())) == 8


class TestApps:
    def test_an_app_has_one_client_until_unload(self, app: Flask) -> None:
        client = openheart.amazon.get_client()
        assert openheart.amazon.get_client() is client
        openheart.unload()
        openheart.unload()
        assert openheart.amazon.get_client(app) is not client
        battery_of(Amazon, app).close()

    def test_two_apps_have_buckets_of_their_own(self, endpoint: str, app: Flask) -> None:
        other = f"openheart-{uuid.uuid4()}"
        make_bucket(endpoint, other)
        two = Flask("two")
        OpenHeart(two, env=False, uri="memory:", **settings(endpoint, other))
        openheart.amazon.put_amazon_key("a", "1", app=app)
        assert not openheart.amazon.exists_amazon_key("a", app=two)
        with two.app_context():
            openheart.amazon.put_amazon_key("b", "2")
        assert list(openheart.amazon.list_amazon_keys(app=app)) == ["a"]
        battery_of(Amazon, two).close()

    def test_a_fork_gets_a_client_of_its_own(self, endpoint: str, bucket: str) -> None:
        assert run_child(FORK, endpoint, bucket) == "child parent\n"

    def test_the_size_of_the_data_costs_no_memory(self, endpoint: str, bucket: str) -> None:
        assert int(run_child(MEMORY, endpoint, bucket)) < 16

    def test_the_health_says_that_it_works(self, app: Flask) -> None:
        assert battery_of(Amazon, app).health() is None


class TestSettings:
    @pytest.mark.parametrize("missing", ["amazon_id", "amazon_secret"])
    def test_what_is_missing_is_named(self, missing: str) -> None:
        given = settings("http://127.0.0.1:9")
        del given[missing]
        with pytest.raises(ConfigError, match=f"{missing.upper()}=None.*because AMAZON_BUCKET is"):
            openheart.load(name="one", uri="memory:", **given)

    def test_without_a_bucket_the_functions_say_so(self) -> None:
        openheart.load(name="one", uri="memory:")
        for call in (
            openheart.amazon.get_client,
            openheart.amazon.get_amazon_bucket,
            openheart.amazon.clear_amazon_bucket,
        ):
            with pytest.raises(ConfigError, match="AMAZON_BUCKET=None"):
                call()

    def test_a_bucket_that_is_not_there_is_named(self, endpoint: str) -> None:
        app = openheart.load(name="one", uri="memory:", **settings(endpoint, "not-there"))
        with pytest.raises(
            BatteryError, match="the bucket 'not-there' .* does not exist: create it, or correct"
        ):
            openheart.amazon.put_amazon_key("a", "")
        with pytest.raises(BatteryError, match="does not exist"):
            list(openheart.amazon.list_amazon_keys())
        assert "does not exist" in (battery_of(Amazon, app).health() or "")

    def test_a_server_that_is_unavailable_is_named_without_secrets(self) -> None:
        given = settings("http://127.0.0.1:9") | {"amazon_secret": "s3cret"}
        openheart.load(name="one", uri="memory:", **given)
        with pytest.raises(BatteryUnavailable, match=r"http://127\.0\.0\.1:9 cannot be reached") as caught:
            openheart.amazon.put_amazon_key("a", "")
        assert "s3cret" not in str(caught.value)
        assert "s3cret" not in repr(openheart.amazon.get_amazon_key("a"))

    def test_a_missing_library_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: None if name == "boto3" else find(name, *rest)
        )
        with pytest.raises(MissingDependency, match=r"pip install 'openheart\[s3\]'"):
            openheart.load(name="one", uri="memory:", **settings("http://127.0.0.1:9"))

    def test_load_without_a_bucket_loads_no_library(self) -> None:
        code = (
            "import sys, openheart; openheart.load(name='one', uri='memory:'); "
            "openheart.amazon.get_amazon_key; print({'boto3', 'botocore'} & {*sys.modules})"
        )
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert done.stdout == "set()\n"
