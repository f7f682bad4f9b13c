"""Sections of the panel that are folded while another one needs the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Folding:
    """Folds sections, and opens again those that were open."""

    def __init__(self, sections: Sequence[Any]) -> None:
        self._sections = sections
        self._folded: list[Any] = []

    def fold(self) -> None:
        """Make room."""
        for section in self._sections:
            if not section.collapsed:
                section.collapsed = True
                self._folded.append(section)

    def unfold(self) -> None:
        """As it was."""
        for section in self._folded:
            section.collapsed = False
        self._folded = []
