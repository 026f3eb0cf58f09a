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
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise ConfigError(
            "HOST", host, config.source(settings.HOST), "a name or an address of this machine"
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        # Not SO_REUSEPORT: a second server on the same port must be an error.
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _bind_error(error, config) from None
    return listener


def address_of(listener: socket.socket, host: str) -> str:
    """``host:port`` for a URL that reaches the socket; a wildcard address becomes the loopback address."""
    bound, port = listener.getsockname()[:2]
    if bound in ("0.0.0.0", "::"):
        host = "127.0.0.1" if bound == "0.0.0.0" else "::1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def option_error(config: Config, name: str, reason: object) -> ConfigError:
    """The error for a SERVER_* option that the chosen server does not accept."""
    return ConfigError(
        f"SERVER_{name.upper()}",
        config.server_options[name],
        "SERVER_* settings",
        f"an option of {config[settings.SERVER]}: {reason}",
    )


def _bind_error(error: OSError, config: Config) -> ConfigError:
    host, port = config[settings.HOST], config[settings.PORT]
    if error.errno == errno.EADDRINUSE:
        expected = (
            f"a free port, but another program listens on {host}:{port}; stop it or choose another PORT"
        )
    elif error.errno == errno.EACCES:
        expected = "a port that this user may open, such as 5000; those below 1024 belong to root"
    else:
        return ConfigError(
            "HOST", host, config.source(settings.HOST), f"an address of this machine ({error.strerror})"
        )
    return ConfigError("PORT", port, config.source(settings.PORT), expected)
