"""The connections of one process to its AMQP broker: one for each thread, with timeouts and our errors.

Only this module uses pika's internals.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException, AMQPConnectorStackTimeout
from pika.connection import Parameters
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AMQPHeartbeatTimeout,
    AuthenticationError,
    ChannelClosedByBroker,
    NackError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    UnroutableError,
)

from ...errors import (
    BatteryError,
    BatteryOutcomeUnknown,
    BatteryUnavailable,
    MessageRefused,
    MessageUnroutable,
)
from ...settings.config import Config
from .log import PikaFilter
from .row import CLOUDAMQP_URL, OPENHEART_AMQP_TIMEOUT

__all__ = ["NAME", "Connection", "Link", "Links", "parameters_of", "reason_of"]

NAME = "amqp"
"""What the battery is called in its errors."""

FAILURES = (AMQPError, AMQPConnectorException, OSError)
"""What pika raises when a broker is unavailable or refuses."""

CLOSE_TIMEOUT = 1.0  # seconds; a broker also cleans up a connection that was not closed properly

REFUSALS = frozenset({402, 403, 530})
"""AMQP's codes for a refused connection: no such vhost, no access, or not allowed."""

_CLOSED = re.compile(r"ConnectionClosedByBroker: \((\d+)\)")


class Connection(pika.BlockingConnection):
    """pika's connection, with timeouts; pika itself waits for a broker without limit."""

    _impl: Any

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Drop the connection (AMQPHeartbeatTimeout) when the body of the ``with`` takes longer."""
        late = AMQPHeartbeatTimeout(f"no answer within {seconds:g} s")
        timer = self._impl._adapter_call_later(seconds, lambda: self._impl._terminate_stream(late))
        try:
            yield
        finally:
            # A closed connection has no timers.
            if not self.is_closed:
                self._impl._adapter_remove_timeout(timer)

    def run_callbacks(self) -> None:
        """Run all callbacks that other threads have added so far with ``add_callback_threadsafe``.

        A single ``process_data_events`` may return before it has run them: it does when anything else is
        ready, such as after the end of a consumer, or after an acknowledgement that waited for the socket.
        """
        done = threading.Event()
        self.add_callback_threadsafe(done.set)
        while not done.is_set():
            self.process_data_events(None)

    def call_soon(self, callback: Callable[[], None]) -> bool:
        """Have the connection's own thread call something; False if the connection is closed."""
        try:
            self.add_callback_threadsafe(callback)
        except AMQPError:
            return False
        return True

    def is_alive(self) -> bool:
        """Whether the broker still has it; reads what arrived since it was last used."""
        try:
            if self.is_open:
                self.process_data_events(0)
        except FAILURES:
            return False
        return self.is_open

    def close_quietly(self) -> None:
        """Close it, whatever state it is in."""
        try:
            if self.is_open:
                with self.limited(CLOSE_TIMEOUT):
                    self.close()
        except FAILURES:
            return
        except ValueError:
            # The socket was closed and pika has not noticed; what it opened itself is still open.
            self._impl.ioloop.close()


class Link:
    """The connection of one thread, made at first use and recreated when the broker has dropped it."""

    def __init__(self, parameters: Parameters, timeout: float, log_filter: PikaFilter) -> None:
        self._parameters = parameters
        self._where = f"the AMQP broker at {parameters.host}:{parameters.port}"
        self._timeout = timeout
        self._log_filter = log_filter
        self._pid = os.getpid()
        self._connection: Connection | None = None
        self._channel: BlockingChannel | None = None
        self._busy = threading.RLock()

    def connection(self) -> Connection:
        """A connection, checked before it is returned.

        Raises:
            BatteryError: the broker refuses the login or the vhost.
            BatteryUnavailable: it cannot be reached.
        """
        with self._busy, self._log_filter:
            if self._connection is None or not self._connection.is_alive():
                self._channel = None
                self._connection = None
                self._connection = self._connect()
            return self._connection

    def ping(self) -> None:
        """Check that the broker answers.

        Raises:
            BatteryError: as ``connection``.
            BatteryUnavailable: it does not answer.
        """
        with self._asking() as connection:
            connection.channel().close()

    def declare(self, queue: str, arguments: dict[str, Any] | None) -> int:
        """Declare a durable queue; returns how many messages wait in it.

        Raises:
            BatteryError: as ``connection``, or the broker refuses.
        """
        with self._asking() as connection:
            channel = connection.channel()
            try:
                answer = channel.queue_declare(queue, durable=True, arguments=arguments)
            except ChannelClosedByBroker as error:
                raise BatteryError(
                    NAME,
                    f"{self._where} refuses the queue {queue!r} ({error.reply_text}): if it "
                    "exists with other arguments, delete it, or consume it with declare=False",
                ) from error
            channel.close()
            return int(answer.method.message_count)

    def publish(self, exchange: str, key: str, body: bytes, properties: pika.BasicProperties) -> None:
        """Send one message, and wait until the broker has confirmed it.

        Raises:
            BatteryError: as ``connection``; nothing was sent.
            MessageUnroutable, MessageRefused: the broker rejected it.
            BatteryOutcomeUnknown: it was sent, but not confirmed.
        """
        where = self._where
        to = f"the exchange {exchange!r} with the key {key!r}" if exchange else f"the queue {key!r}"
        with self._busy, self._log_filter:
            channel, connection = self._confirming()
            try:
                with connection.limited(self._timeout):
                    channel.basic_publish(exchange, key, body, properties, mandatory=True)
            except UnroutableError as error:
                raise MessageUnroutable(
                    NAME,
                    f"no queue receives messages sent to {to} at {where}: declare the queue first "
                    "(openheart.amqp.declare), or correct the name",
                ) from error
            except NackError as error:
                raise MessageRefused(
                    NAME,
                    f"{where} rejected a message to {to}: the queue is full, or the broker cannot write to "
                    "its disk",
                ) from error
            except ChannelClosedByBroker as error:
                raise MessageRefused(
                    NAME,
                    f"{where} refuses a message to {to} ({error.reply_text}): correct the name or the "
                    "permissions",
                ) from error
            except FAILURES as error:
                raise BatteryOutcomeUnknown(
                    NAME,
                    f"a message to {to} was sent, and {where} {reason_of(error)} before it was confirmed: it "
                    "is stored or not; if you send it again, it may arrive twice, with the same message_id",
                ) from error

    def close(self, wait: float = 0.0) -> None:
        """Close the connection; wait up to ``wait`` seconds for the thread that uses it."""
        if not self._busy.acquire(timeout=wait):
            return
        try:
            connection, self._connection, self._channel = self._connection, None, None
            if connection is not None:
                _close(connection, self._log_filter)
        finally:
            self._busy.release()

    def __del__(self) -> None:
        # Its thread has ended. In a forked child the connection is the parent's: closing it would close that.
        if self._connection is None or self._pid != os.getpid() or sys.is_finalizing():
            return
        # In another thread: logging in a thread that has ended makes it look alive for ever.
        with contextlib.suppress(RuntimeError):  # the interpreter ends
            threading.Thread(
                target=_close,
                args=(self._connection, self._log_filter),
                name="openheart-amqp-close",
                daemon=True,
            ).start()

    def _connect(self) -> Connection:
        try:
            return Connection(self._parameters)
        except (*FAILURES, ValueError) as error:
            # pika raises a ValueError for a connection that was closed before it read from it.
            if _is_refusal(error):
                raise BatteryError(
                    NAME, f"{self._where} refuses the user, the password or the vhost: correct CLOUDAMQP_URL"
                ) from error
            raise BatteryUnavailable(
                NAME, f"{self._where} {reason_of(error)}: start it, or correct CLOUDAMQP_URL"
            ) from error

    def _confirming(self) -> tuple[BlockingChannel, Connection]:
        connection = self.connection()
        if self._channel is None or not self._channel.is_open:
            with self._asking() as connection:
                self._channel = connection.channel()
                self._channel.confirm_delivery()
        return self._channel, connection

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Connection]:
        """The connection, for a request that can be made again when the answer to it is lost."""
        with self._busy, self._log_filter:
            connection = self.connection()
            try:
                with connection.limited(self._timeout):
                    yield connection
            except FAILURES as error:
                raise BatteryUnavailable(NAME, f"{self._where} {reason_of(error)}") from error


class Links:
    """The connections of a process.

    Args:
        config: the settings.

    Attributes:
        parameters: what connections are made with.
        timeout: seconds to wait for one answer of the broker.
        log_filter: drops pika's log records that repeat our own.
    """

    def __init__(self, config: Config) -> None:
        self.parameters = parameters_of(config)
        self.timeout = config[OPENHEART_AMQP_TIMEOUT]
        self.log_filter = PikaFilter()
        self._local = threading.local()
        self._all: weakref.WeakSet[Link] = weakref.WeakSet()
        self._lock = threading.Lock()

    def current(self) -> Link:
        """The connection of this thread."""
        link: Link | None = getattr(self._local, "link", None)
        if link is None:
            link = self._local.link = self.new()
            with self._lock:
                self._all.add(link)
        return link

    def new(self) -> Link:
        """A connection for the caller alone, who closes it."""
        return Link(self.parameters, self.timeout, self.log_filter)

    def close(self) -> None:
        """Close all of them, after the messages that are being sent."""
        with self._lock:
            links = list(self._all)
        deadline = time.monotonic() + self.timeout + CLOSE_TIMEOUT
        for link in links:
            link.close(wait=max(0.0, deadline - time.monotonic()))
        self.log_filter.remove()


def parameters_of(config: Config) -> pika.URLParameters:
    """The connection parameters of CLOUDAMQP_URL, with our timeouts where it sets none.

    Raises:
        ConfigError: it cannot be used.
    """
    url = config[CLOUDAMQP_URL] or ""
    # pika's own error is dropped here, because it may quote the password.
    with contextlib.suppress(ValueError, TypeError, OSError):
        if not url.lower().startswith(("amqp://", "amqps://")):
            raise ValueError("the scheme is not amqp or amqps")
        parameters = pika.URLParameters(url)
        given = {pair.partition("=")[0] for pair in url.partition("?")[2].split("&")}
        for name in {"socket_timeout", "stack_timeout", "blocked_connection_timeout"} - given:
            setattr(parameters, name, config[OPENHEART_AMQP_TIMEOUT])
        return parameters
    raise config.refusal(
        CLOUDAMQP_URL, "the address of an AMQP broker such as amqp://user:password@host:5672/vhost"
    )


def _is_refusal(error: BaseException) -> bool:
    if not isinstance(error, (ProbableAuthenticationError, ProbableAccessDeniedError)):
        return isinstance(error, AuthenticationError)
    # pika raises these whenever a connection is closed before it is open, and keeps only the repr of the
    # reason. A broker that refuses sends a code, one that is stopped sends another, one that dies sends none.
    code = _CLOSED.match(str(error.args[0]))
    return code is not None and int(code[1]) in REFUSALS


def _close(connection: Connection, log_filter: PikaFilter) -> None:
    with log_filter:
        connection.close_quietly()


def reason_of(error: BaseException) -> str:
    """What an error of pika means, as the end of a sentence about the broker."""
    if isinstance(error, AMQPHeartbeatTimeout):
        return f"gave {error.args[0] if error.args else 'no heartbeat'}"
    if isinstance(error, AMQPConnectorStackTimeout):
        return "accepts the connection but does not answer"
    if isinstance(error, ChannelClosedByBroker):
        return f"refused: {error.reply_text}"
    if isinstance(error, (ProbableAuthenticationError, ProbableAccessDeniedError)):
        return "closed the connection before the login was complete"
    if isinstance(error, AMQPConnectionError):
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is not None:
            return f"cannot be reached ({type(getattr(inner, 'exception', inner)).__name__})"
        return f"closed the connection ({type(error).__name__})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted ({error.verify_message})"
    if isinstance(error, (OSError, ValueError)):
        return f"cannot be reached ({type(error).__name__})"
    return f"failed ({type(error).__name__})"
