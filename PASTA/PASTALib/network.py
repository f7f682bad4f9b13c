"""The U-Net family of PASTA. The only file of the core that imports torch at its top.

A plain 3D U-Net: two 3x3x3 convolutions a level, instance normalization, leaky ReLU, stride-2
convolutions down, transposed convolutions up, skip connections by concatenation, and a 1x1x1
head on every decoder level for deep supervision. With the features 64, 128, 256, 512, 1024, 1024
it is the network of PASTA (arXiv 2502.06171); the bundled ``pasta-s`` has far fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

Window = tuple[slice, slice, slice]


def convolution_block(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """3x3x3 convolution, instance normalization, leaky ReLU (slope 0.01, as PASTA and nnU-Net)."""
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, 3, stride, padding=1),
        nn.InstanceNorm3d(channels_out, affine=True),
        nn.LeakyReLU(0.01, inplace=True),
    )


def level(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """Two convolution blocks; the first one may downsample."""
    return nn.Sequential(
        convolution_block(channels_in, channels_out, stride),
        convolution_block(channels_out, channels_out),
    )


def part(features: Tensor, window: Window, coarser: int = 1) -> Tensor:
    """The voxels of a window in features that are `coarser` times less fine than the window."""
    z, y, x = (slice(s.start // coarser, s.stop // coarser) for s in window)
    return features[..., z, y, x]


def compressed(image: Tensor) -> Tensor:
    """Input in units of 100 HU with the slope of PASTA's intensity map: 1 from -200 to 200 HU.

    Below it is 1/7, above 1/14 (arXiv 2502.06171: -1000, -200, 200, 1000 HU to 0, 0.2, 0.9, 1).
    Instance normalization divides by the spread of the whole tile, and the contrast of a liver
    lesion, 30 HU, would drown in that between air, fat and bone.
    """
    soft = image.clamp(-2, 2)
    return soft + (image.clamp(max=-2) + 2) / 7 + (image.clamp(min=2) - 2) / 14


HU_WINDOWS = 3
"""Channels of `in_hu_windows`."""


def in_hu_windows(image: Tensor) -> Tensor:
    """Input ``(batch, 1, z, y, x)`` in units of 100 HU in a reader's windows: soft, lung, bone.

    Three channels: `compressed`; -1000 to -200 HU; 100 to 900 HU, both as -2 to 2. A metastasis
    differs from the bone around it by 150 HU, which is 0.1 when compressed: less than noise.
    """
    lung = (image.clamp(-10, -2) + 6) / 2
    bone = (image.clamp(1, 9) - 5) / 2
    return torch.cat([compressed(image), lung, bone], dim=1)


def enlarged(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Logits interpolated linearly to a finer grid."""
    return functional.interpolate(logits, tuple(size), mode="trilinear")


class UNet(nn.Module):
    """A U-Net with ``len(features)`` levels, the first at full resolution.

    The edges of the input must divide by ``2 ** (len(features) - 1)``, and the coarsest level
    must have more than one voxel.

    Args:
        features: channels of each level, from full resolution to the bottleneck.
        classes: output channels, background included.
        channels: input channels.
        finest: decoder level whose logits the network gives, enlarged to the size of the input.
            With 1 it answers at half resolution and leaves out half of the work.
        biases: whether transposed convolutions and heads have a bias, as in nnU-Net v2.
        refines: the full-resolution level adds to the logits of the level below it, enlarged,
            instead of giving its own. A first level with fewer channels than there are classes
            cannot tell them apart by itself: with 16 channels and 40 classes, a heart that half
            resolution outlined with a Dice of 0.90 had one of 0.00 after 2000 more steps.
        compresses: air and bone take little of the input's range, see `compressed`.
        hu_windows: the first level sees the one input channel three times, see `in_hu_windows`.
    """

    def __init__(
        self,
        features: Sequence[int],
        classes: int,
        channels: int = 1,
        finest: int = 0,
        biases: bool = False,
        refines: bool = False,
        compresses: bool = False,
        hu_windows: bool = False,
    ) -> None:
        super().__init__()
        self.finest = finest
        self.refines = refines
        self.compresses = compresses
        self.hu_windows = hu_windows
        self.encoder = nn.ModuleList([level(HU_WINDOWS if hu_windows else channels, features[0])])
        self.encoder.extend(level(above, below, stride=2) for above, below in pairwise(features))
        upward = list(pairwise(reversed(features)))
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(below, above, 2, 2, bias=biases) for below, above in upward
        )
        self.decoder = nn.ModuleList(level(2 * above, above) for _, above in upward)
        self.heads = nn.ModuleList(nn.Conv3d(above, classes, 1, bias=biases) for _, above in upward)

    def encode(self, image: Tensor) -> list[Tensor]:
        """Features of every encoder level, full resolution first."""
        if self.hu_windows:
            image = in_hu_windows(image)
        elif self.compresses:
            image = compressed(image)
        features = []
        for stage in self.encoder:
            image = stage(image)
            features.append(image)
        return features

    def decode(
        self, features: list[Tensor], finest: int = 0, window: Window | None = None
    ) -> list[Tensor]:
        """Features of the decoder levels, coarsest first, down to level `finest` (0 is full).

        The full-resolution level is decoded in a window of the image only, where one is given.
        """
        deep = features[-1]
        decoded = []
        skips = features[finest:-1][::-1]
        for up, stage, skip in zip(self.up, self.decoder, skips, strict=False):
            if window is not None and skip is features[0]:
                joined = torch.cat([up(part(deep, window, 2)), part(skip, window)], dim=1)
            else:
                joined = torch.cat([up(deep), skip], dim=1)
            deep = stage(joined)
            decoded.append(deep)
        return decoded

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(batch, classes, z, y, x)`` of an image ``(batch, channels, z, y, x)``."""
        logits = self.scales(image, self.finest)[0]
        if self.finest == 0:
            return logits
        return enlarged(logits, image.shape[2:])

    def scales(self, image: Tensor, finest: int = 0, window: Window | None = None) -> list[Tensor]:
        """Logits of every decoder level from `finest` on, the finest first: for training.

        The full-resolution level of the decoder is half of the work. With `finest` 1 it is left
        out, with a `window` (z, y, x slices with even ends) it is done for this part only.
        """
        decoded = self.decode(self.encode(image), finest, window)
        logits = [head(deep) for head, deep in zip(self.heads, decoded, strict=False)][::-1]
        if self.refines and finest == 0:
            below = logits[1] if window is None else part(logits[1], window, 2)
            logits[0] = logits[0] + enlarged(below, logits[0].shape[2:])
        return logits


class AllScales(nn.Module):
    """A U-Net whose forward pass gives the logits of every scale: for training."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, finest: int, window: Window | None) -> list[Tensor]:
        """See `UNet.scales`."""
        return self.network.scales(image, finest, window)
