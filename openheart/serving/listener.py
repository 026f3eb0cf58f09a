"""The socket to serve on, opened before any server starts, so that an address in use is one clear error."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigError
from ..settings import config as settings
from ..settings.config import Config

__all__ = ["ANYBODY", "address_of", "listening", "option_error", "unix_path"]

BACKLOG = 1024
UNIX = "unix:"

ANYBODY = 0o666
"""The mode of a Unix socket: as with a port of the loopback address, whoever reaches it may connect. Its
folder can prevent that."""


@contextlib.contextmanager
def listening(config: Config) -> Iterator[socket.socket]:
    """A listening socket on HOST and PORT, or on the Unix socket that HOST names; closed at the end.

    Raises:
        ConfigError: HOST or PORT is not usable; the error names it.
    """
    path = unix_path(config)
    with _listen(config) if path is None else _listen_at(path, config) as listener:
        mine = os.getpid()
        try:
            yield listener
        finally:
            # A worker ends here too.
            if path is not None and os.getpid() == mine:
                path.unlink(missing_ok=True)


def unix_path(config: Config) -> Path | None:
    """The path of the Unix socket for ``HOST=unix:/run/openheart.sock``, absolute; else None."""
    host = config[settings.HOST]
    return Path(host.removeprefix(UNIX)).absolute() if host.startswith(UNIX) else None


def address_of(listener: socket.socket, config: Config) -> str:
    """Where it is reached: a URL, with the loopback address for a wildcard, or ``unix:`` and a path."""
    if path := unix_path(config):
        return f"{UNIX}{path}"
    bound, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, _host(config))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def option_error(config: Config, name: str, reason: object) -> ConfigError:
    """The error for a SERVER_* option that the chosen server does not accept."""
    return ConfigError(
        f"SERVER_{name.upper()}",
        config.server_options[name],
        "SERVER_* settings",
        f"an option of {config[settings.SERVER]}: {reason}",
    )


def _host(config: Config) -> str:
    # Brackets as in a URL.
    return config[settings.HOST].removeprefix("[").removesuffix("]")


def _listen(config: Config) -> socket.socket:
    inherited = os.environ.get("WERKZEUG_SERVER_FD")
    if os.environ.get("WERKZEUG_RUN_MAIN") == "true" and inherited:
        # The reloader's child: its parent has opened the port and passes it on.
        return socket.socket(fileno=os.dup(int(inherited)))
    try:
        family, _, _, _, address = socket.getaddrinfo(
            _host(config), config[settings.PORT], type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
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


def _listen_at(path: Path, config: Config) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise config.refusal(settings.HOST, "an address, because this system has no Unix sockets")
    listener = socket.socket(socket.AF_UNIX)
    try:
        if _was_left(path):
            path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(ANYBODY)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            expected = "a path that is free; stop the program that listens there, or remove what is there"
        else:
            expected = (
                f"the path of a Unix socket in a folder where this user may write ({error.strerror or error})"
            )
        raise config.refusal(settings.HOST, expected) from None
    return listener


def _was_left(path: Path) -> bool:
    """Whether this is a Unix socket at which nobody listens any more."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(path))
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def _bind_error(number: int, config: Config) -> ConfigError:
    if number == errno.EADDRINUSE:
        address = f"{config[settings.HOST]}:{config[settings.PORT]}"
        expected = f"a free port, but another program listens on {address}; stop it or choose another PORT"
    elif number == errno.EACCES:
        expected = "a port that this user may open, such as 5000; those below 1024 belong to root"
    else:
        return config.refusal(settings.HOST, f"an address of this machine ({os.strerror(number)})")
    return config.refusal(settings.PORT, expected)
