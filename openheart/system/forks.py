"""Forks: in a child, threads do not exist, and locks and connections are the parent's.

What can be made again in a child is kept in a ``PerProcess``, which looks at the process id: uWSGI forks
without Python's hooks. What has to be closed before a fork uses ``at_fork``. What a fork must not find half
done is in ``no_fork``.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Generic, TypeAlias, TypeVar

from .lifecycle import Lifecycle

__all__ = ["PerProcess", "at_fork", "may_fork_unnoticed", "no_fork"]

PATIENCE = 5.0  # seconds that a fork waits for the end of what is in no_fork()

T = TypeVar("T")

_Call: TypeAlias = Callable[[], None]
_Calls: TypeAlias = dict[int, _Call]  # by number, in the order of the numbers

# No lock, because a fork might happen while it is held. Single operations of a dict are atomic.
_before: _Calls = {}
_in_parent: _Calls = {}
_in_child: _Calls = {}
_numbers = itertools.count()


class PerProcess(Generic[T]):
    """Something of which each process has its own, made when it is first used there.

    So a lock in it is made by the process that uses it. A parent's lock may be held by a thread that the
    child does not have, and gevent patches the locks of a worker only after the fork.

    Args:
        make: makes it; called again if two threads need it at the same time, and one result is dropped. For
            a lock it must be a function of ours: ``threading.Lock`` itself may be what gevent replaces later.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}

    @property
    def here(self) -> T:
        """That of this process."""
        pid = os.getpid()
        try:
            return self._made[pid]
        except KeyError:
            # No lock, because it would need one of its own; setdefault() is atomic.
            made = self._made.setdefault(pid, self._make())
        for other in [*self._made]:
            if other != pid:
                self._made.pop(other, None)
        return made


def may_fork_unnoticed() -> bool:
    """Whether this process may fork without Python's hooks: uWSGI before it has started its workers."""
    uwsgi = sys.modules.get("uwsgi")
    return uwsgi is not None and not uwsgi.worker_id()


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
            # Not even Ctrl-C may leave the others suspended.
            failures.append(error)
    if failures:
        raise BaseExceptionGroup("openheart's fork hooks failed", failures)


_undisturbed = PerProcess(lambda: Lifecycle(RuntimeError))
_forking = PerProcess(lambda: threading.RLock())


def no_fork() -> Lifecycle:
    """``with no_fork():`` a fork waits for the end of the block, for some seconds.

    A block that would begin during a fork begins after it, in the parent only.
    """
    return _undisturbed.here


def _prepare() -> None:
    # One thread at a time. What is registered in a block of no_fork() must be in the list.
    _forking.here.acquire()
    _undisturbed.here.pause(PATIENCE)
    _call_each(reversed(list(_before.values())))


def _go_on() -> None:
    try:
        _call_each(list(_in_parent.values()))
    finally:
        _undisturbed.here.resume()
        _forking.here.release()


# Once, because Python cannot unregister a function for the life of the process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_prepare,
        after_in_parent=_go_on,
        after_in_child=lambda: _call_each(list(_in_child.values())),
    )
