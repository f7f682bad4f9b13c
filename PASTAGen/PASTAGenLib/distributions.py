"""What a recipe may say of a value: the value itself, a list to choose from, or a distribution.

======================================================  ========================================
``25`` or ``Hypodense``                                 always this
``[Hypodense, Isodense]``                               one of these
``{choice: {Hypodense: 3, Isodense: 1}}``               one of these, by weight
``{uniform: [8, 40]}``                                  a number between
``{normal: {mean: 40, sd: 10}}``                        a number; ``minimum``, ``maximum`` cut it
``{lognormal: {median: 25, sigma: 0.4}}``               a number; `sigma` is the SD of its logarithm
``{fixed: [a, b]}``                                     always the whole list
======================================================  ========================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from PASTALib.errors import PastaError

FORMS = ("fixed", "choice", "uniform", "normal", "lognormal")


class Distribution(Protocol):
    """Something that a value can be drawn from."""

    def draw(self, rng: np.random.Generator) -> Any:
        """One value."""

    def examples(self) -> tuple[Any, ...]:
        """All values, or the smallest and the largest, to check them before they are drawn."""


@dataclass(frozen=True)
class Choice:
    """One of some values, by weight; a single value is always drawn."""

    values: tuple[Any, ...]
    weights: tuple[float, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """One of the values."""
        shares = np.array(self.weights) / sum(self.weights)
        return self.values[int(rng.choice(len(self.values), p=shares))]

    def examples(self) -> tuple[Any, ...]:
        """All values."""
        return self.values


@dataclass(frozen=True)
class Uniform:
    """A number between two."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """A number from `low` to `high`."""
        return float(rng.uniform(self.low, self.high))

    def examples(self) -> tuple[float, ...]:
        """Both ends."""
        return self.low, self.high


@dataclass(frozen=True)
class Normal:
    """A normal distribution of the number, or of its logarithm, cut at both ends.

    Attributes:
        middle: mean, or median where `logarithmic`.
        sd: standard deviation of the number, or of its natural logarithm.
        low: smallest number; smaller ones become this.
        high: largest number.
        logarithmic: whether it is log-normal.
    """

    middle: float
    sd: float
    low: float
    high: float
    logarithmic: bool

    def draw(self, rng: np.random.Generator) -> float:
        """A number within the limits."""
        if self.logarithmic:
            value = self.middle * math.exp(rng.normal(0, self.sd))
        else:
            value = rng.normal(self.middle, self.sd)
        return float(np.clip(value, self.low, self.high))

    def examples(self) -> tuple[float, ...]:
        """The middle, and the limits where there are any."""
        return tuple(v for v in (self.low, self.middle, self.high) if math.isfinite(v))


def distribution(value: Any, where: str) -> Distribution:
    """What a recipe's value says.

    Args:
        value: plain value of YAML or JSON.
        where: name of the field, for messages.

    Raises:
        PastaError: it is none of the forms above.
    """
    if isinstance(value, list):
        return _choice(dict.fromkeys(map(_plain, value), 1), where)
    if not isinstance(value, dict):
        return Choice((value,), (1.0,))
    if len(value) != 1 or next(iter(value)) not in FORMS:
        raise PastaError(
            f"{where} must be a value, a list to choose from, or one of {', '.join(FORMS)}; it "
            f"has {', '.join(map(str, value)) or 'nothing'}."
        )
    form, content = next(iter(value.items()))
    if form == "fixed":
        return Choice((_plain(content),), (1.0,))
    if form == "choice":
        return _choice(content, where)
    if form == "uniform":
        return _uniform(content, where)
    return _normal(form, content, where)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _choice(content: Any, where: str) -> Choice:
    if isinstance(content, list):
        content = dict.fromkeys(map(_plain, content), 1)
    if not isinstance(content, dict) or not content:
        raise PastaError(f"{where}: write a choice as {{choice: {{A: 3, B: 1}}}} or [A, B].")
    weights = tuple(_number(weight, f"{where}, weight of {key}") for key, weight in content.items())
    if min(weights) < 0 or sum(weights) <= 0:
        raise PastaError(f"{where}: the weights must not be negative, and not all zero.")
    return Choice(tuple(content), weights)


def _uniform(content: Any, where: str) -> Uniform:
    if not isinstance(content, list) or len(content) != 2:
        raise PastaError(f"{where}: write uniform with two numbers, as {{uniform: [8, 40]}}.")
    low, high = (_number(end, where) for end in content)
    if low > high:
        raise PastaError(f"{where}: the first number of uniform must not be above the second.")
    return Uniform(low, high)


def _normal(form: str, content: Any, where: str) -> Normal:
    middle, spread = ("median", "sigma") if form == "lognormal" else ("mean", "sd")
    allowed = (middle, spread, "minimum", "maximum")
    if not isinstance(content, dict) or not {middle, spread} <= set(content) <= set(allowed):
        raise PastaError(
            f"{where}: {form} needs {middle} and {spread}, and may have minimum and maximum."
        )
    values = {key: _number(value, f"{where}, {key}") for key, value in content.items()}
    if values[spread] < 0 or (form == "lognormal" and values[middle] <= 0):
        raise PastaError(f"{where}: {spread} must not be negative, nor a median zero or less.")
    low, high = values.get("minimum", -math.inf), values.get("maximum", math.inf)
    if low > high:
        raise PastaError(f"{where}: minimum must not be above maximum.")
    return Normal(values[middle], values[spread], low, high, form == "lognormal")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PastaError(f"{where}: '{value}' is not a number.")
    return float(value)
