"""Your own battery: each reaction is counted in StatsD.

Shows: a row with its own settings, a battery that listens to a signal, and the entry point in pyproject.toml.
Requires: pip install ../..
Run: pip install . in this folder, then OPENHEART_BATTERIES=statsd STATSD_HOST=127.0.0.1:8125 openheart run
"""

from __future__ import annotations

import socket
from typing import Any

from openheart import reaction_added
from openheart.batteries import Battery, Option, Row, battery_of
from openheart.config import casts
from openheart.errors import BatteryUnavailable

STATSD_HOST: Option[str | None] = Option(
    "STATSD_HOST", casts.address(), None, "The StatsD server, such as 127.0.0.1:8125.", group="statsd"
)
STATSD_NAME: Option[str] = Option(
    "STATSD_NAME", casts.word(), "openheart.reactions", "The counter's name.", group="statsd"
)

ROW = Row("statsd", "statsd_battery:Statsd", needs=[STATSD_HOST], settings=[STATSD_HOST, STATSD_NAME])


class Statsd(Battery[socket.socket]):
    """One UDP socket in each process, opened at the first reaction."""

    row = ROW

    def install(self) -> None:
        reaction_added.connect(self.count, self.app)

    def open(self) -> socket.socket:
        host, _, port = str(self.config[STATSD_HOST]).rpartition(":")
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[
                0
            ]
            connection = socket.socket(family, kind, protocol)
            connection.connect(address)
        except (OSError, ValueError) as error:
            raise BatteryUnavailable("statsd", f"{host}:{port} cannot be resolved ({error})") from error
        return connection

    def shut(self, resource: socket.socket) -> None:
        resource.close()

    def count(self, sender: object, **reaction: Any) -> None:
        self.resource.send(f"{self.config[STATSD_NAME]}:1|c".encode())


def increment(name: str) -> None:
    """Increment a counter of the application."""
    battery_of(Statsd).resource.send(f"{name}:1|c".encode())
