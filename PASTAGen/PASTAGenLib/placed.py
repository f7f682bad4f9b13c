"""A plan that has its place."""

from __future__ import annotations

from dataclasses import dataclass

from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.outline import Outline


@dataclass(frozen=True, eq=False)
class Placed:
    """A plan, and the outline that was made to check it."""

    plan: InsertionPlan
    outline: Outline
