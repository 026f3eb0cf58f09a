from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from openheart.storage import Backend, get_backend
from openheart.storage.contract import BackendContract

from ..servers.mongodb import GIVEN, MongoServer
from ..waiting import PATIENCE


@pytest.fixture(scope="class", autouse=True)
def _server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    given = os.environ.get(GIVEN)
    server = None if given else MongoServer(request.cls.kind, tmp_path_factory.mktemp("mongodb"))
    request.cls.uri = server.uri if server else given
    yield
    if server:
        server.close()


class Patient(BackendContract):
    """A lone server's lost answer is an unknown outcome, so a busy machine gets more time."""

    __test__ = False

    def make(self, instance: str) -> Backend:
        return get_backend(self.uri, instance=instance, timeout=PATIENCE)


class TestMongodbAlone(Patient):
    __test__ = True
    kind = "standalone"


class TestMongodbReplicaSet(Patient):
    __test__ = True
    kind = "replica-set"
