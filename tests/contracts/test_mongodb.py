from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from openheart.storage.contract import BackendContract

from ..servers.mongodb import GIVEN, MongoServer


@pytest.fixture(scope="class", autouse=True)
def _server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    given = os.environ.get(GIVEN)
    server = None if given else MongoServer(request.cls.kind, tmp_path_factory.mktemp("mongodb"))
    request.cls.uri = server.uri if server else given
    yield
    if server:
        server.close()


class TestMongodbAlone(BackendContract):
    kind = "standalone"


class TestMongodbReplicaSet(BackendContract):
    kind = "replica-set"
