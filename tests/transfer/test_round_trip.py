from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from ..servers.mongodb import MongoServer
from ..servers.valkey import Server

# It moves much data, which takes long; once, on one Python, is enough.
pytestmark = pytest.mark.slow

MOST_MEMORY = 100 * 1024 * 1024

MEASURED = r"""
import re, resource, sys
from openheart.cli import main
try:
    main()
finally:
    try:
        with open("/proc/self/status") as file:
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])
    except OSError:
        # This counts the process that started it too, before it became this program.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("peak", "w") as file:
        print(peak * 1024, file=file)
"""


def openheart(*arguments: str, uri: str = "memory:") -> None:
    """Run the command in a process of its own, which must end well and stay small, and say what it took."""
    began = time.monotonic()
    environment = {**os.environ, "OPENHEART_URI": uri, "OPENHEART_MONGODB_TIMEOUT": "60s"}
    subprocess.run([sys.executable, "-c", MEASURED, *arguments], env=environment, check=True)
    peak = int(Path("peak").read_text())
    kinds = [part.partition(":")[0] for part in (*arguments, uri) if ":" in part and part != "memory:"]
    print(
        json.dumps(
            {
                "command": " ".join([arguments[0], *kinds]),
                "seconds": round(time.monotonic() - began),
                "peak MB": round(peak / 1024**2, 1),
            }
        )
    )
    assert peak < MOST_MEMORY


def write_targets(path: Path, number: int) -> None:
    chance = random.Random(1)
    emoji = ["❤️", "🥨", "👍", "🎉", "😂"]
    with path.open("w", encoding="utf-8") as file:
        for each in range(number):
            counts = {
                one: chance.randint(1, 1000) for one in sorted(chance.sample(emoji, chance.randint(1, 3)))
            }
            row = {"target": f"example.com/blog/{each:07}", "counts": counts}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def sorted_digest(path: Path) -> str:
    """What `sort | sha256sum` says."""
    return hashlib.sha256(b"".join(sorted(path.read_bytes().splitlines(keepends=True)))).hexdigest()


def go_round(valkey: Server, mongodb: MongoServer, number: int) -> None:
    uris = ["sqlite:///one.db", valkey.uri, "sqlite:///two.db", mongodb.uri, "sqlite:///three.db"]
    write_targets(Path("in.jsonl"), number)
    openheart("import", "in.jsonl", uri=uris[0])
    for source, to in itertools.pairwise(uris):
        openheart("migrate", source, to)
    with Path("out.jsonl").open("wb") as file:
        command = [sys.executable, "-m", "openheart", "export"]
        subprocess.run(command, env={**os.environ, "OPENHEART_URI": uris[-1]}, check=True, stdout=file)
    openheart("export", "again.jsonl", uri=uris[-1])
    assert sorted_digest(Path("out.jsonl")) == sorted_digest(Path("in.jsonl"))
    assert sorted_digest(Path("again.jsonl")) == sorted_digest(Path("in.jsonl"))


@pytest.mark.slow
def test_targets_go_through_every_storage_and_come_back_the_same(
    valkey_server: Server, mongodb_set: MongoServer
) -> None:
    valkey_server.empty()
    mongodb_set.empty()
    go_round(valkey_server, mongodb_set, 3000)


@pytest.mark.torture
def test_a_million_targets_go_through_every_storage_and_come_back_the_same(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "valkey") as valkey,
        closing(MongoServer("replica-set", tmp_path / "mongodb", large=True)) as mongodb,
    ):
        go_round(valkey, mongodb, 1_000_000)
