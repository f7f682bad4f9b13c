"""The network of the closer look: two cubes of a candidate in, log odds that it is a lesion out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CUBE_CHANNELS = 4
"""Of each cube: HU of soft tissue, all HU, candidate, organ."""
SOFT_HU, SOFT_RANGE_HU = 40.0, 120.0
WIDE_RANGE_HU = 600.0


class Residual(nn.Module):
    """Two convolutions whose result is added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm3d(channels),
            nn.ReLU(inplace=True),
            nn.Conv3d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm3d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features of the same shape ``(batch, channels, z, y, x)``."""
        return torch.relu(features + self.body(features))


class CloserNetwork(nn.Module):
    """A small residual network (He 2016), as those that reduce false lung nodules are.

    Args:
        features: channels of each level; each halves the resolution.
        facts: numbers that are known of a candidate besides its cubes.
    """

    def __init__(self, features: tuple[int, ...], facts: int) -> None:
        super().__init__()
        levels: list[nn.Module] = []
        before = 2 * CUBE_CHANNELS
        for channels in features:
            levels += [
                nn.Conv3d(before, channels, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm3d(channels),
                nn.ReLU(inplace=True),
                Residual(channels),
            ]
            before = channels
        self.levels = nn.Sequential(*levels)
        self.head = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(2 * before + facts, 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, 1),
        )

    def forward(self, cubes: Tensor, facts: Tensor) -> Tensor:
        """Log odds of a lesion, ``(batch,)``.

        Args:
            cubes: ``(batch, 8, z, y, x)``, the near cube's channels first.
            facts: ``(batch, facts)``.
        """
        seen = self.levels(cubes)
        pooled = torch.cat([seen.mean(dim=(2, 3, 4)), seen.amax(dim=(2, 3, 4))], dim=1)
        log_odds: Tensor = self.head(torch.cat([pooled.float(), facts], dim=1))[:, 0]
        return log_odds


def channels_of(hu: Tensor, lesion: Tensor, organ: Tensor) -> Tensor:
    """Input of the network.

    Args:
        hu: ``(batch, 2, z, y, x)``, the near and the wide cube.
        lesion: 0 to 1, of the same shape.
        organ: the same.
    """
    soft = torch.tanh((hu - SOFT_HU) / SOFT_RANGE_HU)
    wide = (hu / WIDE_RANGE_HU).clamp(-2, 2)
    return torch.stack([soft, wide, lesion, organ], dim=2).flatten(1, 2)
