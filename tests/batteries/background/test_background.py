from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from flask import Flask, current_app, g

import openheart
from openheart import OpenHeart, run_back, run_background
from openheart.batteries import battery_of
from openheart.batteries.background import thread_pool
from openheart.batteries.background.battery import Background
from openheart.errors import BatteryError, ConfigError, OpenHeartError

from ...child import run_child
from ...waiting import PATIENCE, until

T = TypeVar("T")


class Gate:
    """Work that begins, and ends when the test lets it."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self) -> None: ...

    def __repr__(self) -> str:
        return "what it holds"

    def pass_through(self) -> str:
        self.begun.release()
        assert self.opened.wait(PATIENCE)
        return "through"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


def load(**settings: Any) -> Flask:
    return openheart.load(name="one", uri="memory:", server_grace=PATIENCE, **settings)


def taken(future: Future[T] | None) -> Future[T]:
    assert future is not None
    return future


def value(future: Future[T] | None) -> T:
    return taken(future).result(PATIENCE)


def test_work_runs_in_another_thread_and_the_future_has_its_result() -> None:
    load()
    here = threading.get_ident()
    thread, args, kwargs = value(
        run_background(lambda *a, **k: (threading.get_ident(), a, k), (1, 2), {"three": 3})
    )
    assert thread != here
    assert (args, kwargs) == ((1, 2), {"three": 3})


def test_a_description_is_what_the_log_calls_it(caplog: pytest.LogCaptureFixture) -> None:
    load()
    failed = run_back(int, ["x"], description="the count of\nvisits")
    with pytest.raises(ValueError, match="invalid literal"):
        value(failed)
    assert "Work in the background failed: the count of\\nvisits" in caplog.text


def test_run_back_takes_the_same_arguments() -> None:
    load()
    assert value(run_back(max, (1, 2), target_time=time.time())) == 2


def test_an_app_context_of_the_app_that_called_is_active_in_work_and_callback() -> None:
    one, two = Flask("one"), Flask("two")
    for app in (one, two):
        OpenHeart(app, env=False, uri="memory:")
    seen: list[str] = []
    for app in (one, two):
        with app.app_context():
            g.mine = "not there"
            future = run_background(
                lambda: (current_app.name, "mine" in g),
                callback=lambda result, error: seen.append(current_app.name),
            )
        assert value(future) == (app.name, False)
    assert seen == ["one", "two"]
    for app in (one, two):
        battery_of(Background, app).close()


def test_each_piece_of_work_has_a_context_of_its_own() -> None:
    app = load(openheart_background_threads=1)
    ended: list[object] = []
    app.teardown_appcontext(ended.append)

    def work() -> bool:
        before = "mine" in g
        g.mine = 1
        return before

    assert [value(run_back(work)) for _ in range(3)] == [False] * 3
    assert ended == [None] * 3


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda seen: lambda result=None, error=None: seen.append((result, error)), [("done", None)]),
        (lambda seen: lambda error, result: seen.append((result, error)), [("done", None)]),
        (lambda seen: lambda value, error=None: seen.append((value, error)), [("done", None)]),
        (lambda seen: lambda error=None, force=False: seen.append((error, force)), [(None, False)]),
        (lambda seen: lambda **told: seen.append(told), [{"result": "done", "error": None}]),
    ],
)
def test_a_callback_is_given_the_result_as_it_takes_it(
    make: Callable[[list[object]], Callable[..., object]], expected: list[object]
) -> None:
    load()
    seen: list[object] = []
    value(run_background(lambda: "done", callback=make(seen)))
    assert seen == expected


def test_a_callback_is_given_the_error_as_error() -> None:
    load()
    seen: list[tuple[object, object]] = []
    future: Future[object] | None = run_background(
        lambda: [][1], callback=lambda result=None, error=None: seen.append((result, error))
    )
    error = taken(future).exception(PATIENCE)
    assert isinstance(error, IndexError)
    assert seen == [(None, error)]


def test_what_work_and_callbacks_raise_is_logged_and_the_thread_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    load(openheart_background_threads=1)

    def fails() -> None:
        raise SystemExit("the work")

    def fails_too(error: object) -> None:
        raise RuntimeError("the callback")

    assert isinstance(taken(run_back(fails, callback=fails_too)).exception(PATIENCE), SystemExit)
    assert value(run_back(lambda: 1)) == 1
    name = f"{__name__}.test_what_work_and_callbacks_raise_is_logged_and_the_thread_goes_on.<locals>.fails"
    assert [record.getMessage() for record in caplog.records] == [
        f"The callback of work in the background failed: {name}",
        f"Work in the background failed: {name}",
    ]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "the callback",
        "the work",
    ]


def test_a_name_cannot_look_like_a_line_of_the_log_and_arguments_stay_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    load()

    def work(secret: str) -> None:
        raise ValueError

    work.__qualname__ = "work\n2026-01-01 INFO forged"
    taken(run_back(functools.partial(work, "hunter2"))).exception(PATIENCE)
    assert "work\\n2026-01-01 INFO forged" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]
    assert "hunter2" not in caplog.messages[0]


@pytest.mark.parametrize(
    "when",
    [
        lambda: time.time() + 0.2,
        lambda: datetime.now() + timedelta(seconds=0.2),
        lambda: datetime.now(UTC) + timedelta(seconds=0.2),
    ],
)
def test_work_waits_for_its_time(when: Callable[[], float | datetime]) -> None:
    load()
    began = time.time()
    ended = value(run_background(time.time, target_time=when()))
    assert 0.19 <= ended - began < PATIENCE


def test_a_time_that_has_passed_is_at_once() -> None:
    load()
    assert value(run_background(lambda: 1, target_time=0)) == 1


def test_work_of_one_time_runs_in_the_order_in_which_it_came_and_none_waits_behind_later_work() -> None:
    load(openheart_background_threads=1)
    order: list[int] = []
    now = time.time()
    futures = [run_back(order.append, (number,), target_time=now + 0.2) for number in range(20)]
    late = run_back(order.append, (99,), target_time=now + 1000)
    value(run_back(order.append, (-1,)))
    for future in futures:
        value(future)
    # When the one without a time ran is left open: the machine may take long to come to it.
    assert [number for number in order if number >= 0] == list(range(20))
    assert taken(late).cancel()


def test_work_begins_in_the_order_in_which_it_was_given_and_one_after_the_other(gate: Gate) -> None:
    load()
    order: list[object] = []

    def work(number: object) -> None:
        order.append(number)
        time.sleep(0.001)
        order.append(number)

    held = run_back(gate.pass_through)
    assert gate.begun.acquire(timeout=PATIENCE)
    futures: list[Future[Any] | None] = [
        held,
        run_back(work, ("first",)),
        run_back(work, ("long due",), target_time=0),
        run_back(work, (2,)),
    ]
    due = time.time() + 0.05
    futures.append(run_back(work, ("due in a moment",), target_time=due))
    until(lambda: time.time() > due)
    futures += [run_back(work, (3,)), run_back(work, (4,))]
    gate.opened.set()
    for future in futures:
        value(future)
    expected = ["first", "long due", 2, "due in a moment", 3, 4]
    assert order == [number for number in expected for _ in range(2)]


def test_a_time_is_kept_while_other_work_takes_long(gate: Gate) -> None:
    load(openheart_background_threads=2)
    timed = run_back(lambda: "in time", target_time=time.time() + 0.2)
    long = run_back(gate.pass_through)
    assert value(timed) == "in time"
    gate.opened.set()
    assert value(long) == "through"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target_time": "tomorrow"}, "target_time='tomorrow'.*seconds since the epoch, or a datetime"),
        ({"target_time": float("nan")}, "target_time=nan"),
        ({"target_time": True}, "target_time=True"),
        ({"target_time": datetime.min}, "target_time=.*a datetime; "),
        ({"callback": 3}, "callback='builtins.int'.*takes the named argument error"),
        ({"callback": max}, "callback='builtins.max'.*takes the named argument error"),
        ({"callback": lambda: None}, "callback=.*lambda.*takes the named argument error"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    load(execution=False)
    with pytest.raises(ConfigError, match=message):
        run_background(time.time, **arguments)


def test_what_cannot_be_called_is_refused_without_saying_what_it_holds() -> None:
    load()
    with pytest.raises(ConfigError, match=r"callable='a builtins.str'") as caught:
        run_background("s3cret")  # type: ignore[arg-type]
    assert "s3cret" not in str(caught.value)


def test_with_execution_off_nothing_runs_and_the_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    app = load(execution=False)
    seen: list[object] = []
    assert run_background(seen.append, (1,), callback=lambda error: seen.append(error)) is None
    assert not battery_of(Background, app).is_open
    openheart.unload()
    assert seen == []
    monkeypatch.setenv("OPENHEART_EXECUTION", "on")
    load(execution=False)
    assert value(run_back(lambda: "the variable goes before the argument"))


def test_no_more_threads_run_than_openheart_background_threads(gate: Gate) -> None:
    load(openheart_background_threads=3)
    futures = [run_back(gate.pass_through) for _ in range(10)]
    for _ in range(3):
        assert gate.begun.acquire(timeout=PATIENCE)
    assert not gate.begun.acquire(timeout=0.1)
    gate.opened.set()
    assert [value(future) for future in futures] == ["through"] * 10


def test_more_work_than_openheart_background_queue_is_refused_and_the_battery_says_so(gate: Gate) -> None:
    app = load(openheart_background_threads=1, openheart_background_queue=2)
    run_back(gate.pass_through)
    assert gate.begun.acquire(timeout=PATIENCE)
    waiting = [run_back(lambda: 1), run_back(lambda: 2, target_time=time.time() + 1000)]
    with pytest.raises(BatteryError, match=r"background: time\.time is not run.*OPENHEART_BACKGROUND_QUEUE"):
        run_back(time.time)
    health = battery_of(Background, app).health()
    assert health is not None
    assert "OPENHEART_BACKGROUND_QUEUE" in health
    assert taken(waiting[1]).cancel()
    third = run_back(lambda: 3)
    gate.opened.set()
    assert [value(waiting[0]), value(third)] == [1, 3]


def test_closing_waits_for_what_runs_and_what_waits_and_for_what_these_add() -> None:
    load(openheart_background_threads=1)
    done: list[str] = []
    gate = threading.Event()

    def first() -> None:
        gate.wait(PATIENCE)
        done.append("first")
        run_back(done.append, ("added",))

    run_back(first)
    run_back(done.append, ("second",))
    closing = threading.Thread(target=openheart.unload)
    closing.start()
    gate.set()
    closing.join(PATIENCE)
    assert done == ["first", "second", "added"]


def test_what_was_not_run_is_named_without_its_arguments_and_its_future_ends(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    openheart.load(name="one", uri="memory:", server_grace=0, openheart_background_threads=1)
    running = run_back(gate.pass_through)
    assert gate.begun.acquire(timeout=PATIENCE)
    waiting = [run_back(print, ("s3cret",)), run_back(print), run_back(max, (1, 2), target_time=4e9)]
    taken_back = taken(run_back(min, (1, 2)))
    taken_back.cancel()
    openheart.unload()
    for future in waiting:
        with pytest.raises(CancelledError):
            value(future)
    assert caplog.messages == [
        "Work in the background is not run, because the application closed: "
        "builtins.print (2 times), builtins.max",
        "Work in the background still runs after SERVER_GRACE; it ends with the process: "
        f"{__name__}.Gate.pass_through",
    ]
    gate.opened.set()
    assert value(running) == "through"


def test_nothing_begins_once_closing_has_waited_for_what_was_due(
    gate: Gate, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(thread_pool, "time", SimpleNamespace(time=lambda: now[0]))
    load()
    run_back(gate.pass_through, target_time=2000)
    stop = thread_pool.ThreadPool.stop

    def late(self: thread_pool.ThreadPool) -> tuple[list[thread_pool.Work], list[thread_pool.Work]]:
        now[0] = 3000
        with self._changed:
            self._changed.notify_all()
        until(lambda: self._running or not any(thread.is_alive() for thread in self._threads))
        return stop(self)

    monkeypatch.setattr(thread_pool.ThreadPool, "stop", late)
    openheart.unload()
    assert caplog.messages == [
        f"Work in the background is not run, because the application closed: {__name__}.Gate.pass_through"
    ]


def test_work_may_unload_the_application_itself() -> None:
    # It would wait for itself until this is over.
    openheart.load(name="one", uri="memory:", server_grace=5 * PATIENCE)
    value(run_back(openheart.unload))
    assert openheart.APP is None


@pytest.mark.parametrize(
    ("work", "name"),
    [
        (time.sleep, "time.sleep"),
        ([].append, "list.append"),
        (functools.partial(functools.partial(max, 1), 2), "builtins.max"),
        (Gate(), f"{__name__}.Gate"),
        (Gate().pass_through, f"{__name__}.Gate.pass_through"),
    ],
)
def test_work_is_named_by_what_it_is_and_not_by_what_it_holds(
    work: Callable[..., object], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    openheart.load(name="one", uri="memory:", server_grace=0)
    run_back(work, target_time=4e9)
    openheart.unload()
    assert caplog.messages == [f"Work in the background is not run, because the application closed: {name}"]


def test_closing_twice_is_fine_and_the_next_use_opens_it_again() -> None:
    app = load()
    background = battery_of(Background, app)
    background.close()
    assert value(run_back(lambda: 1)) == 1
    background.close()
    background.close()
    assert value(run_back(lambda: 2)) == 2


def test_without_an_app_it_says_what_to_call() -> None:
    with pytest.raises(OpenHeartError, match=r"openheart\.load\(\)"):
        run_back(print)


def test_coroutine_functions_are_run_as_flask_runs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    app = load()
    monkeypatch.setattr(app, "async_to_sync", lambda function: lambda *args: ("run", args))

    async def work(number: int) -> None: ...

    assert value(run_back(work, (1,))) == ("run", (1,))  # type: ignore[comparison-overlap]


EXIT = """
import sys, threading, time
import openheart
openheart.load(name="one", uri="memory:", server_grace=float(sys.argv[1]))
def slow():
    time.sleep(0.3)
    print("done", flush=True)
def stuck():
    threading.Event().wait()
openheart.run_back(slow if sys.argv[2] == "slow" else stuck)
openheart.run_back(print, target_time=4e9)
"""


def test_a_process_that_ends_without_unload_finishes_what_runs() -> None:
    assert run_child(EXIT, 20, "slow") == "done\n"


def test_work_that_never_ends_does_not_keep_the_process() -> None:
    began = time.monotonic()
    run_child(EXIT, 0.2, "stuck")
    assert time.monotonic() - began < PATIENCE


PROCESS = """
import multiprocessing, time
import openheart
openheart.load(name="one", uri="memory:", server_grace=20)
def slow():
    time.sleep(0.3)
    print("done", flush=True)
process = multiprocessing.get_context("fork").Process(target=openheart.run_back, args=(slow,))
process.start()
process.join()
"""


def test_a_process_of_multiprocessing_finishes_what_runs_too() -> None:
    assert run_child(PROCESS) == "done\n"


FORK = """
import os, threading
import openheart
openheart.load(name="one", uri="memory:")
gate, begun = threading.Event(), threading.Event()
def work(): begun.set(); gate.wait(); return os.getpid()
parent = openheart.run_back(work)
begun.wait()
child = os.fork()
if not child:
    assert openheart.run_back(os.getpid).result(20) == os.getpid()
    openheart.unload()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
gate.set()
assert parent.result(20) == os.getpid()
"""


def test_a_fork_has_threads_of_its_own_and_leaves_the_parents_work_alone() -> None:
    run_child(FORK)


def test_nothing_is_logged_for_work_that_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        load()
        value(run_back(lambda: 1))
        openheart.unload()
    assert caplog.messages == []


def test_the_decorator_runs_a_function_once_and_leaves_it_as_it_is() -> None:
    load()
    ran = threading.Event()

    @openheart.background()
    def once() -> str:
        ran.set()
        return "once"

    assert ran.wait(PATIENCE)
    assert once() == "once"


def test_what_is_repeated_goes_on_also_where_as_much_waits_as_may() -> None:
    load(openheart_background_queue=1)
    runs = threading.Semaphore(0)

    @openheart.background(timeout=0.01)
    def often() -> None:
        with contextlib.suppress(BatteryError):
            run_back(print, target_time=4e9)
        runs.release()

    for _ in range(3):
        assert runs.acquire(timeout=PATIENCE)


def test_with_a_timeout_it_runs_again_and_again_also_after_an_error_until_the_app_closes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    load()
    runs = threading.Semaphore(0)

    @openheart.background(timeout=0.01)
    def often() -> None:
        runs.release()
        raise LookupError("no matter")

    for _ in range(3):
        assert runs.acquire(timeout=PATIENCE)
    openheart.unload()
    while runs.acquire(blocking=False):
        pass

    assert not runs.acquire(blocking=False)
    assert "is not run" not in caplog.text


def test_what_is_repeated_and_runs_for_longer_than_the_end_waits_does_not_come_back(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    app = openheart.load(name="one", uri="memory:", server_grace=0)
    threads: list[threading.Thread] = []

    @openheart.background(timeout=0)
    def long() -> None:
        threads.append(threading.current_thread())
        gate.pass_through()

    assert gate.begun.acquire(timeout=PATIENCE)
    openheart.unload()
    gate.opened.set()
    threads[0].join(PATIENCE)
    background = battery_of(Background, app)
    is_open = background.is_open
    background.close()
    assert not is_open
    assert len(threads) == 1
    assert [line.partition(";")[0] for line in caplog.messages] == [
        "Work in the background still runs after SERVER_GRACE"
    ]


@pytest.mark.parametrize("timeout", [-1, float("inf"), float("nan"), "1", True])
def test_a_timeout_that_is_no_length_of_time_is_refused(timeout: Any) -> None:
    load()
    with pytest.raises(ConfigError, match=r"timeout=.*a number of seconds"):
        openheart.background(timeout)(print)
