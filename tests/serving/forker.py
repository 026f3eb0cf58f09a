"""A program that forks while its threads react, and whose children react too.

Run as ``python -m tests.serving.forker BEFORE CHILDREN THREADS TURNS`` with the settings in the environment;
BEFORE is ``used`` or ``fresh``: whether the storage was used before the first fork. Each process leaves a
file ``tally-N.json`` in the current folder.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from pathlib import Path

import openheart

from .reactor import Tally, react_from_threads

__all__: list[str] = []


def main(before: str, children: int, threads: int, turns: int) -> None:
    faulthandler.register(signal.SIGPROF, all_threads=True)
    openheart.load(name="forker")
    if before == "used":
        openheart.react("pre", "🥨")
    forked = threading.Event()
    turned = threading.Semaphore(0)
    tally = Tally()

    def is_done(turn: int) -> bool:
        turned.release()
        return turn >= turns and forked.is_set()

    def load() -> None:
        try:
            tally.add(react_from_threads(openheart.react, range(threads), is_done))
        finally:
            turned.release(children * threads)

    loading = threading.Thread(target=load)
    loading.start()
    started = []
    for child in range(1, children + 1):
        # Each fork is some turns after the one before; the first is at the first use, if there was none.
        for _ in range(threads):
            turned.acquire()
        process = os.fork()
        if process == 0:
            numbers = range(child * threads, (child + 1) * threads)
            react_from_threads(openheart.react, numbers, lambda turn: turn >= turns).save(
                Path(f"tally-{child}.json")
            )
            # As any program ends, with what it has registered for its end.
            sys.exit()
        started.append(process)
    forked.set()
    loading.join()
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in started]
    tally.save(Path("tally-0.json"))
    openheart.unload()
    sys.exit(f"children ended with {codes}" if any(codes) else 0)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
