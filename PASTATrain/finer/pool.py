"""A pool of patches that is always renewed: making a patch takes as long as training with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTALib.model import Model
from PASTATrain.augment import intensity
from PASTATrain.evaluation import KnownScan
from PASTATrain.finer.config import FinerConfig
from PASTATrain.finer.crops import Crop, crops_of
from PASTATrain.scan_parts import Ground, torso_scan

if TYPE_CHECKING:
    import torch
    from monai.transforms import Compose

FIRST_TORSO = 20_000
"""Seed of the first torso: nothing else that is trained, tuned or tested with comes so far."""
MIRRORED = (0.5, 0.15, 0.15)
"""How often x, y and z are mirrored."""
BLIND = 0.15
"""How often a patch is shown without what the first network takes for a lesion."""


class Patches:
    """Patches without end.

    Args:
        first: the first network, alone.
        real: scans and all of their organs.
        config: the run.
        seed: of everything random, the torsos as well.
    """

    def __init__(
        self,
        first: Model,
        real: Sequence[tuple[KnownScan, sitk.Image]],
        config: FinerConfig,
        seed: int,
    ) -> None:
        self._first, self._real, self._config, self._seed = first, real, config, seed

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Patches as `varied` gives them, each used `uses` times on average."""
        rng = np.random.default_rng(self._seed)
        noise = intensity(self._seed % 2**32)
        fresh = self._fresh(rng)
        pool = [next(fresh) for _ in range(self._config.pool)]
        due = 0.0
        while True:
            due += 1 / self._config.uses
            if due >= 1:
                due -= 1
                pool[rng.integers(len(pool))] = next(fresh)
            yield varied(pool[rng.integers(len(pool))], noise, rng)

    def _fresh(self, rng: np.random.Generator) -> Iterator[Crop]:
        while True:
            ground = self._ground(rng)
            for _ in range(self._config.parts):
                yield from crops_of(ground, self._first, self._config, rng)

    def _ground(self, rng: np.random.Generator) -> Ground:
        if self._real and rng.random() < self._config.real:
            return Ground.of(*self._real[int(rng.integers(len(self._real)))], rng)
        torso = torso_scan(FIRST_TORSO + int(rng.integers(2**31)))
        return Ground.of(torso, torso.organs, rng)


def varied(crop: Crop, noise: Compose, rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """A patch mirrored, with other noise and contrast, and at times without suspicions.

    Args:
        crop: the patch.
        noise: of `PASTATrain.augment.intensity`.
        rng: draws.

    Returns:
        ``hu``, ``numbers`` and ``likely`` as `PASTALib.finer.shown.channels` takes them, and
        ``truth``; each ``(z, y, x)``.
    """
    import torch

    turned = zip((2, 1, 0), MIRRORED, strict=True)
    axes = tuple(axis for axis, often in turned if rng.random() < often)
    hu, numbers, likely = (np.flip(part, axes) for part in crop.image)
    changed: NDArray[np.float32] = noise({"image": (hu / 100).astype(np.float32)[None]})["image"][0]
    blind = rng.random() < BLIND
    return {
        "hu": torch.from_numpy(np.ascontiguousarray(changed, np.float32)) * 100,
        "numbers": torch.from_numpy(numbers.astype(np.uint8)),
        "likely": torch.from_numpy((0.0 if blind else 1 / 255) * likely.astype(np.float32)),
        "truth": torch.from_numpy(np.flip(crop.truth, axes).copy()),
    }
