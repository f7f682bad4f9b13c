"""A lesion that a simulated reader and the network work on together, gesture after gesture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from PASTALib.geometry import Geometry
from PASTALib.gestures.close_up import EDGE, CloseUp
from PASTALib.gestures.marks import Marks
from PASTATrain.prompting.reading import Reader
from PASTATrain.prompting.samples import Sample

GRID = Geometry.isotropic((EDGE,) * 3, 1.0)
"""Samples lie nowhere in a patient."""


@dataclass(frozen=True, eq=False)
class Session:
    """What the network is to answer next.

    Attributes:
        reader: knows the lesion.
        close_up: image, outline and marks until now.
        others: other findings, which count as negative marks.
        rounds: gestures that are still to come, this one included.
    """

    reader: Reader
    close_up: CloseUp
    others: NDArray[np.bool_]
    rounds: int

    @classmethod
    def begun(cls, sample: Sample, rounds: int, rng: np.random.Generator) -> Session | None:
        """A session after the first gesture; None where the first outline is right already."""
        none = np.zeros_like(sample.truth)
        close_up = CloseUp(GRID, sample.hu, sample.present, none, none)
        reader = Reader(sample.truth, rng)
        return cls(reader, close_up, sample.others, rounds + 1).after(sample.present)

    def after(self, outline: NDArray[np.bool_]) -> Session | None:
        """The session after the network's outline and one more gesture; None where it ends.

        Args:
            outline: what the network says; marks hold.
        """
        if self.rounds <= 1:
            return None
        now = self.close_up
        present = outline & ~now.negative | now.positive
        earlier = Marks(now.positive, now.negative & ~self.others)
        marks = self.reader.marks(present, earlier)
        if marks is None:
            return None
        negative = (marks.outside | self.others) & ~marks.inside
        close_up = replace(now, present=present, positive=marks.inside, negative=negative)
        return replace(self, close_up=close_up, rounds=self.rounds - 1)

    def dice(self, outline: NDArray[np.bool_]) -> float:
        """Of an outline and the lesion, once the marks hold."""
        truth = self.reader.truth
        mask = outline & ~self.close_up.negative | self.close_up.positive
        return 2 * int((mask & truth).sum()) / int(mask.sum() + truth.sum())
