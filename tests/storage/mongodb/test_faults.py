from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, PyMongoError, WriteConcernError

from openheart.errors import (
    BackendError,
    BackendNotConnected,
    BackendUnavailable,
    BackendUnusable,
    OutcomeUnknown,
)
from openheart.storage import Change
from openheart.storage.contract_backend import in_threads
from openheart.storage.mongodb.backend import MongoBackend

from ...engines import get_engine
from ...servers.mongodb import MongoServer
from ...servers.mongodb_proxy import MongoProxy

# It breaks servers, which takes long; once, on one Python, is enough.
pytestmark = pytest.mark.slow

Factory = pytest.TempPathFactory
WRITE = "findAndModify"


@pytest.fixture(scope="module")
def replica_set(mongodb_set: MongoServer) -> MongoServer:
    mongodb_set.empty()
    return mongodb_set


@pytest.fixture(scope="module")
def alone(mongodb_alone: MongoServer) -> MongoServer:
    mongodb_alone.empty()
    return mongodb_alone


@pytest.fixture
def make() -> Iterator[Callable[..., MongoBackend]]:
    """Makes connected backends with an instance of their own, and disconnects them."""
    made = []

    def connected(uri: str, **options: Any) -> MongoBackend:
        backend = get_engine(uri, **{"instance": uuid.uuid4().hex, **options})
        assert isinstance(backend, MongoBackend)
        made.append(backend)
        backend.connect()
        return backend

    yield connected
    for each in made:
        each.disconnect()


Make = Callable[..., MongoBackend]


def lose_replies(uri: str, make: Make, *, threads: int, times: int) -> None:
    """Each reaction is stored, loses its reply, and is sent again by the driver.

    Each thread has a client of its own: when a connection breaks in one thread, the driver may send what
    another thread writes at that moment without the number by which it could be repeated.
    """
    instance = uuid.uuid4().hex
    answers: list[int] = []

    def react(backend: MongoBackend) -> None:
        answers.extend(backend.incr("page", "🥨")["🥨"] for _ in range(times))

    with MongoProxy(uri) as proxy:
        backends = [make(proxy.uri, instance=instance, timeout=30) for _ in range(threads)]
        proxy.lose(WRITE, threads * times)

        in_threads(threads, lambda: react(backends.pop()))

        assert proxy.lost == threads * times
        assert sorted(answers) == [*range(1, threads * times + 1)]
        assert make(proxy.uri, instance=instance).counts(["page"]) == [{"🥨": threads * times}]


def test_a_replica_set_counts_once_when_replies_are_lost(replica_set: MongoServer, make: Make) -> None:
    lose_replies(replica_set.uri, make, threads=10, times=3)


@pytest.mark.torture
def test_a_replica_set_counts_once_when_a_thousand_replies_are_lost(
    replica_set: MongoServer, make: Make
) -> None:
    lose_replies(replica_set.uri, make, threads=20, times=50)


def test_a_server_alone_leaves_a_lost_reply_unknown_and_never_repeats_it(
    alone: MongoServer, make: Make
) -> None:
    with MongoProxy(alone.uri) as proxy:
        backend = make(proxy.uri)
        assert not backend.exactly_once
        for number in range(1, 4):
            proxy.lose(WRITE)
            with pytest.raises(OutcomeUnknown, match="once or not at all"):
                backend.incr("page", "🥨")
            assert backend.counts(["page"]) == [{"🥨": number}]


def test_retries_that_the_uri_switches_off_make_no_promise(replica_set: MongoServer, make: Make) -> None:
    with MongoProxy(replica_set.uri) as proxy:
        backend = make(f"{proxy.uri}&retryWrites=false")
        assert not backend.exactly_once
        proxy.lose(WRITE)
        with pytest.raises(OutcomeUnknown):
            backend.incr("page", "🥨")
        assert backend.counts(["page"]) == [{"🥨": 1}]


def test_a_lost_reply_to_a_read_is_read_again(alone: MongoServer, make: Make) -> None:
    with MongoProxy(alone.uri) as proxy:
        backend = make(proxy.uri)
        backend.incr("page", "🥨")
        proxy.lose("find")
        assert backend.counts(["page"]) == [{"🥨": 1}]
        assert proxy.lost == 1


def test_a_write_that_the_majority_did_not_confirm_is_unknown_and_not_repeated(
    replica_set: MongoServer, make: Make
) -> None:
    backend = make(replica_set.uri)
    replica_set.fail(WRITE, writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"})
    with pytest.raises(OutcomeUnknown, match="majority .* timed out.*do not add the reaction again"):
        backend.incr("page", "🥨")
    assert backend.counts(["page"]) == [{"🥨": 1}]


def test_a_duplicate_key_is_tried_again(replica_set: MongoServer, make: Make) -> None:
    backend = make(replica_set.uri)
    replica_set.fail(WRITE, errorCode=11000, times=3)
    assert backend.incr("page", "🥨") == {"🥨": 1}


def test_an_endless_duplicate_key_ends(replica_set: MongoServer, make: Make) -> None:
    backend = make(replica_set.uri)
    replica_set.fail(WRITE, errorCode=11000, times=5)
    with pytest.raises(BackendUnusable, match="11000"):
        backend.incr("page", "🥨")


def test_threads_that_make_the_same_targets_at_once_lose_nothing(alone: MongoServer, make: Make) -> None:
    backend = make(alone.uri)
    targets = [f"page/{number}" for number in range(40)]
    start = threading.Barrier(6)

    def react() -> None:
        start.wait()
        for target in targets:
            backend.incr(target, "🥨")

    in_threads(6, react)

    assert backend.counts(targets) == [{"🥨": 6}] * 40


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (13, BackendUnusable, "give the user the role readWrite"),
        (8000, BackendUnusable, "give the user the role readWrite"),
        (14, BackendUnusable, "fix the document"),
        (10334, BackendUnusable, "refused"),
        (50, OutcomeUnknown, "once or not at all"),
        (10107, BackendUnavailable, "reconnects by itself"),
        (11600, OutcomeUnknown, "once or not at all"),
    ],
)
def test_an_error_of_the_server_says_what_to_do(
    alone: MongoServer, make: Make, code: int, kind: type[BackendError], text: str
) -> None:
    backend = make(alone.uri)
    alone.fail(WRITE, errorCode=code)
    with pytest.raises(kind, match=text):
        backend.incr("page", "🥨")
    assert backend.incr("page", "🥨") == {"🥨": 1}


def test_an_interrupted_read_changed_nothing(alone: MongoServer, make: Make) -> None:
    backend = make(alone.uri)
    alone.fail("find", errorCode=50)
    with pytest.raises(BackendUnavailable, match="busy"):
        backend.counts(["page"])


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_a_wrong_password_is_named_and_never_shown(alone: MongoServer) -> None:
    backend = get_engine(alone.uri.replace("//", "//visitor:s3cret%21@"))
    alone.fail("saslStart", errorCode=18)
    with pytest.raises(BackendUnusable, match="user and password") as caught:
        backend.connect()
    assert all("s3cret" not in f"{error!r} {error}" for error in chain_of(caught.value))
    assert not backend.is_connected()


def test_of_several_targets_it_says_how_many_were_stored(alone: MongoServer, make: Make) -> None:
    backend = make(alone.uri)
    backend.incr("b", "🥨")
    with alone.client() as client:
        client["openheart"]["openheart_reactions"].update_one(
            {"i": backend.instance, "target": "b"}, {"$set": {"c.🥨": "many"}}
        )
    with pytest.raises(OutcomeUnknown, match="1 of 2 targets were stored.*not a number"):
        backend.apply([Change("a", "🥨"), Change("b", "🥨")])
    assert backend.counts(["a"]) == [{"🥨": 1}]


def test_a_frozen_server_is_given_up_in_time(alone: MongoServer, make: Make) -> None:
    backend = make(alone.uri, timeout=1)
    backend.incr("page", "🥨")
    alone.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            backend.incr("page", "🥨")
        with pytest.raises(BackendUnavailable):
            backend.counts(["page"])
        assert time.monotonic() - began < 10
    finally:
        alone.thaw()
    patient = make(alone.uri, instance=backend.instance)
    assert patient.incr("page", "🥨") in ({"🥨": 2}, {"🥨": 3})


def test_a_used_up_pool_refuses_in_time_and_stores_nothing(alone: MongoServer, make: Make) -> None:
    backend = make(alone.uri, timeout=1, pool=1)
    backend.incr("page", "🥨")
    alone.freeze()
    failures: list[BackendError] = []

    def react() -> None:
        try:
            backend.incr("page", "🥨")
        except BackendError as error:
            failures.append(error)

    try:
        in_threads(4, react)
    finally:
        alone.thaw()
    assert sum(isinstance(error, OutcomeUnknown) for error in failures) >= 1
    assert sum(isinstance(error, BackendUnavailable) for error in failures) >= 2


def refused(backend: MongoBackend, times: int) -> None:
    for _ in range(times):
        with pytest.raises(BackendUnavailable):
            backend.incr("page", "🥨")


def test_a_server_that_is_unavailable_is_looked_for_for_a_moment_only_and_found_again(
    tmp_path_factory: Factory, make: Make
) -> None:
    server = MongoServer("replica-set", tmp_path_factory.mktemp("mongodb"))
    try:
        backend = make(server.uri, timeout=5)
        backend.incr("page", "🥨")
        server.kill()
        with pytest.raises(BackendError):
            backend.incr("page", "🥨")
        with pytest.raises(BackendUnavailable, match=r"127.0.0.1:\d+ is unavailable"):
            backend.counts(["page"])
        began = time.monotonic()
        in_threads(12, lambda: refused(backend, 20))
        # Each of them would have waited for 5 s, the 20 of one thread 100.
        assert time.monotonic() - began < 30
        server.start()
        deadline = time.monotonic() + 30
        while True:
            try:
                assert backend.incr("page", "🥨") == {"🥨": 2}
                break
            except BackendUnavailable:
                assert time.monotonic() < deadline
    finally:
        server.close()


def test_a_server_that_is_not_there_is_named_without_the_password(make: Make) -> None:
    with pytest.raises(
        BackendUnavailable, match=r"MongoDB at 127\.0\.0\.1:9 is unavailable.*start it"
    ) as caught:
        make("mongodb://me:s3cret@127.0.0.1:9/", timeout=0.3)
    assert "s3cret" not in str(caught.value)


def test_a_disconnected_backend_says_so_to_a_thread_that_holds_its_link(
    alone: MongoServer, make: Make
) -> None:
    backend = make(alone.uri)
    link = backend._opened()
    backend.disconnect()
    with pytest.raises(BackendNotConnected):
        link.run(lambda reactions: reactions.find_one({}), writes=False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (AutoReconnect("connection pool paused"), BackendNotConnected),
        (WriteConcernError("waiting for replication timed out"), OutcomeUnknown),
    ],
)
def test_a_client_that_was_closed_meanwhile_is_not_connected_unless_something_was_stored(
    alone: MongoServer, make: Make, said: PyMongoError, expected: type[BackendError]
) -> None:
    # The call that closes it is the one that it waits for, so it waits as long as a call may take.
    backend = make(alone.uri, timeout=1)
    link = backend._opened()

    def late(_: object) -> None:
        backend.disconnect()
        raise said

    with pytest.raises(expected):
        link.run(late, writes=True)
