"""Pusher Channels: ``openheart.pusher.trigger()``, and ``authenticate()`` for private channels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask

from ...errors import BatteryError, BatteryUnavailable, InvalidRequest
from ..battery import Battery, battery_of
from .row import (
    OPENHEART_PUSHER_CLUSTER,
    OPENHEART_PUSHER_ENDPOINT,
    OPENHEART_PUSHER_TIMEOUT,
    PUSHER_APP_ID,
    PUSHER_KEY,
    PUSHER_SECRET,
    ROW,
)

if TYPE_CHECKING:
    from pusher import Pusher as Client

__all__ = ["Pusher", "authenticate", "get_client", "trigger", "validate_webhook"]

MOST_CHANNELS = 100  # of one event, Pusher's limit
LONGEST_NAME = 200  # characters of a channel and of an event
LONGEST_ANSWER = 200  # characters of Pusher's text in our errors
CHANNEL = re.compile(rf"[-a-zA-Z0-9_=@,.;]{{1,{LONGEST_NAME}}}")
SOCKET_ID = re.compile(r"[0-9]{1,30}\.[0-9]{1,30}")
SIGNED = ("private-", "presence-")
ENCRYPTED = "private-encrypted-"


def get_client(app: Flask | None = None) -> Client:
    """The application's Pusher client (``pusher.Pusher``), made at first use; it raises its own errors.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.

    Raises:
        ConfigError: a setting is missing or cannot be used, or the library is not installed.
        OpenHeartError: there is no application.
    """
    return battery_of(Pusher, app).resource


def trigger(
    channels: str | Sequence[str],
    event: str,
    data: Any,
    socket_id: str | None = None,
    app: Flask | None = None,
) -> dict[str, Any]:
    """Send an event to all subscribers of some channels. It is never sent a second time.

    Args:
        channels: a channel, or up to 100.
        event: the name of the event, up to 200 characters.
        data: text, or anything that can be encoded as JSON.
        socket_id: a connection that does not get the event, such as the one that caused it.
        app: as in ``get_client``.

    Returns:
        Pusher's answer; often an empty dict.

    Raises:
        InvalidRequest: a name, the connection or the data is not valid for Pusher; nothing was sent.
        BatteryUnavailable: Pusher cannot be reached; nothing was sent.
        BatteryError: Pusher refused it, or its answer is missing or cannot be read: then the event may have
            been sent.
        ConfigError, OpenHeartError: as in ``get_client``.
    """
    names = [channels] if isinstance(channels, str) else [*channels]
    if not 1 <= len(names) <= MOST_CHANNELS:
        raise InvalidRequest(f"An event can be sent to 1 to {MOST_CHANNELS} channels, not to {len(names)}")
    for name in names:
        _check_channel(name)
    _check_event(event)
    if socket_id is not None:
        _check_socket_id(socket_id)
    battery = battery_of(Pusher, app)
    client = battery.resource
    with battery.errors():
        answer = client.trigger(names, event, data, socket_id)
    return answer if isinstance(answer, dict) else {}


def authenticate(
    channel: str,
    socket_id: str,
    custom_data: Mapping[str, Any] | None = None,
    app: Flask | None = None,
) -> dict[str, str]:
    """The signed answer to a browser that wants to subscribe to a private or a presence channel.

    The caller decides before who may subscribe. Nothing is sent to Pusher.

    Args:
        channel: the channel, as the browser sent it: ``private-…`` or ``presence-…``.
        socket_id: the connection, as the browser sent it.
        custom_data: who the user is; a presence channel requires ``user_id``, and ``user_info`` is optional.
        app: as in ``get_client``.

    Returns:
        The JSON answer of your view, with ``auth``, and ``channel_data`` if there is custom data.

    Raises:
        InvalidRequest: the channel or the connection is not valid, or ``user_id`` is missing.
        ConfigError, OpenHeartError: as in ``get_client``.
    """
    _check_channel(channel)
    _check_socket_id(socket_id)
    if not channel.startswith(SIGNED) or channel.startswith(ENCRYPTED):
        raise InvalidRequest("Only private-… and presence-… channels can be signed, but not encrypted ones")
    if channel.startswith("presence-") and not _is_id(custom_data):
        raise InvalidRequest("A presence channel needs custom_data with a user_id, as text or a number")
    battery = battery_of(Pusher, app)
    client = battery.resource
    with battery.errors():
        answer = client.authenticate(channel, socket_id, None if custom_data is None else dict(custom_data))
    return {key: str(value) for key, value in answer.items()}


def validate_webhook(
    key: str | None, signature: str | None, body: str | bytes, app: Flask | None = None
) -> dict[str, Any] | None:
    """The content of a webhook, if it comes from Pusher and is not older than five minutes.

    Args:
        key: the header ``X-Pusher-Key``.
        signature: the header ``X-Pusher-Signature``.
        body: the body of the request, unchanged.
        app: as in ``get_client``.

    Returns:
        The document, with ``time_ms`` and ``events``; None if it is not valid.

    Raises:
        ConfigError, OpenHeartError: as in ``get_client``.
    """
    if not key or not signature or not signature.isascii():
        return None
    client = battery_of(Pusher, app).resource
    try:
        document = client.validate_webhook(key, signature, body)
    except (ValueError, TypeError, AttributeError):
        # The body is not UTF-8, not JSON, or not an object.
        return None
    return document if isinstance(document, dict) else None


class Pusher(Battery["Client"]):
    """The client of an application."""

    row = ROW

    def install(self) -> None:
        """Check the settings at load(); the library would check them at first use."""
        self.require()

    def require(self) -> None:
        super().require()
        config, secret = self.config, self.config[PUSHER_SECRET]
        if not re.fullmatch(r"[0-9]+", config[PUSHER_APP_ID] or ""):
            raise config.refusal(PUSHER_APP_ID, "a number such as 123456")
        try:
            _ = secret.decode() if isinstance(secret, bytes) else secret
        except UnicodeDecodeError:
            raise config.refusal(PUSHER_SECRET, "the secret as text, in UTF-8") from None
        endpoint = urlsplit(config[OPENHEART_PUSHER_ENDPOINT] or "")
        if endpoint.path.strip("/") + endpoint.query:
            expected = "a scheme, a host and a port such as http://127.0.0.1:6001, without a path"
            raise config.refusal(OPENHEART_PUSHER_ENDPOINT, expected)

    def open(self) -> Client:
        from pusher import Pusher as Client
        from pusher.requests import RequestsBackend

        class Requests(RequestsBackend):  # type: ignore[misc]  # it has no types
            """Trusts the certificates that requests trusts, not the old list that comes with the library."""

            def __init__(self, client: Any, **options: Any) -> None:
                super().__init__(client, **options)
                self.options.pop("verify", None)

        config = self.config
        secret = config[PUSHER_SECRET]
        address: dict[str, Any] = {"cluster": config[OPENHEART_PUSHER_CLUSTER]}
        endpoint = config[OPENHEART_PUSHER_ENDPOINT]
        if endpoint is not None:
            url = urlsplit(endpoint)
            host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
            address = {"host": host, "port": url.port, "ssl": url.scheme.lower() == "https"}
        return Client(
            config[PUSHER_APP_ID],
            config[PUSHER_KEY],
            secret.decode() if isinstance(secret, bytes) else secret,
            timeout=config[OPENHEART_PUSHER_TIMEOUT],
            backend=Requests,
            # A redirect would send the signed event to an address that is not configured.
            allow_redirects=False,
            **address,
        )

    def shut(self, resource: Client) -> None:
        for part in (resource._pusher_client, resource._authentication_client):
            part.http.session.close()

    def check(self) -> None:
        client = self.resource
        with self.errors():
            client.channels_info()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the library's errors into openheart's."""
        from pusher import errors
        from requests import ConnectTimeout, RequestException

        wait = f"{self.config[OPENHEART_PUSHER_TIMEOUT]:g} s (OPENHEART_PUSHER_TIMEOUT)"
        try:
            yield
        except errors.PusherBadAuth as error:
            raise BatteryError(
                self.name,
                f"Pusher rejects the signature: {_error_text(error)}. Compare PUSHER_APP_ID, PUSHER_KEY, "
                "PUSHER_SECRET and OPENHEART_PUSHER_CLUSTER with the keys of the app at Pusher, and the "
                "clock of this machine with the time",
            ) from None
        except errors.PusherError as error:
            raise BatteryError(self.name, f"Pusher refused the request: {_error_text(error)}") from None
        except ConnectTimeout:
            raise BatteryUnavailable(self.name, f"no connection to Pusher within {wait}") from None
        except RequestException as error:
            if _never_connected(error):
                raise BatteryUnavailable(
                    self.name, f"Pusher cannot be reached ({type(error).__name__}): check the network"
                ) from None
            raise BatteryError(
                self.name,
                f"no complete answer from Pusher within {wait} ({type(error).__name__}): the event may have "
                "been sent",
            ) from None
        except json.JSONDecodeError:
            raise BatteryError(
                self.name,
                "the answer is not JSON, so it may come from something between this machine and Pusher: the "
                "event may have been sent. Check OPENHEART_PUSHER_ENDPOINT and the network",
            ) from None
        except (ValueError, TypeError) as error:
            # The library refuses the data.
            raise InvalidRequest(f"This cannot be sent through Pusher: {_error_text(error)}") from None


def _check_channel(name: object) -> None:
    if not isinstance(name, str) or not CHANNEL.fullmatch(name):
        raise InvalidRequest(
            f"The name of a channel must be 1 to {LONGEST_NAME} characters from A-Z, a-z, 0-9 and _-=@,.;"
        )


def _check_event(name: object) -> None:
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest(f"The name of an event must be 1 to {LONGEST_NAME} characters")


def _check_socket_id(socket_id: object) -> None:
    if not isinstance(socket_id, str) or not SOCKET_ID.fullmatch(socket_id):
        raise InvalidRequest(
            "A socket_id must be two numbers with a full stop between them, such as 1234.5678"
        )


def _is_id(custom_data: Mapping[str, Any] | None) -> bool:
    user_id = (custom_data or {}).get("user_id")
    return isinstance(user_id, (str, int)) and not isinstance(user_id, bool) and user_id != ""


def _never_connected(error: Exception) -> bool:
    from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, SSLError

    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, (NewConnectionError, NameResolutionError, SSLError))


def _error_text(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return "".join(each if each.isprintable() else "?" for each in text)[:LONGEST_ANSWER]
