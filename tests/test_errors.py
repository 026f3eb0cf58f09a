"""One tree, each error with its data, and a text that says what to do."""

from __future__ import annotations

import inspect

import pytest

from openheart import errors
from openheart.errors import BackendError, ConfigError, OpenHeartError, SchemeError, VisitorError

ALL = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_stands_in_the_one_tree_and_in_its_drawing(kind: type[Exception]) -> None:
    assert issubclass(kind, OpenHeartError)
    assert kind.__name__ in (errors.__doc__ or "")
    assert inspect.getdoc(kind)


def test_a_config_error_names_the_key_the_value_its_source_and_what_is_expected() -> None:
    error = ConfigError("PORT", "x", "the environment", "an integer")
    assert str(error) == "PORT='x' (from the environment) cannot be used: expected an integer"
    assert (error.key, error.value, error.source, error.expected) == (
        "PORT",
        "x",
        "the environment",
        "an integer",
    )


def test_an_unknown_scheme_is_a_runtime_error_too() -> None:
    assert issubclass(SchemeError, RuntimeError)


def test_every_visitor_error_has_a_status_below_500_and_a_type_of_its_own() -> None:
    kinds = [kind for kind in ALL if issubclass(kind, VisitorError) and kind is not VisitorError]
    assert all(400 <= kind.status < 500 for kind in kinds)
    assert len({kind.type for kind in kinds}) == len(kinds)


def test_a_storage_error_is_one_of_two_types_and_says_when_to_try_again() -> None:
    kinds = [kind for kind in ALL if issubclass(kind, BackendError)]
    assert {kind.type for kind in kinds} == {"storage-unavailable", "outcome-unknown"}
    assert all(kind.retry_after > 0 for kind in kinds)
