from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from openheart.storage import Backend, get_backend
from openheart.storage.contract import CappedContract, ListedContract, MovableContract

from ..servers.proxy import Proxy, certificate
from ..servers.valkey import GIVEN, Cluster, Server

Request = pytest.FixtureRequest

ACL = Path(__file__).parents[2] / "docs" / "howto" / "openheart.acl"
RULES = ACL.read_text(encoding="utf-8").partition(" ~")[2].split()
"""The rules that the documentation gives, but for the keys."""


@pytest.fixture(scope="class", autouse=True)
def _server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with ExitStack() as stack:
        request.cls.uri = request.cls.serve(request, tmp_path_factory.mktemp("valkey"), stack)
        # What cannot be reached is found out once, and not by each test after a time of its own.
        with get_backend(request.cls.uri, timeout=3, retries=0) as backend:
            backend.check()
        yield


class TestValkey(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        return os.environ.get(GIVEN) or request.getfixturevalue("valkey_server").uri


class TestValkeyDatabase(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        return f"{request.getfixturevalue('valkey_server').uri}/3".replace("valkey:", "redis:")


class TestValkeyUnixSocket(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        return f"valkey+unix://{request.getfixturevalue('valkey_server').socket}?db=1"


class TestValkeyTls(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        context = certificate(folder)
        server = request.getfixturevalue("valkey_server")
        proxy = stack.enter_context(Proxy(server.port, tls=context))
        return f"valkeys://localhost:{proxy.port}/0?ssl_ca_certs={folder}/ca.pem"


class TestValkeyUserOfTheDocumentation(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        server = stack.enter_context(Server(folder, f"aclfile {ACL}"))
        server.do("ACL", "SETUSER", "default", "off")
        return f"valkey://openheart:secret-password@127.0.0.1:{server.port}/0"


class TestValkeySentinel(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        return str(request.getfixturevalue("valkey_sentinels").uri)


class TestValkeyCluster(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        return str(request.getfixturevalue("valkey_cluster").uri)


class TestValkeyClusterTls(CappedContract, ListedContract, MovableContract):
    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        context = certificate(folder)
        cluster = stack.enter_context(Cluster(folder, replicas=0, tls=context, calm=True))
        return f"{cluster.uri.replace('valkey+', 'valkeys+')}?ssl_ca_certs={folder}/ca.pem"


class TestValkeySentinelTls(CappedContract, ListedContract, MovableContract):
    """The sentinel names a server with TLS, which it cannot look after itself."""

    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        context = certificate(folder)
        server = request.getfixturevalue("valkey_server")
        proxy = stack.enter_context(Proxy(server.port, tls=context))
        watch = f"sentinel monitor hearts 127.0.0.1 {proxy.port} 1"
        sentinel = stack.enter_context(Server(folder / "sentinel", watch, kind="sentinel"))
        way = stack.enter_context(Proxy(sentinel.port, tls=context))
        return f"valkeys+sentinel://localhost:{way.port}/hearts?ssl_ca_certs={folder}/ca.pem"


class TestValkeyClusterWithReplicasUserAndPassword(CappedContract, ListedContract, MovableContract):
    """Each reaction is on a replica before it is acknowledged; the user is that of the documentation."""

    @classmethod
    def serve(cls, request: Request, folder: Path, stack: ExitStack) -> str:
        cluster: Cluster = request.getfixturevalue("valkey_cluster")
        for node in cluster.nodes:
            node.do("ACL", "SETUSER", "openheart", "on", ">päss@w/rd", f"~{RULES[0]}", *RULES[1:])
        return cluster.uri.replace("://", "://openheart:p%C3%A4ss%40w%2Frd@")

    def make(self, instance: str) -> Backend:
        return get_backend(self.uri, instance=instance, wait=1)
