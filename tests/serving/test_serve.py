"""run(): every server serves, stops in order and refuses what it cannot do."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from openheart.storage import get_backend

from ..servers.receiver import Receiver
from ..waiting import PATIENCE, until
from .conftest import APP, StartServer

# tests/serving/test_live.py and test_draining.py start each of them on the further Pythons too.
pytestmark = pytest.mark.slow

SERVERS = ["waitress", "gunicorn", "granian", "werkzeug"]


def stored(tmp_path: Path) -> dict[str, int]:
    with get_backend(f"sqlite:///{tmp_path}/instance/openheart.db") as backend:
        return backend.counts(("hello",))[0]


def is_free(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.hostname, address.port))
        except OSError:
            return False
        return True


STOPPED_AT_ONCE = """
import os, signal
from flask import Flask
import openheart

openheart.load(Flask("served"))
openheart.run(ready=lambda url: os.kill(os.getpid(), int(os.environ["NUMBER"])))
print("returned", flush=True)
"""


@pytest.mark.parametrize("server", ["waitress", "gunicorn", "werkzeug"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_learns_the_address_may_stop_the_server_at_once(
    tmp_path: Path, server: str, number: signal.Signals
) -> None:
    variables = {"SERVER": server, "PORT": "0", "NUMBER": str(int(number)), "OPENHEART_URI": "memory:"}
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_ONCE],
        env={**os.environ, **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "returned\n"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_loses_no_acknowledged_reaction_and_frees_the_port(
    start_server: StartServer, tmp_path: Path, server: str, number: int
) -> None:
    # Granian sometimes goes on with connections that never pause until its grace is over, and says so then.
    served = start_server(SERVER=server, SERVER_GRACE="3s")
    acknowledged = [0] * 4
    busy = threading.Barrier(5)

    def react(who: int) -> None:
        with httpx.Client(base_url=served.url, timeout=PATIENCE) as client:
            client.post("/openheart/hello", content="🥨").raise_for_status()
            acknowledged[who] += 1
            busy.wait(PATIENCE)
            while True:
                try:
                    answer = client.post("/openheart/hello", content="🥨")
                except httpx.TransportError:
                    return
                acknowledged[who] += answer.status_code == 200

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(react, who) for who in range(4)]
        busy.wait(PATIENCE)
        assert served.stop(number) == 0
        for each in running:
            each.result(PATIENCE)
    assert served.rest()[-1] == "returned"
    assert is_free(served.url)
    count = stored(tmp_path)["🥨"]
    # One reaction of each client may be stored while its answer no longer arrives.
    assert sum(acknowledged) <= count <= sum(acknowledged) + 4


@pytest.mark.parametrize("server", ["waitress", "gunicorn", "werkzeug"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_that_runs_is_finished_before_the_server_ends(
    start_server: StartServer, server: str, number: int
) -> None:
    served = start_server(SERVER=server)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.get, f"{served.url}/slow", timeout=PATIENCE)
        assert served.line() == "started"
        served.process.send_signal(number)
        served.release()
        assert slow.result(PATIENCE).text == "finished"
    assert served.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("server", ["waitress", "werkzeug"])
def test_a_stopping_server_takes_no_more_connections(start_server: StartServer, server: str) -> None:
    served = start_server(SERVER=server)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.get, f"{served.url}/slow", timeout=PATIENCE)
        assert served.line() == "started"
        served.process.send_signal(signal.SIGTERM)
        refused = False
        for _ in range(1000):
            try:
                httpx.get(f"{served.url}/openheart/-/healthz", timeout=PATIENCE)
            except httpx.ConnectError:
                refused = True
                break
            except httpx.TransportError:
                continue  # the port was closed before it was taken from its queue
        served.release()
        assert slow.result(PATIENCE).text == "finished"
    assert refused


@pytest.mark.parametrize("server", SERVERS)
def test_a_connection_over_which_nothing_came_does_not_keep_the_server(
    start_server: StartServer, server: str
) -> None:
    served = start_server(SERVER=server, SERVER_GRACE="1h")
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as idle:
        # What is connected later is answered, so the server has taken the one before.
        httpx.get(f"{served.url}/openheart/hello", timeout=PATIENCE).raise_for_status()
        assert served.stop() == 0
        assert idle.recv(1) == b""


@pytest.mark.parametrize("server", ["waitress", "werkzeug"])
def test_a_request_whose_body_comes_after_the_stop_is_answered(
    start_server: StartServer, server: str
) -> None:
    served = start_server(SERVER=server)
    address = urlsplit(served.url)
    body = "🥨".encode()
    head = [
        "POST /openheart/hello HTTP/1.1",
        "Host: a",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    ]
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as client:
        client.sendall("\r\n".join([*head, "", ""]).encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        served.process.send_signal(signal.SIGTERM)
        until(lambda: is_free(served.url), "it goes on listening")
        client.sendall(body)
        assert b"HTTP/1.1 200 " in b"".join(iter(lambda: client.recv(1000), b""))
    assert served.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("server", ["waitress", "werkzeug"])
def test_a_request_longer_than_the_grace_does_not_keep_the_server(
    start_server: StartServer, server: str
) -> None:
    served = start_server(SERVER=server, SERVER_GRACE="100ms")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.get, f"{served.url}/slow", timeout=PATIENCE)
        assert served.line() == "started"
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(PATIENCE / 2)
        with pytest.raises(httpx.TransportError):
            slow.result(PATIENCE)
    assert served.rest() == ["returned"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_storage_that_does_not_work_is_named_at_the_start_and_used_as_soon_as_it_does(
    start_server: StartServer, tmp_path: Path, server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    folder.write_text("a file where the folder should be")
    served = start_server(SERVER=server, OPENHEART_URI=f"sqlite:///{folder}/reactions.db")
    said = capfd.readouterr().err
    assert (
        f"The storage does not work; no reactions are accepted until it does: there is no folder {folder}"
        in said
    )
    with httpx.Client(base_url=served.url, timeout=PATIENCE) as client:
        assert client.post("/openheart/hello", content="🥨").status_code == 503
        folder.unlink()
        assert client.post("/openheart/hello", content="🥨").json() == {"🥨": 1}
    assert served.stop() == 0


def test_gunicorn_leaves_nothing_in_the_folder_of_its_user(start_server: StartServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    served = start_server(SERVER="gunicorn", HOME=str(home), XDG_RUNTIME_DIR="")
    assert httpx.get(f"{served.url}/openheart/hello", timeout=PATIENCE).json() == {}
    assert list(home.iterdir()) == []
    assert served.stop() == 0
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("server", SERVERS)
def test_a_port_that_the_system_chose_is_told(start_server: StartServer, server: str) -> None:
    served = start_server(SERVER=server, PORT="0")
    assert httpx.post(f"{served.url}/openheart/hello", content="🥨", timeout=PATIENCE).json() == {"🥨": 1}
    assert served.stop() == 0


def test_a_storage_that_works_is_only_named(
    start_server: StartServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    served = start_server()
    assert served.stop() == 0
    assert "WARNING" not in capfd.readouterr().err
    assert stored(tmp_path) == {}


def test_two_worker_processes_share_the_counts(start_server: StartServer) -> None:
    served = start_server(SERVER="gunicorn", SERVER_WORKERS="2", SERVER_THREADS="2")
    for _ in range(20):
        assert httpx.post(f"{served.url}/openheart/hello", content="🥨", timeout=PATIENCE).status_code == 200
    for _ in range(10):
        assert httpx.get(f"{served.url}/openheart/hello", timeout=PATIENCE).json() == {"🥨": 20}
    assert served.stop() == 0


def test_debug_level_on_loopback_is_the_development_server(start_server: StartServer) -> None:
    served = start_server(LEVEL="DEBUG")
    # The process that reloads says so, and the one that serves says so again.
    url = served.line()
    assert httpx.get(f"{url}/openheart/hello", timeout=PATIENCE).json() == {}
    console = httpx.get(f"{url}/?__debugger__=yes&cmd=resource&f=style.css", timeout=PATIENCE)
    assert console.status_code == 200
    assert served.stop() == 0
    assert is_free(url)


def test_an_app_that_the_reloader_starts_again_goes_on_counting(
    start_server: StartServer, tmp_path: Path
) -> None:
    served = start_server(LEVEL="DEBUG")
    url = served.line()
    before = httpx.post(f"{url}/openheart/hello", content="🥨", timeout=PATIENCE).json()
    script = tmp_path / "served.py"

    script.write_text(f"{script.read_text()}\n# changed\n")

    url = served.line()
    after = httpx.post(f"{url}/openheart/hello", content="🥨", timeout=PATIENCE).json()
    assert (before, after) == ({"🥨": 1}, {"🥨": 2})


def run(*lines: str, **variables: str) -> subprocess.CompletedProcess[str]:
    program = "\n".join(["import openheart", "openheart.load(name='one', uri='memory:')", *lines])
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("server", SERVERS)
def test_a_unix_socket_is_served_by_every_server_and_removed_at_the_end(
    start_server: StartServer, server: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own paths may be too long
        path = Path(folder) / "openheart.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        served = start_server(SERVER=server, HOST=f"unix:{path}")
        assert served.url == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://site.example", timeout=PATIENCE) as client:
            assert client.post("/openheart/hello", content="🥨").json() == {"🥨": 1}
        taken = run("openheart.run()", SERVER=server, HOST=f"unix:{path}")
        assert f"HOST='unix:{path}' (from the environment)" in taken.stderr
        assert "stop the program that listens there" in taken.stderr
        assert served.stop() == 0
        assert not path.exists()


@pytest.mark.parametrize("server", SERVERS)
def test_an_address_with_brackets_is_taken_as_the_log_prints_it(
    start_server: StartServer, server: str
) -> None:
    served = start_server(SERVER=server, HOST="[::1]")
    assert served.url.startswith("http://[::1]:")
    assert httpx.get(f"{served.url}/openheart/hello", timeout=PATIENCE).json() == {}
    assert served.stop() == 0


def test_honest_connections_that_are_kept_do_not_fill_the_server(start_server: StartServer) -> None:
    served = start_server()
    port = urlsplit(served.url).port
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert httpx.get(f"{served.url}/openheart/hello", timeout=PATIENCE).json() == {}
    assert served.stop() == 0


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="this system does not tell limits")
def test_a_higher_limit_of_connections_has_the_files_that_it_needs(start_server: StartServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        served = start_server(SERVER_CONNECTION_LIMIT="1500")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = Path(f"/proc/{served.process.pid}/limits").read_text()
    allowed = re.search(r"Max open files +(\d+)", limits)
    assert allowed is not None
    assert int(allowed[1]) == min(2000, hard)
    assert served.stop() == 0


def test_a_full_server_says_what_to_set(start_server: StartServer, capfd: pytest.CaptureFixture[str]) -> None:
    served = start_server(SERVER_CONNECTION_LIMIT="5")
    port = urlsplit(served.url).port
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        said = ""
        while "SERVER_CONNECTION_LIMIT" not in said:
            said += capfd.readouterr().err
        assert "5 connections are open, and others wait until one is closed" in said
    assert httpx.get(f"{served.url}/openheart/hello", timeout=PATIENCE).json() == {}
    assert served.stop() == 0


@pytest.mark.parametrize("server", SERVERS)
def test_a_taken_port_is_one_line_that_names_PORT(server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("openheart.run()", SERVER=server, PORT=port)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"PORT={port} (from the environment)" in done.stderr
    assert "another program listens" in done.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HOST": "192.0.2.1"}, "HOST='192.0.2.1'.*an address of this machine"),
        ({"HOST": "no host"}, "HOST='no host'.*address of this machine"),
        ({"HOST": "unix:/no/such/folder/x"}, "HOST='unix:/no.*a folder where this user may write"),
        ({"HOST": "unix:/tmp"}, "HOST='unix:/tmp'.*a path that is free"),
        ({"SERVER": "gunicorn", "SERVER_BIND": "unix:x"}, "SERVER_BIND='unix:x'.*HOST and PORT instead"),
        ({"SERVER": "granian", "SERVER_UDS": "x"}, "SERVER_UDS='x'.*HOST=unix:/run/openheart.sock is a Unix"),
        ({"SERVER_UNIX_SOCKET": "x"}, "SERVER_UNIX_SOCKET='x'.*expected HOST and PORT instead"),
        ({"SERVER_BOGUS": "1"}, "SERVER_BOGUS='1'.*an option of waitress"),
        ({"SERVER": "gunicorn", "SERVER_BOGUS": "1"}, "SERVER_BOGUS='1'.*an option of gunicorn"),
        ({"SERVER": "granian", "SERVER_BOGUS": "1"}, "SERVER_BOGUS='1'.*an option of granian"),
        ({"SERVER": "granian", "SERVER_BACKLOG": "x"}, "SERVER_BACKLOG='x'.*an option of granian"),
        ({"SERVER": "werkzeug", "SERVER_BACKLOG": "5"}, "SERVER_BACKLOG='5'.*werkzeug has no options"),
    ],
)  # fmt: skip
def test_what_a_server_cannot_do_is_one_line_that_names_the_setting(
    variables: dict[str, str], expected: str
) -> None:
    done = run("openheart.run(port=0)", **variables)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert re.search(expected, done.stderr)


@pytest.mark.parametrize(
    ("given", "variables", "source"),
    [
        ("server='Netius'", {}, "a command flag"),
        ("", {"SERVER": "netius"}, "the environment"),
        ("", {"SERVER": "netius", "LEVEL": "WARNING"}, "the environment"),
    ],
)
def test_a_server_that_is_not_known_is_a_warning_with_those_there_are_and_the_default_serves(
    given: str, variables: dict[str, str], source: str
) -> None:
    stop = "ready=lambda url: os.kill(os.getpid(), signal.SIGTERM)"
    done = run("import os, signal", f"openheart.run({stop}, port=0, {given})", "print('served')", **variables)
    assert (done.returncode, done.stdout) == (0, "served\n")
    warning = next(line for line in done.stderr.splitlines() if "WARNING" in line)
    assert warning.endswith(
        f"SERVER=netius (from {source}) is not a server that openheart knows: choose one of waitress, "
        "gunicorn, granian, werkzeug. waitress serves now"
    )


def test_the_level_given_to_run_is_that_of_the_logs_while_it_serves() -> None:
    log = "lambda url: (app.logger.info('of the app'), os.kill(os.getpid(), signal.SIGTERM))"
    for level, shown in (("WARNING", False), ("INFO", True)):
        done = run(
            "import os, signal, logging",
            "app = openheart.get_app()",
            f"openheart.run(ready={log}, port=0, level='{level}')",
            "print(app.logger.level, logging.getLogger('openheart').level)",
        )
        assert done.stdout == "20 20\n"
        assert ["Listening at" in done.stderr, "of the app" in done.stderr] == [shown, shown]


def test_a_server_that_is_not_installed_says_how_to_get_it() -> None:
    hide = "import sys; sys.modules['gunicorn'] = None"
    done = run(hide, "openheart.run(port=0)", SERVER="gunicorn")
    assert done.returncode == 1
    assert "pip install 'openheart[gunicorn]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_extras_that_the_messages_name_exist() -> None:
    extras = importlib.metadata.metadata("openheart").get_all("Provides-Extra") or []
    assert {"gunicorn", "granian"} <= set(extras)


def test_an_option_of_the_server_reaches_it(start_server: StartServer) -> None:
    served = start_server(SERVER_IDENT="teapot")
    assert httpx.get(f"{served.url}/openheart/hello", timeout=PATIENCE).headers["Server"] == "teapot"
    assert served.stop() == 0


def test_options_that_belong_together_reach_the_server(start_server: StartServer) -> None:
    served = start_server(SERVER_TRUSTED_PROXY="127.0.0.1", SERVER_TRUSTED_PROXY_HEADERS="x-forwarded-proto")
    document = httpx.get(
        f"{served.url}/openheart/-/healthz", headers={"X-Forwarded-Proto": "https"}, timeout=PATIENCE
    )
    assert document.status_code == 200
    assert served.stop() == 0


@pytest.mark.parametrize("server", SERVERS)
def test_what_waits_in_the_background_is_finished_when_the_server_stops(
    start_server: StartServer, server: str
) -> None:
    receiver = Receiver()
    try:
        served = start_server(
            SERVER=server,
            OPENHEART_URI="memory:",
            OPENHEART_WEBHOOK=receiver.url,
            OPENHEART_WEBHOOK_PRIVATE="on",
            OPENHEART_WEBHOOK_SECRET="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD5d+YTMkOHBE=",
            OPENHEART_WEBHOOK_WAIT="1h",
        )
        httpx.post(f"{served.url}/openheart/hello", content="🥨", timeout=PATIENCE).raise_for_status()
        assert receiver.requests == []
        assert served.stop() == 0
        assert len(receiver.requests) == 1
    finally:
        receiver.stop()


LOSES_A_SIGNAL = """
import signal
import granian._signals as signals

def set_lossy_signals(made=signals.set_sync_signals):
    event = made()
    for number in (signal.SIGINT, signal.SIGTERM):
        def handle(number, frame, lost=[], kept=signal.getsignal(number)):
            kept(number, frame) if lost else lost.append(number)
        signal.signal(number, handle)
    return event

# As granian itself does with one that comes before its worker waits for it.
signals.set_sync_signals = set_lossy_signals
"""


@pytest.mark.parametrize("app", [LOSES_A_SIGNAL + APP])
def test_a_worker_of_granian_that_loses_the_signal_gets_it_again(start_server: StartServer) -> None:
    served = start_server(SERVER="granian", SERVER_GRACE="300s")
    assert httpx.post(f"{served.url}/openheart/page", content="🥨").json() == {"🥨": 1}
    assert served.stop() == 0
