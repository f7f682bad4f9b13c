"""From the network's logits to what is brought back to the CT: organ scores and lesion margin.

All are linear in what the interpolation needs: a class wins where its score is the largest, so
interpolated scores give smooth contours, also between a coarse grid's voxels. They are kept as
16-bit integers, 1/256 of a logit each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import TYPE_CHECKING

import numpy as np

from PASTALib.catalog import catalog

if TYPE_CHECKING:
    import torch

    from PASTALib.model import ModelInfo

SCALE = 256
_LARGEST = 120.0
"""Logits beyond this are certainty; it keeps the scaled integers inside 16 bits."""


@dataclass(frozen=True)
class SlabScores:
    """What is kept of some planes of the model grid. All arrays are ``[z, y, x]``.

    Attributes:
        organs: int16 ``(structures, z, y, x)``: score of each structure above background, with
            the lesions of its organ counted in.
        organ: uint8: number of the largest of them, counted from 1; 0 is background.
        types: int16 ``(types, z, y, x)``: scores of the lesion types against each other.
        type: uint8: number of the largest of them, counted from 1.
        margin: int16: above 0 where a lesion is.
        probability: uint8: summed probability of all lesion types times 255.
    """

    organs: np.ndarray
    organ: np.ndarray
    types: np.ndarray
    type: np.ndarray
    margin: np.ndarray
    probability: np.ndarray

    def followed_by(self, other: SlabScores) -> SlabScores:
        """The planes of this slab and then those of another one."""
        return SlabScores(
            *(
                np.concatenate([mine, its], axis=-3)
                for mine, its in zip(self._arrays(), other._arrays(), strict=True)
            )
        )

    def last_plane(self) -> SlabScores:
        """A copy of the last plane alone."""
        return SlabScores(*(array[..., -1:, :, :].copy() for array in self._arrays()))

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self.organs, self.organ, self.types, self.type, self.margin, self.probability


@dataclass(frozen=True)
class ClassTable:
    """The channels of a model by what they are."""

    info: ModelInfo

    @cached_property
    def structures(self) -> tuple[int, ...]:
        """Channels that are structures, in channel order."""
        lesions = set(self.info.lesion_channels)
        return tuple(c for c in range(1, len(self.info.classes)) if c not in lesions)

    @cached_property
    def structure_labels(self) -> tuple[int, ...]:
        """Catalogue labels of `structures`."""
        return tuple(self.info.labels[channel] for channel in self.structures)

    @cached_property
    def lesion_labels(self) -> tuple[int, ...]:
        """Catalogue labels of the lesion channels."""
        return tuple(self.info.labels[channel] for channel in self.info.lesion_channels)

    @cached_property
    def organs(self) -> tuple[tuple[list[int], list[int]], ...]:
        """For every organ with structures and lesions: their channels."""
        book = catalog()
        found = []
        for organ in book.organs:
            lesions = {kind.key for kind in book.lesions_of(organ)}
            own = [
                c for c in self.structures if book.structures[self.info.classes[c]].organ == organ
            ]
            ill = [c for c in self.info.lesion_channels if self.info.classes[c] in lesions]
            if own and ill:
                found.append((own, ill))
        return tuple(found)

    def reduce(self, logits: torch.Tensor) -> SlabScores:
        """Reduce logits ``(classes, z, y, x)``, which are changed, to what is kept of them.

        An organ includes its lesions: the probability of an organ's lesions is given to the
        organ's structures in proportion to their own, which in logits is one addition to all of
        them. A voxel is a lesion where the lesion types together are more probable than the model's
        threshold; to beat every single other class would be too easy where these share the rest.
        """
        import torch

        lesions = list(self.info.lesion_channels)
        others = [0, *self.structures]
        if lesions:
            of_types = logits[lesions]
            any_lesion = torch.logsumexp(of_types, dim=0)
            log_odds = any_lesion - torch.logsumexp(logits[others], dim=0)
            threshold = min(max(self.info.lesion_threshold, 1e-3), 1 - 1e-3)
            margin = log_odds - log(threshold / (1 - threshold))
            types = of_types - any_lesion
        else:
            margin = torch.full_like(logits[0], -_LARGEST)
            log_odds, types = margin, logits[:0]
        for own, ill in self.organs:
            healthy = torch.logsumexp(logits[own], dim=0)
            logits[own] += torch.nn.functional.softplus(
                torch.logsumexp(logits[ill], dim=0) - healthy
            )
        organs = logits[list(self.structures)] - logits[0]
        if self.structures:
            score, organ = organs.max(dim=0)
            organ = torch.where(score > 0, organ + 1, 0)
        else:
            organ = torch.zeros_like(logits[0])
        return SlabScores(
            organs=_integers(organs),
            organ=_bytes(organ),
            types=_integers(types),
            type=_bytes(types.argmax(dim=0) + 1) if lesions else _bytes(torch.zeros_like(margin)),
            margin=_integers(margin),
            probability=_bytes((torch.sigmoid(log_odds) * 255).round_()),
        )


def _bytes(values: torch.Tensor) -> np.ndarray:
    import torch

    result: np.ndarray = values.to(torch.uint8).cpu().numpy()
    return result


def _integers(scores: torch.Tensor) -> np.ndarray:
    import torch

    scaled = (scores.clamp(-_LARGEST, _LARGEST) * SCALE).round_().to(torch.int16)
    result: np.ndarray = scaled.cpu().numpy()
    return result
