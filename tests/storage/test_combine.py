from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

import pytest

from openheart.errors import BackendUnavailable, BackendUnusable, OutcomeUnknown, QueueFull
from openheart.storage import Change, combine
from openheart.storage.combine import LARGEST_GROUP, Combiner, Job

from ..waiting import PATIENCE, until


class Gate:
    """A commit that waits at a gate, and remembers its groups."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.groups: list[int] = []
        self.entered = threading.Event()
        self.open = threading.Event()

    def commit(self, group: Sequence[Job]) -> None:
        self.groups.append(len(group))
        self.entered.set()
        assert self.open.wait(PATIENCE)
        if self.error:
            raise self.error
        for job in group:
            job.answers = [{change.emoji: 1} for change in job.changes]


def start(work: Callable[[], object], outcomes: list[object]) -> threading.Thread:
    def run() -> None:
        try:
            outcomes.append(work())
        except BaseException as error:
            outcomes.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for_queue(group: Combiner, length: int) -> None:
    waiting = threading.Event()
    while len(group._queue) != length:
        assert not waiting.wait(0.001)


def filled(
    gate: Gate, waiting: int, *, limit: int = 100, patience: float = PATIENCE
) -> tuple[Combiner, list[threading.Thread], list[object]]:
    """A group commit with one commit under way and others that wait behind it."""
    group = Combiner(gate.commit, limit=limit, patience=patience)
    outcomes: list[object] = []
    threads = [start(lambda: group.apply([Change("page", "🥨")]), outcomes)]
    assert gate.entered.wait(PATIENCE)
    threads += [start(lambda: group.apply([Change("page", "🥨")]), outcomes) for _ in range(waiting)]
    wait_for_queue(group, waiting)
    return group, threads, outcomes


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_those_who_wait_are_committed_together() -> None:
    gate = Gate()
    _, threads, outcomes = filled(gate, 7)
    gate.open.set()
    join(threads)
    assert gate.groups == [1, 7]
    assert outcomes == [[{"🥨": 1}]] * 8


def test_a_full_queue_refuses_at_once() -> None:
    gate = Gate()
    group, threads, outcomes = filled(gate, 3, limit=3)
    with pytest.raises(QueueFull, match="OPENHEART_QUEUE"):
        group.apply([Change("page", "🥨")])
    gate.open.set()
    join(threads)
    assert outcomes == [[{"🥨": 1}]] * 4


def test_a_failure_reaches_each_of_the_group_as_an_error_of_its_own() -> None:
    gate = Gate(BackendUnusable("the disk is full"))
    _, threads, outcomes = filled(gate, 3)
    gate.open.set()
    join(threads)
    assert [str(outcome) for outcome in outcomes] == ["the disk is full"] * 4
    assert len({id(outcome) for outcome in outcomes}) == 4


def test_an_interruption_of_the_one_who_commits_does_not_leave_the_others_waiting() -> None:
    gate = Gate(KeyboardInterrupt())
    _, threads, outcomes = filled(gate, 3)
    gate.open.set()
    join(threads)
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["KeyboardInterrupt", "KeyboardInterrupt", "OutcomeUnknown", "OutcomeUnknown"]
    assert any("read the counts" in str(each) for each in outcomes if isinstance(each, OutcomeUnknown))


def test_who_waits_too_long_is_withdrawn_and_not_committed() -> None:
    gate = Gate()
    group, threads, outcomes = filled(gate, 0, patience=0.01)
    with pytest.raises(BackendUnavailable, match="given up"):
        group.apply([Change("page", "🥨")])
    gate.open.set()
    join(threads)
    assert gate.groups == [1]
    assert outcomes == [[{"🥨": 1}]]


def test_a_group_ends_at_its_largest_size_and_a_larger_job_goes_alone() -> None:
    gate = Gate()
    group, threads, outcomes = filled(gate, 0)
    large = [Change("page", "🥨")] * (LARGEST_GROUP + 1)
    half = [Change("page", "🥨")] * (LARGEST_GROUP // 2)
    for number, changes in enumerate((large, half, half, half)):
        threads.append(start(lambda changes=changes: group.apply(changes), outcomes))  # type: ignore[misc]
        wait_for_queue(group, number + 1)
    gate.open.set()
    join(threads)
    assert gate.groups == [1, 1, 2, 1]


def test_a_pause_finishes_what_waits_and_holds_what_comes() -> None:
    gate = Gate()
    group, threads, outcomes = filled(gate, 2)
    gate.open.set()
    assert group.pause(PATIENCE)
    assert sum(gate.groups) == 3
    threads.append(start(lambda: group.apply([Change("page", "🥨")]), outcomes))
    wait_for_queue(group, 1)
    assert sum(gate.groups) == 3
    group.resume()
    join(threads)
    assert sum(gate.groups) == 4
    assert outcomes == [[{"🥨": 1}]] * 4


def test_a_pause_gives_up_while_a_commit_goes_on() -> None:
    gate = Gate()
    group, threads, _ = filled(gate, 0)
    assert not group.pause(0.01)
    gate.open.set()
    join(threads)


def test_a_pause_ends_though_new_jobs_never_stop_coming() -> None:
    groups: list[int] = []

    def commit(jobs: Sequence[Job]) -> None:
        groups.append(len(jobs))
        assert len(groups) < 10
        for job in jobs:
            job.answers = [{}]
        if len(groups) < 5:
            group._queue.append(late := Job([Change("page", "🥨")]))
            came.append(late)

    group = Combiner(commit, limit=100, patience=PATIENCE)
    came = [Job([Change("page", "🥨")]), Job([Change("page", "🥨")])]
    group._queue.extend(came)
    assert group.pause(PATIENCE)
    assert groups == [2]
    group.resume()
    while not came[-1].is_done:
        group.apply([Change("page", "🥨")])
    assert all(job.is_done for job in came)


def test_a_pause_that_has_no_time_left_commits_nothing_and_forgets_nothing() -> None:
    gate = Gate()
    gate.open.set()
    group = Combiner(gate.commit, limit=100, patience=PATIENCE)
    job = Job([Change("page", "🥨")])
    group._queue.append(job)
    assert not group.pause(0.0)
    assert gate.groups == []
    assert group.apply([Change("page", "🥨")]) == [{"🥨": 1}]
    assert gate.groups == [2]
    assert job.answers == [{"🥨": 1}]


def test_who_is_called_to_commit_and_gives_up_calls_the_next() -> None:
    gate = Gate()
    group, threads, outcomes = filled(gate, 0, patience=0.01)
    gives_up, go_on = threading.Event(), threading.Event()
    withdraw = group._withdraw

    def slow(job: Job) -> bool:
        gives_up.set()
        assert go_on.wait(PATIENCE)
        return withdraw(job)

    group._withdraw = slow  # type: ignore[method-assign]
    threads.append(start(lambda: group.apply([Change("page", "🥨")]), outcomes))
    assert gives_up.wait(PATIENCE)
    group._patience = 2 * PATIENCE
    threads.append(start(lambda: group.apply([Change("page", "🥨")]), outcomes))
    wait_for_queue(group, 2)
    gate.open.set()
    threads[0].join(PATIENCE)
    go_on.set()
    join(threads)
    assert gate.groups == [1, 1]
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["BackendUnavailable", "list", "list"]


def test_who_waited_too_long_commits_if_nobody_else_does() -> None:
    gate = Gate()
    gate.open.set()
    group = Combiner(gate.commit, limit=100, patience=0.01)
    assert group.pause()
    tries: list[Job] = []
    lead = group._lead

    def late(job: Job) -> bool:
        tries.append(job)
        if len(tries) == 2:
            group._turn.release()
        return lead(job)

    group._lead = late  # type: ignore[method-assign]
    assert group.apply([Change("page", "🥨")]) == [{"🥨": 1}]
    assert gate.groups == [1]


def test_who_is_interrupted_while_it_waits_is_not_committed_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(Job):
        def __init__(self, changes: Sequence[Change]) -> None:
            super().__init__(changes)
            self.woken = InterruptedLock()  # type: ignore[assignment]

    class InterruptedLock:
        def acquire(self, timeout: float) -> bool:
            raise KeyboardInterrupt

        def release(self) -> None:
            """Nobody waits for it."""

    gate = Gate()
    group, threads, outcomes = filled(gate, 0)
    with monkeypatch.context() as patch:
        patch.setattr(combine, "Job", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            group.apply([Change("page", "🥨")])
    assert not group._queue
    threads.append(start(lambda: group.apply([Change("page", "🥨")]), outcomes))
    wait_for_queue(group, 1)
    gate.open.set()
    join(threads)
    assert gate.groups == [1, 1]
    assert outcomes == [[{"🥨": 1}]] * 2


class Interruption(BaseException):
    """It comes from outside, as Ctrl-C does."""


def interrupted_at(step: int, work: Callable[[], object]) -> object:
    """Do the work, interrupted as it enters the step-th function of the combiner."""
    entered = 0

    def trace(frame: FrameType, event: str, argument: object) -> None:
        nonlocal entered
        entered += frame.f_code.co_filename == combine.__file__
        if entered == step:
            raise Interruption

    sys.settrace(trace)
    try:
        return work()
    finally:
        sys.settrace(None)


@pytest.mark.parametrize("step", range(1, 8))
def test_an_interruption_at_any_step_leaves_nobody_waiting(step: int) -> None:
    gate = Gate()
    group, threads, outcomes = filled(gate, 0)

    def react() -> object:
        return group.apply([Change("page", "🥨")])

    interrupted: list[object] = []
    others: list[object] = []
    victim = start(lambda: interrupted_at(step, react), interrupted)
    until(lambda: len(group._queue) == victim.is_alive())
    behind = start(react, others)
    until(lambda: len(group._queue) == 1 + victim.is_alive())
    gate.open.set()
    join([*threads, victim, behind])
    join([start(react, others)])
    assert [type(each) for each in interrupted] == [Interruption]
    assert outcomes == [[{"🥨": 1}]]
    assert isinstance(others[0], list | OutcomeUnknown)
    assert others[1] == [{"🥨": 1}]
    assert group.is_idle
