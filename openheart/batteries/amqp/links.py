"""The connections of one process to its AMQP broker: one for each thread, every wait with an end, our errors.

Only this module knows what is inside pika.
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
    ConfigError,
    MessageRefused,
    MessageUnroutable,
)
from ...settings.config import Config
from ...system.masks import mask_uri
from .log import Hush
from .row import CLOUDAMQP_URL, OPENHEART_AMQP_TIMEOUT

__all__ = ["NAME", "Connection", "Link", "Links", "connect", "parameters_of", "reason_of"]

NAME = "amqp"
"""What the battery is called in its errors."""

FAILURES = (AMQPError, AMQPConnectorException, OSError)
"""What pika raises when a broker is away or refuses."""

GOODBYE = 1.0  # seconds: what the broker keeps of a connection it also forgets without a goodbye

REFUSALS = frozenset({402, 403, 530})
"""AMQP's codes of a connection that is refused: there is no such vhost, no access, or it is not allowed."""

_CLOSED = re.compile(r"ConnectionClosedByBroker: \((\d+)\)")
_EXPECTED = "the address of an AMQP broker such as amqp://user:password@host:5672/vhost"


class Connection(pika.BlockingConnection):
    """pika's own, with an end to what we wait for: by itself it waits for a broker without any."""

    _impl: Any

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Give the connection up (AMQPHeartbeatTimeout) when what is done within takes longer."""
        late = AMQPHeartbeatTimeout(f"no answer within {seconds:g} s")
        timer = self._impl._adapter_call_later(seconds, lambda: self._impl._terminate_stream(late))
        try:
            yield
        finally:
            # With the connection its timers went too.
            if not self.is_closed:
                self._impl._adapter_remove_timeout(timer)

    def catch_up(self) -> None:
        """Do all that other threads have asked for so far with ``add_callback_threadsafe``.

        One ``process_data_events`` may return before it has looked at that: it does when anything else is
        ready, such as after the end of a consumer, or after an acknowledgement that waited for the socket.
        """
        done = threading.Event()
        self.add_callback_threadsafe(done.set)
        while not done.is_set():
            self.process_data_events(None)

    def ask(self, callback: Callable[[], None]) -> bool:
        """Have its own thread call something; False where it has ended."""
        try:
            self.add_callback_threadsafe(callback)
        except AMQPError:
            return False
        return True

    def is_there(self) -> bool:
        """Whether the broker still has it; reads what came since it was used last."""
        try:
            if self.is_open:
                self.process_data_events(0)
        except FAILURES:
            return False
        return self.is_open

    def leave(self) -> None:
        """Close it, whatever state it is in."""
        with contextlib.suppress(*FAILURES):
            if self.is_open:
                with self.limited(GOODBYE):
                    self.close()


class Link:
    """The connection of one thread, made when it is wanted and made anew when the broker dropped it."""

    def __init__(self, parameters: Parameters, timeout: float, hush: Hush) -> None:
        self._parameters = parameters
        self._timeout = timeout
        self._hush = hush
        self._pid = os.getpid()
        self._connection: Connection | None = None
        self._channel: BlockingChannel | None = None
        self._busy = threading.RLock()

    def connection(self) -> Connection:
        """A connection that works as far as one can tell.

        Raises:
            ConfigError, BatteryUnavailable: as ``connect``.
        """
        with self._busy, self._hush:
            if self._connection is None or not self._connection.is_there():
                self._channel = None
                self._connection = None
                self._connection = connect(self._parameters)
            return self._connection

    def ping(self) -> None:
        """Ask the broker something.

        Raises:
            ConfigError, BatteryUnavailable: it gives no answer.
        """
        with self._busy, self._hush:
            connection = self.connection()
            try:
                with connection.limited(self._timeout):
                    connection.channel().close()
            except FAILURES as error:
                raise BatteryUnavailable(NAME, f"{_where(self._parameters)} {reason_of(error)}") from error

    def declare(self, queue: str, arguments: dict[str, Any] | None) -> int:
        """Declare a durable queue; returns how many messages wait in it.

        Raises:
            ConfigError, BatteryUnavailable: as ``connect``.
            BatteryError: the broker refuses.
        """
        with self._busy, self._hush:
            connection = self.connection()
            try:
                with connection.limited(self._timeout):
                    channel = connection.channel()
                    answer = channel.queue_declare(queue, durable=True, arguments=arguments)
                    channel.close()
            except ChannelClosedByBroker as error:
                raise BatteryError(
                    NAME,
                    f"{_where(self._parameters)} refuses the queue {queue!r} ({error.reply_text}): if it is "
                    "there in another form, remove it, or consume it with declare=False",
                ) from error
            except FAILURES as error:
                raise BatteryUnavailable(NAME, f"{_where(self._parameters)} {reason_of(error)}") from error
            return int(answer.method.message_count)

    def publish(self, exchange: str, key: str, body: bytes, properties: pika.BasicProperties) -> None:
        """Send one message, and wait until the broker has confirmed that it has it.

        Raises:
            ConfigError, BatteryUnavailable: as ``connect``; nothing was sent.
            MessageUnroutable, MessageRefused: the broker did not take it.
            BatteryOutcomeUnknown: it was sent, and no confirmation came.
        """
        where = _where(self._parameters)
        to = f"the exchange {exchange!r} with the key {key!r}" if exchange else f"the queue {key!r}"
        with self._busy, self._hush:
            channel, connection = self._confirming()
            try:
                with connection.limited(self._timeout):
                    channel.basic_publish(exchange, key, body, properties, mandatory=True)
            except UnroutableError as error:
                raise MessageUnroutable(
                    NAME,
                    f"no queue takes what is sent to {to} at {where}: declare the queue first "
                    "(openheart.amqp.declare), or correct the name",
                ) from error
            except NackError as error:
                raise MessageRefused(
                    NAME,
                    f"{where} did not take a message to {to}: the queue is full, or it has lost its disk",
                ) from error
            except ChannelClosedByBroker as error:
                raise MessageRefused(
                    NAME,
                    f"{where} refuses a message to {to} ({error.reply_text}): correct the name or the rights",
                ) from error
            except FAILURES as error:
                raise BatteryOutcomeUnknown(
                    NAME,
                    f"a message to {to} was sent, and {where} {reason_of(error)} before it was confirmed: it "
                    "is stored or not; sent again it may arrive twice, with the same message_id",
                ) from error

    def close(self, wait: float = 0.0) -> None:
        """Close the connection; ``wait`` seconds at the most for the thread that uses it."""
        if not self._busy.acquire(timeout=wait):
            return
        try:
            connection, self._connection, self._channel = self._connection, None, None
            if connection is not None:
                _leave(connection, self._hush)
        finally:
            self._busy.release()

    def __del__(self) -> None:
        # Its thread has ended. In a forked child it is the parent's, to which a goodbye would say goodbye.
        if self._connection is None or self._pid != os.getpid() or sys.is_finalizing():
            return
        # Not here: what is logged in a thread that has ended makes it look alive for ever.
        with contextlib.suppress(RuntimeError):  # the interpreter ends
            threading.Thread(
                target=_leave, args=(self._connection, self._hush), name="openheart-amqp-goodbye", daemon=True
            ).start()

    def _confirming(self) -> tuple[BlockingChannel, Connection]:
        connection = self.connection()
        if self._channel is None or not self._channel.is_open:
            try:
                with connection.limited(self._timeout):
                    self._channel = connection.channel()
                    self._channel.confirm_delivery()
            except FAILURES as error:
                raise BatteryUnavailable(NAME, f"{_where(self._parameters)} {reason_of(error)}") from error
        return self._channel, connection


class Links:
    """The connections of a process.

    Args:
        config: the settings.

    Attributes:
        parameters: what connections are made with.
        timeout: seconds for one answer of the broker.
        hush: keeps pika from logging what we say ourselves.
    """

    def __init__(self, config: Config) -> None:
        self.parameters = parameters_of(config)
        self.timeout = config[OPENHEART_AMQP_TIMEOUT]
        self.hush = Hush()
        self.hush.install()
        self._local = threading.local()
        self._all: weakref.WeakSet[Link] = weakref.WeakSet()
        self._lock = threading.Lock()

    def mine(self) -> Link:
        """The one of this thread."""
        link: Link | None = getattr(self._local, "link", None)
        if link is None:
            link = self._local.link = self.new()
            with self._lock:
                self._all.add(link)
        return link

    def new(self) -> Link:
        """One for the caller alone, who closes it."""
        return Link(self.parameters, self.timeout, self.hush)

    def close(self) -> None:
        """Close all of them; a message that is being sent is waited for."""
        with self._lock:
            links = list(self._all)
        deadline = time.monotonic() + self.timeout + GOODBYE
        for link in links:
            link.close(wait=max(0.0, deadline - time.monotonic()))
        self.hush.remove()


def parameters_of(config: Config) -> pika.URLParameters:
    """How CLOUDAMQP_URL says that the broker is reached. What it does not say of times, we do.

    Raises:
        ConfigError: it cannot be used.
    """
    url = config[CLOUDAMQP_URL] or ""
    try:
        if not url.lower().startswith(("amqp://", "amqps://")):
            raise ValueError("it begins with another scheme")
        parameters = pika.URLParameters(url)
        given = {pair.partition("=")[0] for pair in url.partition("?")[2].split("&")}
        for name in {"socket_timeout", "stack_timeout", "blocked_connection_timeout"} - given:
            setattr(parameters, name, config[OPENHEART_AMQP_TIMEOUT])
    except (ValueError, TypeError, OSError):
        # Not pika's own words: they may quote what is secret.
        refused = True
    else:
        refused = False
    if refused:
        raise ConfigError(CLOUDAMQP_URL.name, mask_uri(url), config.source(CLOUDAMQP_URL), _EXPECTED)
    return parameters


def connect(parameters: Parameters) -> Connection:
    """Make a connection.

    Raises:
        BatteryError: the broker does not let us in.
        BatteryUnavailable: it cannot be reached.
    """
    where = _where(parameters)
    try:
        return Connection(parameters)
    except (*FAILURES, ValueError) as error:
        # A ValueError is what pika makes of a connection that ended before pika looked at it.
        if _is_refusal(error):
            raise BatteryError(
                NAME, f"{where} refuses the user, the password or the vhost: correct {CLOUDAMQP_URL.name}"
            ) from error
        raise BatteryUnavailable(
            NAME,
            f"{where} {reason_of(error)}: start it, or correct {CLOUDAMQP_URL.name}",
        ) from error


def _is_refusal(error: BaseException) -> bool:
    if not isinstance(error, (ProbableAuthenticationError, ProbableAccessDeniedError)):
        return isinstance(error, AuthenticationError)
    # pika calls it so whenever a connection ends before it is open, and keeps only the repr of what ended it.
    # A broker that refuses gives a code for it; one that is stopped gives another, and one that dies none.
    code = _CLOSED.match(str(error.args[0]))
    return code is not None and int(code[1]) in REFUSALS


def _leave(connection: Connection, hush: Hush) -> None:
    with hush:
        connection.leave()


def reason_of(error: BaseException) -> str:
    """What an error of pika says of the broker, as the end of a sentence."""
    if isinstance(error, AMQPHeartbeatTimeout):
        return f"gave {error.args[0] if error.args else 'no sign of life'}"
    if isinstance(error, AMQPConnectorStackTimeout):
        return "takes the connection and gives no answer"
    if isinstance(error, ChannelClosedByBroker):
        return f"refused: {error.reply_text}"
    if isinstance(error, (ProbableAuthenticationError, ProbableAccessDeniedError)):
        return "ended the connection before it had let us in"
    if isinstance(error, AMQPConnectionError):
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is not None:
            return f"cannot be reached ({type(getattr(inner, 'exception', inner)).__name__})"
        return f"went away ({type(error).__name__})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted ({error.verify_message})"
    if isinstance(error, (OSError, ValueError)):
        return f"cannot be reached ({type(error).__name__})"
    return f"failed ({type(error).__name__})"


def _where(parameters: Parameters) -> str:
    return f"the AMQP broker at {parameters.host}:{parameters.port}"
