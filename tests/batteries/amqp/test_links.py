"""A broker that closes a connection before it is open: one that stops, and one that refuses."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from pika.frame import Method
from pika.spec import Connection

import openheart
from openheart.errors import BatteryError, BatteryUnavailable

from ...waiting import PATIENCE

START = Method(0, Connection.Start(server_properties={})).marshal()
TUNE = Method(0, Connection.Tune(frame_max=131072)).marshal()


def close(code: int, text: str) -> bytes:
    return Method(0, Connection.Close(code, text, 0, 0)).marshal()


STOPPED = close(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
VHOST_DOWN = close(541, "INTERNAL_ERROR - vhost '/' is down")
WRONG_PASSWORD = close(403, "ACCESS_REFUSED - Login was refused")
NO_VHOST = close(530, "NOT_ALLOWED - vhost / not found")


@contextlib.contextmanager
def broker_that_says(*answers: bytes) -> Iterator[str]:
    """The URL of a broker that gives these answers, one to each thing it is sent, and then hangs up."""

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as client:
            client.settimeout(PATIENCE)
            for answer in answers:
                client.recv(65536)
                client.sendall(answer)
            client.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"amqp://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            thread.join()


@pytest.mark.parametrize(
    "answers",
    [(START,), (START, TUNE), (START, STOPPED), (START, TUNE, STOPPED), (START, TUNE, VHOST_DOWN)],
    ids=["dies at the login", "dies at the vhost", "stops at the login", "stops at the vhost", "vhost down"],
)
def test_a_broker_that_stops_during_the_login_is_unavailable_and_refuses_nothing(
    answers: tuple[bytes, ...],
) -> None:
    with broker_that_says(*answers) as url:
        openheart.load(name="one", uri="memory:", cloudamqp_url=url)
        with pytest.raises(
            BatteryUnavailable, match="closed the connection before the login was complete: start it"
        ):
            openheart.amqp.get_connection()


@pytest.mark.parametrize(
    "answers", [(START, WRONG_PASSWORD), (START, TUNE, NO_VHOST)], ids=["password", "vhost"]
)
def test_one_that_refuses_is_not_away(answers: tuple[bytes, ...]) -> None:
    with broker_that_says(*answers) as url:
        openheart.load(name="one", uri="memory:", cloudamqp_url=url)
        with pytest.raises(BatteryError, match="refuses the user, the password or the vhost") as caught:
            openheart.amqp.get_connection()
    assert not isinstance(caught.value, BatteryUnavailable)
