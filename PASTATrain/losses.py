"""The loss: Dice and cross-entropy over the known voxels, at every decoder scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PASTATrain.classes import CLASSES, IGNORE, STRUCTURES

if TYPE_CHECKING:
    from torch import Tensor

    from PASTALib.network import Window

FIRST_LESION = 1 + len(STRUCTURES)


class SegmentationLoss:
    """Dice plus weighted cross-entropy, summed over decoder scales.

    The loss of a batch is the mean over its patches, so that several processes with a part of it
    each learn what one would. Dice is taken over the structures and lesion types that are present,
    and once more over all lesion types as one, which is learned before the types are told apart.

    The scale weights halve with each level and add up to one, as in nnU-Net; scales coarser than
    the third are left out. Voxels labeled `IGNORE` may be any structure but no lesion: scans
    with unknown voxels are scans in which no lesion is seen.
    """

    def __init__(self, scales: int = 3, emphasis: Mapping[str, float] | None = None) -> None:
        """
        Args:
            scales: how many of the finest count.
            emphasis: factors of the cross-entropy weight of lesion types, by key.
        """
        from monai.losses import DiceLoss

        self._emphasis = {CLASSES.index(key): factor for key, factor in (emphasis or {}).items()}
        weights = [2.0**-scale for scale in range(scales)]
        self._scale_weights = [weight / sum(weights) for weight in weights]
        self._dice = DiceLoss(include_background=True, softmax=False, smooth_nr=0.0, smooth_dr=1e-5)

    def __call__(
        self,
        logits: list[Tensor],
        channels: Tensor,
        lesion_weight: float,
        finest: int = 0,
        window: Window | None = None,
    ) -> Tensor:
        """Loss of the logits of every scale, the finest first.

        Args:
            logits: ``(batch, classes, z, y, x)`` per scale, each half as fine as the one before.
            channels: ``(batch, z, y, x)`` at full resolution.
            lesion_weight: cross-entropy weight of lesion voxels. A lesion is about one voxel in
                five hundred of a patch: from the start with 4 or less nothing was learned of them
                in 4800 steps. A high weight inflates the odds of a lesion by as much, so it falls
                later.
            finest: level of the first logits; 0 is full resolution.
            window: part of the patch that the full-resolution logits are of.
        """
        import torch

        from PASTALib.network import part

        weights = torch.ones(len(CLASSES), device=logits[0].device)
        weights[FIRST_LESION:] = lesion_weight
        for channel, factor in self._emphasis.items():
            weights[channel] *= factor
        total = logits[0].new_zeros((), dtype=logits[0].float().dtype)
        for scale, (share, scores) in enumerate(zip(self._scale_weights, logits, strict=False)):
            step = 2 ** (scale + finest)
            seen = channels[:, ::step, ::step, ::step]
            if step == 1 and window is not None:
                seen = part(channels, window)
            for patch in range(len(seen)):
                one = slice(patch, patch + 1)
                loss = self._one_patch(scores[one].float(), seen[one], weights)
                total = total + share / len(seen) * loss
        return total

    def _one_patch(self, logits: Tensor, channels: Tensor, weights: Tensor) -> Tensor:
        from torch.nn import functional

        known = channels != IGNORE
        target = channels.long() * known
        logarithm = logits.log_softmax(1)  # once: for 40 classes it is a tenth of a step
        entropy = functional.nll_loss(
            logarithm,
            target.masked_fill(~known, IGNORE),
            weight=weights,
            ignore_index=IGNORE,
        )
        # A class that is absent has a constant Dice loss here (smooth_nr = 0), so only the
        # present ones are computed: a third of the time of all of them.
        present = target.unique()
        present = present[present > 0]
        loss = entropy + self._no_lesion(logarithm, ~known)
        if len(present) == 0:
            return loss
        one_hot = target[:, None] == present[None, :, None, None, None]
        probability = logarithm[:, present].exp() * known[:, None]
        loss = loss + self._dice(probability, one_hot.to(probability.dtype))
        lesion = target[:, None] >= FIRST_LESION
        if lesion.any():
            any_type = logarithm[:, FIRST_LESION:].exp().sum(1, keepdim=True) * known[:, None]
            loss = loss + self._dice(any_type, lesion.to(probability.dtype))
        return loss

    @staticmethod
    def _no_lesion(logarithm: Tensor, unknown: Tensor) -> Tensor:
        """Cross-entropy of "no lesion" where only that is known, averaged over all voxels."""
        if not unknown.any():
            return logarithm.new_zeros(())
        healthy = logarithm[:, :FIRST_LESION].logsumexp(1)
        return -healthy[unknown].sum() / unknown.numel()
