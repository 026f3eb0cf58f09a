"""What is called at a fork."""

from __future__ import annotations

import gc
import json
import os
import weakref
from pathlib import Path

import pytest

from openheart.storage import Storage
from openheart.system import forks
from openheart.system.forks import at_fork

from ..child import run_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

# Prints what the parent and then the child heard; a test puts its objects at the mark.
FORK = """
import gc, json, os, sys, threading
from openheart.system.forks import at_fork

heard = []
sys.unraisablehook = lambda failed: heard.append([repr(each) for each in failed.exc_value.exceptions])

class Thing:
    def __init__(self, name):
        self.name = name
        at_fork(before=self.before, in_parent=self.in_parent, in_child=self.in_child)
    def before(self):
        heard.append(f"before {self.name}")
    def in_parent(self):
        heard.append(f"parent {self.name}")
    def in_child(self):
        heard.append(f"child {self.name}")

# mark

reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.write(writing, json.dumps(heard).encode())
    os._exit(0)
os.waitpid(child, 0)
os.close(writing)
with open(reading) as pipe:
    print(json.dumps([heard, json.load(pipe)]))
"""


def heard_of(code: str) -> tuple[list[object], list[object]]:
    parent, child = json.loads(run_child(FORK.replace("# mark", code)))
    return parent, child


def test_objects_hear_of_a_fork_before_it_the_last_one_first_and_after_it_the_first_one_first() -> None:
    before = ["before b", "before a"]
    parent, child = heard_of("a, b = Thing('a'), Thing('b')")
    assert parent == [*before, "parent a", "parent b"]
    assert child == [*before, "child a", "child b"]


def test_an_object_that_is_gone_hears_nothing() -> None:
    parent, child = heard_of("a, b = Thing('a'), Thing('b'); del a")
    assert parent == ["before b", "parent b"]
    assert child == ["before b", "child b"]


def test_a_function_is_called_though_nobody_else_keeps_it() -> None:
    parent, child = heard_of("at_fork(in_parent=lambda: heard.append('parent')); gc.collect()")
    assert (parent, child) == (["parent"], [])


@pytest.mark.parametrize("kind", ["ValueError", "KeyboardInterrupt"])
def test_one_that_raises_is_reported_and_stops_no_other(kind: str) -> None:
    code = f"""
class Broken(Thing):
    def in_child(self):
        raise {kind}("broken")
a, b, c = Thing("a"), Broken("b"), Thing("c")
"""
    _, child = heard_of(code)
    assert child[3:] == ["child a", "child c", [f"{kind}('broken')"]]


def test_objects_that_threads_make_at_the_same_time_all_hear_of_it() -> None:
    code = """
things = []
def make(number):
    things.extend([Thing(f"{number} {each}") for each in range(100)])
threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""
    parent, child = heard_of(code)
    assert len(parent) == len(child) == 1600
    assert len({str(each) for each in parent}) == 1600


def test_what_is_made_and_let_go_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **calls: told.append(calls))
    gc.collect()
    registered = (forks._before, forks._in_parent, forks._in_child)
    before = [len(each) for each in registered]
    for _ in range(20):
        with Storage("page", {"OPENHEART_URI": f"sqlite:///{tmp_path}/counts.db"}) as page:
            page.react("🥨")
    del page
    gc.collect()
    assert told == []
    assert [len(each) for each in registered] == before


def test_being_told_of_forks_keeps_no_object_alive() -> None:
    class Thing:
        def __init__(self) -> None:
            at_fork(before=self.hear, in_parent=self.hear, in_child=self.hear)

        def hear(self) -> None:
            pass

    thing = Thing()
    gone = weakref.ref(thing)
    del thing
    assert gone() is None


FORK_WITHOUT_HOOKS = """
import ctypes, os, threading
from openheart.system.forks import PerProcess
lock = PerProcess(threading.Lock)
first = lock.here
assert lock.here is first
first.acquire()
# As a server written in C forks: Python's hooks do not run.
child = ctypes.PyDLL(None).fork()
if child == 0:
    os._exit(0 if lock.here is not first and lock.here is lock.here and not lock.here.locked() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), lock.here is first)
"""


def test_a_child_has_its_own_even_if_python_is_not_told_of_the_fork() -> None:
    assert run_child(FORK_WITHOUT_HOOKS).split() == ["0", "True"]


FORK_DURING_A_BLOCK = """
import json, os, threading
from openheart.system.forks import no_fork
inside, is_over = threading.Event(), threading.Event()
def work():
    with no_fork():
        inside.set()
        waits.wait()
        is_over.set()
waits = threading.Event()
working = threading.Thread(target=work)
working.start()
inside.wait()
threading.Timer(0.1, waits.set).start()
child = os.fork()
if child == 0:
    with no_fork():
        os._exit(0 if is_over.is_set() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with no_fork():
    working.join()
"""


def test_a_fork_waits_for_the_end_of_what_it_must_not_disturb() -> None:
    assert run_child(FORK_DURING_A_BLOCK).strip() == "0"


FORK_AFTER_A_FAILURE = """
import os, sys, threading
from openheart.system.forks import at_fork, no_fork
sys.unraisablehook = lambda failed: None
def fail():
    raise ValueError("broken")
at_fork(in_parent=fail)
def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
fork()
with no_fork():
    print("goes on")
other = threading.Thread(target=fork)
other.start()
other.join()
"""


def test_after_one_that_raised_other_threads_open_and_fork_as_before() -> None:
    assert run_child(FORK_AFTER_A_FAILURE).splitlines() == ["0", "goes on", "0"]
