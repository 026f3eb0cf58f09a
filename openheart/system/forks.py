"""What a fork means to an object with threads, locks or connections: in the child they are its parent's."""

from __future__ import annotations

import itertools
import os
import weakref
from collections.abc import Callable, Iterable
from types import MethodType
from typing import TypeAlias

__all__ = ["at_fork"]

_Call: TypeAlias = Callable[[], None]
_Calls: TypeAlias = dict[int, _Call]  # by number, in the order of the numbers

# They need no lock, which a fork might find held: each step of a dict is one for all threads.
_before: _Calls = {}
_in_parent: _Calls = {}
_in_child: _Calls = {}
_numbers = itertools.count()


def at_fork(
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
    in_child: Callable[[], None] | None = None,
) -> None:
    """Call methods of an object at each fork, for as long as it lives; nothing where a system has no forks.

    Those before a fork are called in reverse order, and those after it in the order in which they came. One
    that raises stops no other; Python reports what it raised to ``sys.unraisablehook``.

    Args:
        before: called before the fork; a bound method does not keep its object alive, any other function
            is called for ever.
        in_parent: called after it in the parent.
        in_child: called after it in the child.
    """
    _add(_before, before)
    _add(_in_parent, in_parent)
    _add(_in_child, in_child)


def _add(calls: _Calls, call: _Call | None) -> None:
    if call is None:
        return
    number = next(_numbers)
    if isinstance(call, MethodType):
        # Not WeakMethod: with a callback it complains when the process ends.
        owner, function = weakref.ref(call.__self__, lambda _: calls.pop(number, None)), call.__func__

        def call_if_there() -> None:
            there = owner()
            if there is not None:
                function(there)

        calls[number] = call_if_there
    else:
        calls[number] = call


def _call_each(calls: Iterable[_Call]) -> None:
    left = iter(calls)
    failures: list[BaseException] = []
    is_done = False
    while not is_done:
        try:
            for call in left:
                call()
            is_done = True
        except BaseException as error:
            # Not even Ctrl-C may leave an object suspended for ever.
            failures.append(error)
    if failures:
        raise BaseExceptionGroup("what openheart does at a fork failed", failures)


# Once, since it cannot be undone: what the system is given stays for the life of the process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _call_each(reversed(list(_before.values()))),
        after_in_parent=lambda: _call_each(list(_in_parent.values())),
        after_in_child=lambda: _call_each(list(_in_child.values())),
    )
