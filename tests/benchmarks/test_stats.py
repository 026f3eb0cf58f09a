"""Spreads and ratios."""

from __future__ import annotations

import pytest

from benchmarks.stats import Spread, ratios, spread


def test_a_spread_is_least_middle_and_greatest() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(low=1.0, median=2.0, high=3.0, rounds=3)


def test_an_even_number_of_rounds_has_the_mean_of_the_middle_two_as_its_median() -> None:
    assert spread([4.0, 1.0, 2.0, 8.0]).median == 3.0


def test_a_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one measurement"):
        spread([])


def test_a_spread_is_written_from_least_to_greatest() -> None:
    assert spread([0.926, 0.8, 1.0]).text() == "0.80–0.93–1.00"


def test_ratios_compare_measurements_of_the_same_round() -> None:
    # The machine was half as fast in the second round, which is no news about either.
    assert ratios([90.0, 45.0], [100.0, 50.0]) == [0.9, 0.9]


def test_a_round_in_which_the_yardstick_measured_nothing_is_left_out() -> None:
    assert ratios([90.0, 45.0], [100.0, 0.0]) == [0.9]


def test_unequal_numbers_of_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rounds cannot be compared with 1"):
        ratios([1.0, 2.0], [1.0])
