"""Checks of the plain values that a recipe holds; each error names the field and the remedy."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from PASTALib.errors import PastaError


def table(
    data: Any, where: str, allowed: Collection[str], needed: Collection[str] = ()
) -> dict[str, Any]:
    """`data` if it is a mapping with known keys.

    Raises:
        PastaError: it is not, or a key is missing.
    """
    if not isinstance(data, dict):
        raise PastaError(f"{where} must consist of keys and values: {', '.join(allowed)}.")
    unknown = [str(key) for key in data if key not in allowed]
    if unknown:
        raise PastaError(
            f"{where} has the unknown key '{unknown[0]}'; known are {', '.join(allowed)}."
        )
    missing = [key for key in needed if key not in data]
    if missing:
        raise PastaError(f"{where} lacks the key '{missing[0]}'; add it.")
    return data


def rows(data: dict[str, Any], key: str) -> list[Any]:
    """The list under a key, which must not be empty."""
    found = data[key]
    if not isinstance(found, list) or not found:
        raise PastaError(f"{key} must be a list with at least one entry.")
    return found


def whole(value: Any, where: str, low: int, high: int) -> int:
    """A whole number within limits."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PastaError(f"{where} must be a whole number from {low} to {high}, not '{value}'.")
    return value


def flag(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise PastaError(f"{where} must be true or false, not '{value}'.")
    return value


def some_of(value: Any, where: str, allowed: Collection[str]) -> tuple[str, ...]:
    """One word or a list of words, all of which are allowed."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not set(map(str, words)) <= set(allowed):
        raise PastaError(f"{where} must be one or some of {', '.join(allowed)}, not '{value}'.")
    return tuple(words)


def plain_name(value: Any, where: str) -> str:
    """A word of letters, digits, ``_`` and ``-``, such as files can be called."""
    if not isinstance(value, str) or not value.replace("_", "").replace("-", "").isalnum():
        raise PastaError(f"{where} must consist of letters, digits, '_' and '-', not '{value}'.")
    return value
