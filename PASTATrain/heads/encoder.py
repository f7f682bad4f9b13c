"""What the encoder of a model sees of a lesion or an organ, and a head on top of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from PASTALib.model import Model
from PASTALib.network import UNet
from PASTATrain.heads.head import Head

BATCH = 8
"""Crops that pass the encoder at once."""


def crop_edge(model: Model) -> int:
    """Edge in voxels of the smallest cube that the encoder takes."""
    return 2 ** len(model.info.features)


def pooled(levels: list[Tensor], masks: Tensor) -> Tensor:
    """Features ``(n, 3 x all channels)``: of every level mean and maximum in the mask, and mean.

    PASTA has the mean over the crop of one level only; a lesion in a large organ drowns in that.

    Args:
        levels: what the encoder gives, full resolution first, ``(n, channels, z, y, x)`` each.
        masks: 1 in the lesion or organ, 0 elsewhere, ``(n, 1, z, y, x)`` at full resolution.
    """
    parts = []
    for level, features in enumerate(levels):
        weight = functional.avg_pool3d(masks, 2**level) if level else masks
        total = weight.sum(dim=(2, 3, 4))
        largest = features.masked_fill(weight == 0, -torch.inf).amax(dim=(2, 3, 4))
        parts.append((features * weight).sum(dim=(2, 3, 4)) / total.clamp_min(1e-6))
        parts.append(torch.where(total > 0, largest, 0.0))
        parts.append(features.mean(dim=(2, 3, 4)))
    return torch.cat(parts, dim=1)


class EncoderWithHead(nn.Module):
    """The encoder of a network and a head that reads it."""

    def __init__(self, network: UNet, head: Head) -> None:
        super().__init__()
        self.network = network
        self.head = head

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Logits ``(n, outputs)`` of normalized crops and masks ``(n, 1, z, y, x)``."""
        logits: Tensor = self.head(pooled(self.network.encode(images), masks))
        return logits


def as_inputs(model: Model, crops: np.ndarray, masks: np.ndarray) -> tuple[Tensor, Tensor]:
    """Crops in HU and masks ``(n, z, y, x)`` as the encoder takes them, on the CPU."""
    images = torch.from_numpy(model.info.normalization(crops.astype(np.float32)))
    return images[:, None], torch.from_numpy(masks.astype(np.float32))[:, None]


def features_of(model: Model, crops: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Float32 features ``(n, features)`` of crops in HU ``(n, z, y, x)`` with masks."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            part = slice(start, start + BATCH)
            inputs = (x.to(model.device) for x in as_inputs(model, crops[part], masks[part]))
            images, weights = inputs
            rows.append(pooled(model.network.encode(images), weights).float().cpu().numpy())
    return np.concatenate(rows)
