"""What the frozen encoder sees of a lesion."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from PASTALib.model import Model
from PASTALib.network import UNet


def crop_edge(model: Model) -> int:
    """Edge of the cube around a lesion in voxels: the smallest that the encoder takes."""
    return 2 ** len(model.info.features)


def pooled(network: UNet, images: Tensor, masks: Tensor) -> Tensor:
    """Features ``(n, 2 x all channels)``: mean of every level in the lesion, and in the crop.

    Args:
        network: whose encoder is used; nothing of it is changed.
        images: normalized crops ``(n, 1, z, y, x)``.
        masks: 1 in the lesion, 0 elsewhere, of the same shape.
    """
    parts = []
    with torch.inference_mode():
        for level, features in enumerate(network.encode(images)):
            weight = functional.avg_pool3d(masks, 2**level) if level else masks
            total = weight.sum(dim=(2, 3, 4)).clamp_min(1e-6)
            parts.append((features * weight).sum(dim=(2, 3, 4)) / total)
            parts.append(features.mean(dim=(2, 3, 4)))
    return torch.cat(parts, dim=1)


def lesion_features(model: Model, crops: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Float32 features ``(n, features)`` of crops in HU ``(n, z, y, x)`` with lesion masks."""
    images = torch.from_numpy(model.info.normalization(crops))[:, None].to(model.device)
    weights = torch.from_numpy(masks.astype(np.float32))[:, None].to(model.device)
    features: np.ndarray = pooled(model.network, images, weights).float().cpu().numpy()
    return features
