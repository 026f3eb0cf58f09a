"""What the servers of the tests stand on: no two of them get the same port."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .servers.ports import free_port

ROOT = Path(__file__).parents[1]
MANY = 300
ASK = f"from tests.servers.ports import free_port\nfor _ in range({MANY}): print(free_port())\ninput()"


def test_a_port_is_not_given_twice_before_its_server_listens() -> None:
    assert len({free_port() for _ in range(MANY)}) == MANY


def test_two_processes_that_test_beside_each_other_are_given_different_ports() -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", ASK],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    theirs = {int(other.stdout.readline()) for _ in range(MANY)}
    ours = {free_port() for _ in range(MANY)}
    other.communicate("\n")
    assert not theirs & ours
