"""The loss: Dice and cross-entropy over the known voxels, at every decoder scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PASTATrain.classes import CLASSES, IGNORE, STRUCTURES

if TYPE_CHECKING:
    from torch import Tensor

LESION_WEIGHT = 20.0
"""Cross-entropy weight of lesion classes. A lesion is about one voxel in five hundred of a patch:
with a weight of 4 or less nothing was learned of them in 4800 steps."""
FIRST_LESION = 1 + len(STRUCTURES)


class SegmentationLoss:
    """Dice plus weighted cross-entropy, summed over decoder scales.

    Dice is taken over the structures and lesion types that are present, and once more over all
    lesion types as one, which is learned before the types are told apart.

    The scale weights halve with each level and add up to one, as in nnU-Net; scales coarser than
    the third are left out. Voxels labeled `IGNORE` may be any structure but no lesion: scans
    with unknown voxels are scans in which no lesion is seen.
    """

    def __init__(self, scales: int = 3) -> None:
        import torch
        from monai.losses import DiceLoss

        weights = [2.0**-scale for scale in range(scales)]
        self._scale_weights = [weight / sum(weights) for weight in weights]
        self._dice = DiceLoss(
            include_background=True, softmax=False, smooth_nr=0.0, smooth_dr=1e-5, batch=True
        )
        self._class_weights = torch.ones(len(CLASSES))
        self._class_weights[FIRST_LESION:] = LESION_WEIGHT

    def __call__(self, logits: list[Tensor], channels: Tensor) -> Tensor:
        """Loss of logits ``(batch, classes, z, y, x)`` per scale against ``(batch, z, y, x)``."""
        total = logits[0].new_zeros((), dtype=logits[0].float().dtype)
        for scale, (weight, scores) in enumerate(zip(self._scale_weights, logits, strict=False)):
            step = 2**scale
            total = total + weight * self._one_scale(
                scores.float(), channels[:, ::step, ::step, ::step]
            )
        return total

    def _one_scale(self, logits: Tensor, channels: Tensor) -> Tensor:
        from torch.nn import functional

        known = channels != IGNORE
        target = channels.long() * known
        entropy = functional.cross_entropy(
            logits,
            target.masked_fill(~known, IGNORE),
            weight=self._class_weights.to(logits.device),
            ignore_index=IGNORE,
        )
        # A class that is absent has a constant Dice loss here (smooth_nr = 0), so only the
        # present ones are computed: a third of the time of all of them.
        present = target.unique()
        present = present[present > 0]
        entropy = entropy + self._no_lesion(logits, ~known)
        if len(present) == 0:
            return entropy
        probability = logits.softmax(1) * known[:, None]
        one_hot = target[:, None] == present[None, :, None, None, None]
        loss = entropy + self._dice(probability[:, present], one_hot.to(probability.dtype))
        lesion = target[:, None] >= FIRST_LESION
        if lesion.any():
            any_type = probability[:, FIRST_LESION:].sum(1, keepdim=True)
            loss = loss + self._dice(any_type, lesion.to(probability.dtype))
        return loss

    @staticmethod
    def _no_lesion(logits: Tensor, unknown: Tensor) -> Tensor:
        """Cross-entropy of "no lesion" where only that is known, averaged over all voxels."""
        if not unknown.any():
            return logits.new_zeros(())
        scores = logits.movedim(1, -1)[unknown]
        healthy = scores[:, :FIRST_LESION]
        return (scores.logsumexp(1) - healthy.logsumexp(1)).sum() / unknown.numel()
