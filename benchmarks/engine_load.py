"""Load on a server from several processes, each with several threads, in slices."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from .engine_ways import Driver, Way
from .load import EMOJI

__all__ = ["Crew", "Order", "Sum"]

READY = 60.0  # seconds in which a process opens every way
TOGETHER = 0.05  # seconds from an order to its start, so that all processes start at once


@dataclass(frozen=True, slots=True)
class Order:
    """What each process does next.

    Attributes:
        way: the number of the way.
        pages: over how many pages the reactions go; 1 is the hot page.
        threads: how many threads of each process react at once.
        start: when, in monotonic time.
        seconds: for how long.
    """

    way: int
    pages: int
    threads: int
    start: float
    seconds: float


@dataclass(slots=True)
class Sum:
    """What came of one slice.

    Attributes:
        acknowledged: how many reactions were answered with counts.
        broken: how many were answered with an error; they may be stored or not.
        seconds: from the start until the last answer.
        error: the text of the last error.
    """

    acknowledged: int = 0
    broken: int = 0
    seconds: float = 0.0
    error: str = ""

    @property
    def rate(self) -> float:
        """Acknowledged reactions a second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0

    def add(self, other: Sum) -> None:
        """Add what another thread or process did in the same slice."""
        self.acknowledged += other.acknowledged
        self.broken += other.broken
        self.seconds = max(self.seconds, other.seconds)
        self.error = other.error or self.error


class Crew:
    """Processes that are ready to react in each of several ways.

    Args:
        pipes: one to each process.
    """

    def __init__(self, pipes: Sequence[Connection]) -> None:
        self._pipes = pipes
        for pipe in pipes:
            _answer(pipe, READY)

    def slice(self, way: int, pages: int, threads: int, seconds: float) -> Sum:
        """React for some seconds; returns when every answer is there.

        Raises:
            RuntimeError: a process ended.
        """
        order = Order(way, pages, threads, time.monotonic() + TOGETHER, seconds)
        for pipe in self._pipes:
            pipe.send(order)
        total = Sum()
        for pipe in self._pipes:
            total.add(_answer(pipe, seconds + READY))
        return total

    @classmethod
    @contextlib.contextmanager
    def of(cls, processes: int, ways: Sequence[Way], uri: str) -> Iterator[Crew]:
        """Start so many processes with connections of their own; they end with the block.

        Args:
            processes: how many.
            ways: what each opens.
            uri: the server.
        """
        context = multiprocessing.get_context("spawn")
        with contextlib.ExitStack() as stack:
            pipes = []
            for number in range(processes):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, ways, uri, number), daemon=True)
                process.start()
                theirs.close()
                stack.callback(process.join)
                stack.callback(ours.close)
                pipes.append(ours)
            yield cls(pipes)


def _answer(pipe: Connection, patience: float) -> Sum:
    try:
        if pipe.poll(patience):
            answer: Sum = pipe.recv()
            return answer
    except EOFError:
        pass
    raise RuntimeError("a process that makes the load ended or hangs; what it wrote stands above")


def _work(pipe: Connection, ways: Sequence[Way], uri: str, seed: int) -> None:
    drivers = [way.open(uri) for way in ways]
    with contextlib.ExitStack() as stack:
        for driver in drivers:
            stack.callback(driver.close)
        # The pipe ends with the one who orders.
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            pipe.send(Sum())
            while True:
                order: Order = pipe.recv()
                pipe.send(_carry_out(drivers[order.way], order, seed))


def _carry_out(driver: Driver, order: Order, seed: int) -> Sum:
    sums = [Sum() for _ in range(order.threads)]
    threads = [
        threading.Thread(target=_react, args=(driver, order, mine, f"{seed} {number} {order.start}"))
        for number, mine in enumerate(sums)
    ]
    for thread in threads:
        thread.start()
    total = Sum()
    for thread, mine in zip(threads, sums, strict=True):
        thread.join()
        total.add(mine)
    return total


def _react(driver: Driver, order: Order, mine: Sum, seed: str) -> None:
    choose = random.Random(seed).randrange
    end = order.start + order.seconds
    time.sleep(max(0.0, order.start - time.monotonic()))
    while True:
        try:
            driver.react(choose(order.pages), EMOJI[mine.acknowledged % len(EMOJI)])
            mine.acknowledged += 1
        except Exception as error:  # whatever the driver raises is no answer
            mine.broken += 1
            mine.error = f"{type(error).__name__}: {error}"
        # Looked at after the first, so that a machine that stood still makes a short slice, not an empty one.
        if time.monotonic() >= end:
            break
    mine.seconds = time.monotonic() - order.start
