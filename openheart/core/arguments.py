"""The arguments of a page, as the app's own hooks leave them for its view."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType
from typing import Any

from flask import Flask, g

__all__ = ["accepted", "preprocessed"]

_ABSENT = object()


@contextmanager
def preprocessed(app: Flask, endpoint: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The arguments of a page after the app's ``url_value_preprocessor`` functions, as in a request to it.

    The request may be one to another page, so what these functions replaced in ``flask.g`` is as it was
    after the block.

    Args:
        app: the application.
        endpoint: the endpoint of the page.
        values: the arguments as the URL map has them.
    """
    changed = dict(values)
    blueprints = endpoint.split(".")[:-1]
    scopes = [None, *(".".join(blueprints[: place + 1]) for place in range(len(blueprints)))]
    hooks = [hook for scope in scopes for hook in app.url_value_preprocessors.get(scope, ())]
    if not hooks:
        yield changed
        return
    kept = vars(g._get_current_object())
    before = dict(kept)
    for hook in hooks:
        hook(endpoint, changed)
    replaced = {name: value for name, value in before.items() if kept.get(name, _ABSENT) is not value}
    try:
        yield changed
    finally:
        kept.update(replaced)


def accepted(
    function: Callable[..., Any],
    view: Callable[..., Any] | None,
    values: Mapping[str, Any],
    changed: Mapping[str, Any],
) -> Mapping[str, Any]:
    """The arguments to call a slug function with.

    They are those of the view, and what the function names besides: a hook may have taken that out. One
    that neither of them names is left out: a function of ``before_request`` takes it out.

    Args:
        function: the slug function.
        view: the view of the page.
        values: the arguments as the URL map has them.
        changed: the same after ``preprocessed``.
    """
    names, takes_others = _names(function)
    of_view, view_takes_others = _names(view) if view is not None else (frozenset(), True)
    if not takes_others and not view_takes_others:
        changed = {name: value for name, value in changed.items() if name in names or name in of_view}
    return {**{name: value for name, value in values.items() if name in names}, **changed}


def _names(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """The names of its parameters, and whether it takes others: as a built-in function it does not tell."""
    # inspect.signature() takes longer than the rest of a look-up.
    code: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return frozenset(), True
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return frozenset(names), bool(code.co_flags & inspect.CO_VARKEYWORDS)
