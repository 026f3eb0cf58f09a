"""The tests of the battery, with a socket as the server.

Shows: how to test a battery in an app that openheart.load() builds.
Requires: pip install pytest, and pip install . in this folder, so that the battery is registered
Run: pytest test_statsd_battery.py
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

import openheart
from openheart.errors import ConfigError


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        yield listener
    openheart.unload()


def load(server: socket.socket, name: str = "reactions") -> None:
    host, port = server.getsockname()
    address = f"{host}:{port}"
    openheart.load(uri="memory:", openheart_batteries="statsd", statsd_host=address, statsd_name=name)


def test_each_reaction_is_counted(server: socket.socket) -> None:
    load(server, "site.hearts")
    openheart.react("hello", "🥨")
    assert server.recv(1000) == b"site.hearts:1|c"


def test_the_app_can_count_too(server: socket.socket) -> None:
    load(server)
    from statsd_battery import increment

    increment("orders")
    assert server.recv(1000) == b"orders:1|c"


def test_readyz_lists_it(server: socket.socket) -> None:
    load(server)
    answer = openheart.get_app().test_client().get("/openheart/-/readyz")
    assert answer.json == {"status": "ready", "batteries": {"statsd": "ok"}}


def test_without_its_setting_load_says_which_is_missing() -> None:
    with pytest.raises(ConfigError, match="STATSD_HOST"):
        openheart.load(uri="memory:", openheart_batteries="statsd")
