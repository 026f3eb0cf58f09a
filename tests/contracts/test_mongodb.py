from __future__ import annotations

import os

import pytest

from openheart.storage import Backend, get_backend
from openheart.storage.contract import CappedContract, ListedContract, MovableContract

from ..servers.mongodb import GIVEN, MongoServer
from ..waiting import PATIENCE


@pytest.fixture(scope="class", autouse=True)
def _server(request: pytest.FixtureRequest) -> None:
    request.cls.uri = os.environ.get(GIVEN) or empty(request.getfixturevalue(request.cls.kind)).uri


def empty(server: MongoServer) -> MongoServer:
    server.empty()
    return server


class Patient(CappedContract, ListedContract, MovableContract):
    """A lone server's lost answer is an unknown outcome, so a busy machine gets more time."""

    __test__ = False

    def make(self, instance: str) -> Backend:
        return get_backend(self.uri, instance=instance, timeout=PATIENCE)


class TestMongodbAlone(Patient):
    __test__ = True
    kind = "mongodb_alone"


class TestMongodbReplicaSet(Patient):
    __test__ = True
    kind = "mongodb_set"
