"""What can be said of a parameter beside its type, in ``typing.Annotated``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Default:
    value: Any


@dataclass(frozen=True)
class NotNone:
    def validate(self, value: Any) -> None:
        if value is None:
            raise ValueError("Value must not be None")


@dataclass(frozen=True)
class Minimum:
    minimum: float

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must be at least {self.minimum}, but was {value}")


@dataclass(frozen=True)
class Maximum:
    maximum: float

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"Value must be at most {self.maximum}, but was {value}")


@dataclass(frozen=True)
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be in [{self.minimum}, {self.maximum}], but was {value}")


class Choice:
    def __init__(self, choices: Any) -> None:
        self.choices = choices

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, but was {value}")


class Exclude:
    def __init__(self, excluded: Any) -> None:
        self.excluded = excluded

    def validate(self, value: Any) -> None:
        if value in self.excluded:
            raise ValueError(f"Value must be none of {self.excluded}, but was {value}")
