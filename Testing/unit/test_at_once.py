"""Work in several processes: the same results in the same order, and errors as they are."""

from __future__ import annotations

from functools import partial

import pytest

from PASTALib.errors import PastaError
from PASTATrain.at_once import at_once


def divided(number: int, by: int) -> float:
    """A quotient; of a thirteen it is said that it brings bad luck."""
    if number == 13:
        raise PastaError("Thirteen brings bad luck.")
    return number / by


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_items(processes: int):
    found = list(at_once(partial(divided, by=2), range(6), processes))
    assert found == [0, 0.5, 1, 1.5, 2, 2.5]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_wrong_is_said_as_it_was(processes: int):
    results = at_once(partial(divided, by=1), [12, 13], processes)
    assert next(results) == 12
    with pytest.raises(PastaError, match="bad luck"):
        next(results)
