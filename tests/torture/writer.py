"""A process that adds reactions from many threads until it is told to stop, or killed.

Run as ``python -m tests.torture.writer URI THREADS PAGES JOURNAL``. Each reaction goes to one of PAGES pages
and, in the same call, to a target of its own. Its name goes into the journal once it was acknowledged, so
whoever kills this process knows what must be stored. A line on standard input is the sign to start, its end
the sign to stop; then it prints one line of JSON:
``{"acknowledged": n, "errors": [...], "seconds": [every latency]}``.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time

from openheart.errors import BackendError
from openheart.storage import Change

from ..engines import Engine, get_engine

HEART = "❤️"


def main(uri: str, threads: int, pages: int, journal: str) -> None:
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    stop = threading.Event()
    seconds: list[float] = []
    errors: list[str] = []
    with get_engine(uri) as backend:
        workers = [
            threading.Thread(target=write, args=(backend, number, pages, descriptor, stop, seconds, errors))
            for number in range(threads)
        ]
        print("ready", flush=True)
        sys.stdin.readline()
        for worker in workers:
            worker.start()
        sys.stdin.read()
        stop.set()
        for worker in workers:
            worker.join()
    print(json.dumps({"acknowledged": len(seconds), "errors": errors, "seconds": seconds}), flush=True)


def write(
    backend: Engine,
    number: int,
    pages: int,
    journal: int,
    stop: threading.Event,
    seconds: list[float],
    errors: list[str],
) -> None:
    choose = random.Random(f"{os.getpid()}-{number}")
    turn = 0
    while not stop.is_set():
        turn += 1
        own = f"own/{os.getpid()}-{number}-{turn}"
        page = f"page/{choose.randrange(pages)}"
        start = time.perf_counter()
        try:
            backend.apply((Change(page, HEART), Change(own, HEART)))
        except BackendError as error:
            errors.append(f"{type(error).__name__}: {error}")
            continue
        seconds.append(time.perf_counter() - start)
        # One write of one short line: the kernel keeps lines of several threads and processes apart.
        os.write(journal, f"{own} {page}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
