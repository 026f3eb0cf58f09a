"""Starts a RabbitMQ of its own on free ports: Debian's rabbitmq-server, or the one that PATH has.

Where there is none, Debian's packages are unpacked into the checkout's cache, which needs no root. It runs as
whoever runs the tests.

OPENHEART_TEST_AMQP_URL names a broker instead for the tests that break nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from ..requirements import CACHE, missing, unpack
from ..waiting import until
from .ports import free_port
from .process import ServerProcess

__all__ = ["GIVEN", "Rabbitmq"]

GIVEN = "OPENHEART_TEST_AMQP_URL"
"""The variable that may name a broker."""

# The program that starts it as whoever calls it; the one in /usr/sbin changes to the user rabbitmq first.
DEBIAN = "/usr/lib/rabbitmq/bin/rabbitmq-server"
PACKAGES = (
    "rabbitmq-server", "erlang-base", "erlang-asn1", "erlang-crypto", "erlang-eldap", "erlang-inets",
    "erlang-mnesia", "erlang-os-mon", "erlang-parsetools", "erlang-public-key", "erlang-runtime-tools",
    "erlang-ssl", "erlang-syntax-tools", "erlang-tools", "erlang-xmerl",
)  # fmt: skip
UNPACKED = CACHE / "rabbitmq"
ERLANG = "/usr/lib/erlang"
START = 180.0  # seconds
STOP = 120.0


class Rabbitmq(ServerProcess):
    """One broker with a node, a cookie and a port mapper of its own. It keeps its data over restarts.

    Args:
        folder: where its data is.

    Attributes:
        url: where it listens.
        port: its port.
    """

    def __init__(self, folder: Path) -> None:
        self._program, self._path = _program()
        self._folder = folder
        self.port, self._distribution, self._mapper = free_port(), free_port(), free_port()
        # A node that finds no port mapper starts one that outlives it, so this one must be there first.
        epmd = shutil.which("epmd", path=self._path)
        assert epmd is not None
        self._names = subprocess.Popen([epmd, "-port", str(self._mapper), "-address", "127.0.0.1"])
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        folder.mkdir(parents=True, exist_ok=True)
        until(self._maps, "epmd did not start")
        (folder / "plugins").write_text("[].\n", encoding="utf-8")
        # Small, and nothing that a shared machine could trip over.
        (folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 1MB\n", encoding="utf-8")
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it, again after ``stop()`` or ``kill()``, and wait until it takes connections."""
        with (self._folder / "out.log").open("ab") as out:
            self._process = subprocess.Popen(
                [self._program], env=self._environment(), stdout=out, stderr=out, start_new_session=True
            )
        deadline = time.monotonic() + START
        while not self._greets():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"RabbitMQ did not start: {self.log()[-2000:]}")
            # It listens seconds after it was started; asking all the time would slow that down.
            time.sleep(0.1)

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def stop(self) -> None:
        """Stop it as an operator does; durable queues and persistent messages stay."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a loss of power does."""
        self._end(signal.SIGKILL)

    def log(self) -> str:
        """What it has written so far."""
        files = [self._folder / "out.log", *self._folder.glob("log/*.log")]
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def close(self) -> None:
        """Stop it for good."""
        super().close()
        self._names.kill()
        self._names.wait()

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=START) as client:
                client.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(client.recv(1))
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        self._process.wait(STOP)
        # The helpers of the node outlive the shell that started it, and so may the node.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None
        until(lambda: not self._is_named(), "RabbitMQ did not end, or keeps its name and its ports")

    def _maps(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._mapper), timeout=START).close()
        except OSError:
            return False
        return True

    def _is_named(self) -> bool:
        with socket.create_connection(("127.0.0.1", self._mapper), timeout=STOP) as client:
            client.sendall(b"\x00\x01n")  # NAMES_REQ of Erlang's distribution protocol
            names = b"".join(iter(lambda: client.recv(4096), b""))
        return f"openheart-{self.port}".encode() in names

    def _signal(self, number: signal.Signals) -> None:
        # The program is a shell that starts the node: all of them, which are a group of their own.
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": self._path,
            "LANG": "C.UTF-8",
            "HOME": str(folder),  # the cookie is there
            "ERL_EPMD_PORT": str(self._mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"openheart-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            # One core is enough for a test.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }


def _program() -> tuple[str, str]:
    """The program, and the PATH with its Erlang."""
    found = DEBIAN if Path(DEBIAN).is_file() else shutil.which("rabbitmq-server")
    if found is not None:
        return found, os.environ["PATH"]
    if not UNPACKED.is_dir() and not unpack(UNPACKED, *PACKAGES, finish=_move_erlang):
        missing("RabbitMQ", f"apt-get install rabbitmq-server, or name a broker in {GIVEN}")
    return f"{UNPACKED}{DEBIAN}", f"{UNPACKED}/usr/bin{os.pathsep}{os.environ['PATH']}"


def _move_erlang(draft: Path) -> None:
    # Debian's script knows only the place where Debian puts it.
    script = draft / ERLANG.lstrip("/") / "bin" / "erl"
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace(f"={ERLANG}", f"={UNPACKED}{ERLANG}"), encoding="utf-8")
