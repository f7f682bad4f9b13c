"""Changes of the crops while the encoder is trained along, by MONAI."""

from __future__ import annotations

from math import radians

import torch
from torch import Tensor

from PASTATrain.heads.fitting import Augment

KEYS = ("image", "mask")


def augmentation(seed: int) -> Augment:
    """Flips, rotation (10 degrees), scaling (20 %) and noise, as PASTA has them for plain CT."""
    from monai.transforms import Compose, RandAffined, RandFlipd, RandGaussianNoised

    change = Compose(
        [
            *(RandFlipd(KEYS, prob=0.5, spatial_axis=axis) for axis in range(3)),
            RandAffined(
                KEYS,
                prob=0.5,
                rotate_range=(radians(10),) * 3,
                scale_range=(0.2,) * 3,
                mode=("bilinear", "nearest"),
                padding_mode="border",
            ),
            RandGaussianNoised("image", prob=0.3, std=0.1),
        ]
    )
    change.set_random_state(seed)

    def augment(batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        rows = [change(dict(zip(KEYS, row, strict=True))) for row in zip(*batch, strict=True)]
        images, masks = (torch.stack([torch.as_tensor(r[key]) for r in rows]) for key in KEYS)
        return images, masks

    return augment
