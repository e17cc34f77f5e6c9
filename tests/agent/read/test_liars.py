"""Devices that lie at random are read to an end, and what is made of them is safe to keep, send and show."""

import pytest

from .hostile import try_seed

# Each once broke a promise that `hostile.promised` states.
ONCE_BAD: tuple[int, ...] = ()


@pytest.mark.parametrize("seed", [*ONCE_BAD, *range(40)])
def test_a_device_that_lies_does_no_harm(seed):
    try_seed(seed)


def test_most_liars_are_read_all_the_same():
    """Else the others would prove nothing."""
    assert sum(try_seed(seed) is not None for seed in range(40)) >= 10
