from __future__ import annotations

import pytest

from openheart.system.exits import at_exit

from ..child import run_child

BEGIN = """
import multiprocessing, os
from openheart.system.exits import at_exit
def end():
    print("ended", os.getpid() == own, flush=True)
own = os.getpid()
"""
CHILD = "child = multiprocessing.get_context('fork').Process(target={}); child.start(); child.join()\n"


@pytest.mark.parametrize(
    "code",
    [
        "at_exit(end)",
        "at_exit(end); raise SystemExit",
        "def work():\n    global own\n    own = os.getpid()\n    at_exit(end)\n" + CHILD.format("work"),
    ],
)
def test_it_is_called_at_the_end_of_a_process(code: str) -> None:
    assert run_child(BEGIN + code) == "ended True\n"


@pytest.mark.parametrize(
    "code",
    [
        "at_exit(end)\n" + CHILD.format("print"),
        "at_exit(end)\nchild = os.fork()\nif not child: raise SystemExit\nos.waitpid(child, 0)",
    ],
)
def test_a_forked_process_does_not_call_it(code: str) -> None:
    assert run_child(BEGIN + code).strip() == "ended True"


def test_it_can_be_taken_back_twice() -> None:
    assert run_child(BEGIN + "back = at_exit(end)\nback()\nback()") == ""
    take_back = at_exit(print)
    take_back()
