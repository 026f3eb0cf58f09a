"""One server of each kind for all the tests of a process, started when the first of them asks for it.

With pytest-xdist each worker is such a process and runs one test after the other, so a test may empty a
server, stop it or freeze it, as long as it leaves it running. What a test reconfigures is a server of its
own. Tests that write into one server use an instance, a database, a queue or a bucket of their own, or
empty it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from selenium.webdriver import Chrome

from ..browser import complaints, open_browser
from .mongodb import MongoServer
from .rabbitmq import Rabbitmq
from .s3 import S3Server
from .valkey import Cluster, Sentinels, Server

__all__ = [
    "browser",
    "chromium",
    "mongodb_alone",
    "mongodb_set",
    "rabbitmq",
    "s3_server",
    "valkey_cluster",
    "valkey_sentinels",
    "valkey_server",
]


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One Valkey server."""
    with Server(tmp_path_factory.mktemp("valkey")) as made:
        yield made


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of three primaries with a replica each, in which nothing fails over."""
    with Cluster(tmp_path_factory.mktemp("cluster"), calm=True) as made:
        yield made


@pytest.fixture(scope="session")
def valkey_sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    """A server with two replicas behind three sentinels, where nothing fails over."""
    with Sentinels(tmp_path_factory.mktemp("sentinels"), calm=True) as made:
        yield made


@pytest.fixture(scope="session")
def mongodb_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB server alone."""
    with closing(MongoServer("standalone", tmp_path_factory.mktemp("mongodb"))) as made:
        yield made


@pytest.fixture(scope="session")
def mongodb_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A replica set of MongoDB."""
    with closing(MongoServer("replica-set", tmp_path_factory.mktemp("mongodb"))) as made:
        yield made


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbitmq]:
    """A broker."""
    with closing(Rabbitmq(tmp_path_factory.mktemp("rabbitmq"))) as made:
        yield made


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server."""
    with closing(S3Server()) as made:
        yield made


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """The browser behind `browser`."""
    with open_browser() as page:
        yield page


@pytest.fixture
def browser(chromium: Chrome) -> Iterator[Chrome]:
    """A browser without what the test before left in it."""
    chromium.get("about:blank")
    complaints(chromium)
    yield chromium
    for handle in chromium.window_handles[1:]:
        chromium.switch_to.window(handle)
        chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])
    # Cookies are those of a host, and every server of the tests is on the same. A later one may get the port
    # of an earlier one, whose script is in the cache.
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chromium.execute_cdp_cmd("Network.clearBrowserCache", {})
    chromium.get("about:blank")
