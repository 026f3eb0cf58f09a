"""Hooks around a fork, for objects with threads, locks or connections, which in a child are the parent's."""

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

# No lock, because a fork might happen while it is held. Single operations of a dict are atomic.
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
    """Call methods of an object at each fork, as long as the object lives. A system without forks calls none.

    The functions before a fork are called in reverse order of registration, those after it in order. One that
    raises does not stop the others; Python reports the error to ``sys.unraisablehook``.

    Args:
        before: called before the fork; a bound method does not keep its object alive, any other function
            is called for the life of the process.
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
        # Not WeakMethod: with a callback it prints an error when the process exits.
        owner, function = weakref.ref(call.__self__, lambda _: calls.pop(number, None)), call.__func__

        def call_if_alive() -> None:
            alive = owner()
            if alive is not None:
                function(alive)

        calls[number] = call_if_alive
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
            # Not even Ctrl-C may leave an object suspended forever.
            failures.append(error)
    if failures:
        raise BaseExceptionGroup("openheart's fork hooks failed", failures)


# Once, because Python cannot unregister a function for the life of the process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _call_each(reversed(list(_before.values()))),
        after_in_parent=lambda: _call_each(list(_in_parent.values())),
        after_in_child=lambda: _call_each(list(_in_child.values())),
    )
