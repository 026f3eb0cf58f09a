"""What a fork means to an object with threads, locks or connections: in the child they are its parent's."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable

__all__ = ["at_fork"]


def at_fork(
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
    in_child: Callable[[], None] | None = None,
) -> None:
    """Call methods of an object at each fork, for as long as it lives; nothing where a system has no forks.

    Args:
        before: a bound method, called before the fork.
        in_parent: a bound method, called after it in the parent.
        in_child: a bound method, called after it in the child.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_weakly(before), after_in_parent=_weakly(in_parent), after_in_child=_weakly(in_child)
        )


def _weakly(method: Callable[[], None] | None) -> Callable[[], None]:
    # What is registered stays for the life of the process, and must not keep the object alive.
    found = None if method is None else weakref.WeakMethod(method)

    def call() -> None:
        there = None if found is None else found()
        if there is not None:
            there()

    return call
