"""The socket to serve on, opened before any server starts, so that a port in use is one clear error."""

from __future__ import annotations

import errno
import os
import socket

from ..errors import ConfigError
from ..settings import config as settings
from ..settings.config import Config

__all__ = ["address_of", "listen", "option_error"]

BACKLOG = 1024


def listen(config: Config) -> socket.socket:
    """A listening TCP socket on HOST and PORT.

    Raises:
        ConfigError: HOST or PORT is not usable; the error names it.
    """
    host, port = config[settings.HOST], config[settings.PORT]
    inherited = os.environ.get("WERKZEUG_SERVER_FD")
    if os.environ.get("WERKZEUG_RUN_MAIN") == "true" and inherited:
        # The reloader's child: its parent has opened the port and passes it on.
        return socket.socket(fileno=os.dup(int(inherited)))
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise config.refusal(settings.HOST, "a name or an address of this machine") from None
    # HOST=:: takes IPv4 too.
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        # Without reuse_port: a second server on the same port must be an error.
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise _bind_error(error.errno or 0, config) from None


def address_of(listener: socket.socket, host: str) -> str:
    """``host:port`` for a URL that reaches the socket; a wildcard address becomes the loopback address."""
    bound, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def option_error(config: Config, name: str, reason: object) -> ConfigError:
    """The error for a SERVER_* option that the chosen server does not accept."""
    return ConfigError(
        f"SERVER_{name.upper()}",
        config.server_options[name],
        "SERVER_* settings",
        f"an option of {config[settings.SERVER]}: {reason}",
    )


def _bind_error(number: int, config: Config) -> ConfigError:
    if number == errno.EADDRINUSE:
        address = f"{config[settings.HOST]}:{config[settings.PORT]}"
        expected = f"a free port, but another program listens on {address}; stop it or choose another PORT"
    elif number == errno.EACCES:
        expected = "a port that this user may open, such as 5000; those below 1024 belong to root"
    else:
        return config.refusal(settings.HOST, f"an address of this machine ({os.strerror(number)})")
    return config.refusal(settings.PORT, expected)
