"""Lesions in close-up: put into cases by the generator, seen from different distances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from PASTAGenLib.transforms.patch_lesions import PatchLesions
from PASTALib.catalog import catalog
from PASTALib.cubes import cube_around, resampled, sampled
from PASTALib.errors import PastaError
from PASTALib.geometry import Floats, Geometry
from PASTALib.gestures.close_up import EDGE
from PASTALib.gestures.view import FINEST_MM
from PASTATrain import augment
from PASTATrain.cases import case_files, load_case
from PASTATrain.patches import NORMALIZATION, Source, cube
from PASTATrain.prompting.config import PromptingConfig
from PASTATrain.prompting.spoiling import spoiled

LESIONS = (2, 5)
"""Least and most that are put into a region at once."""
VIEWS = 2
"""Close-ups of each lesion."""
LEAST_VOXELS = 12
"""A lesion that covers less of a close-up is not worth a session."""
SPAN = (3.0, 1.2 * EDGE)
"""Least and most voxels along a lesion, drawn evenly in their logarithm. Where the distance went
with the size, the network learned to draw blobs of that size and not to look at the image."""
SHUFFLED = 48
"""Samples among which the next one is drawn: those of one region are much alike."""
IN_MUSCLE = 0.1
"""Share of regions around muscle, which takes lesions as a liver does: readers also outline what
PASTA has no type for."""
MUSCLE = catalog().label("back_muscle")
LIVER = catalog().label("liver")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sample:
    """A lesion to be outlined, in close-up; arrays are ``[z, y, x]``.

    Attributes:
        hu: float32.
        truth: the lesion.
        others: other findings, of which the reader has outlines.
        present: the outline to begin with; may be empty.
    """

    hu: NDArray[np.float32]
    truth: Mask
    others: Mask
    present: Mask


@dataclass(frozen=True, eq=False)
class Region:
    """Part of a case with lesions in it."""

    hu: NDArray[np.int16]
    lesions: tuple[Mask, ...]
    geometry: Geometry


class SampleMaker:
    """Draws samples; everything random comes from one seed.

    Args:
        folders: of cases that `pasta-train prepare` made, of whatever spacing.
        split: ``train`` or ``test``.
        config: the run.
        seed: of everything.

    Raises:
        PastaError: there is no case of the kinds of the configuration.
    """

    def __init__(
        self, folders: Sequence[Path], split: str, config: PromptingConfig, seed: int
    ) -> None:
        self._config = config
        self._rng = np.random.default_rng(seed)
        self._intensity = augment.intensity(seed)
        files = [found for folder in folders for found in case_files(folder, split)]
        self._files = {kind: [path for path, its in files if its == kind] for kind in config.kinds}
        self._files = {kind: paths for kind, paths in self._files.items() if paths}
        if not self._files:
            raise PastaError(
                f"No {split} case is of the kinds of the configuration "
                f"({', '.join(config.kinds)}); prepare such cases, or name those that there are."
            )
        self._sources: dict[Path, Source] = {}
        self._lesions = PatchLesions(count=LESIONS)

    def __iter__(self) -> Iterator[Sample]:
        """Samples without end, in random order."""
        waiting: list[Sample] = []
        while True:
            waiting += self._views(self._region())
            while len(waiting) > SHUFFLED:
                yield waiting.pop(int(self._rng.integers(len(waiting))))

    def _region(self) -> Region:
        rng = self._rng
        source = self._source()
        case = source.case
        hu, phase = source.draw_image(rng, case.spacing_mm)
        label = self._host(source)
        voxels = source.voxels[label]
        center = voxels[rng.integers(len(voxels))]
        region = cube(hu, center, self._config.region, -1024)
        organs = cube(case.labels, center, self._config.region, 0)
        if label == MUSCLE:
            organs = np.where(organs == MUSCLE, LIVER, 0).astype(np.uint8)
        geometry = Geometry.isotropic(region.shape, case.spacing_mm)
        lesions = self._lesions(region, organs, geometry, rng, phase)
        masks = []
        for lesion in lesions:
            region[lesion.where] += lesion.change
            mask = np.zeros(region.shape, bool)
            mask[lesion.where] = lesion.mask
            masks.append(mask)
        if rng.random() < 0.3:
            region = augment.thick_slices(region, rng)
        return Region(region, tuple(masks), geometry)

    def _host(self, source: Source) -> int:
        """Label of the structure that the region lies around: of an organ of a drawn type."""
        rng = self._rng
        if MUSCLE in source.voxels and rng.random() < IN_MUSCLE:
            return MUSCLE
        kind = catalog().lesion_types[str(rng.choice(source.lesion_types))]
        labels = catalog().organ_labels(kind.organ)
        return int(rng.choice([label for label in labels if label in source.voxels]))

    def _source(self) -> Source:
        rng = self._rng
        shares = np.array([self._config.kinds[kind] for kind in self._files])
        while True:
            kind = str(rng.choice(list(self._files), p=shares / shares.sum()))
            path = self._files[kind][rng.integers(len(self._files[kind]))]
            if path not in self._sources:
                self._sources[path] = Source(load_case(path))
            if self._sources[path].lesion_types:
                return self._sources[path]

    def _views(self, region: Region) -> Iterator[Sample]:
        for number, lesion in enumerate(region.lesions):
            others = [mask for n, mask in enumerate(region.lesions) if n != number]
            for _ in range(VIEWS):
                sample = self._view(region, lesion, others)
                if sample is not None:
                    yield sample

    def _view(self, region: Region, lesion: Mask, others: Sequence[Mask]) -> Sample | None:
        rng, geometry = self._rng, region.geometry
        grid = self._grid(np.argwhere(lesion), geometry)
        truth = resampled(lesion, geometry, grid) > 0.5
        if truth.sum() < LEAST_VOXELS:
            return None
        beside = np.zeros_like(truth)
        for mask in others:
            beside |= (resampled(mask, geometry, grid) > 0.5) & ~truth
        hu = sampled(region.hu, geometry, grid)
        image = NORMALIZATION(hu + np.float32(rng.normal(0, 5)))
        image = np.asarray(self._intensity({"image": image[None]})["image"])[0]
        present = np.zeros_like(truth)
        if rng.random() < self._config.spoiled:
            present = spoiled(truth, beside, rng)
        known = beside if rng.random() < 0.5 else np.zeros_like(truth)
        hu = (image * NORMALIZATION.sd + NORMALIZATION.mean).astype(np.float32)
        return Sample(hu, truth, known, present & ~known)

    def _grid(self, index: NDArray[np.int64], geometry: Geometry) -> Geometry:
        """A cube that shows a lesion from any distance."""
        rng = self._rng
        extent = float((np.ptp(index, axis=0).max() + 1) * geometry.spacing[0])
        step = max(FINEST_MM, extent / np.exp(rng.uniform(*np.log(SPAN))))
        if rng.random() < 0.4:
            center = geometry.points_of_zyx(index[rng.integers(len(index))])
        else:
            middle = (index.min(axis=0) + index.max(axis=0)) / 2
            center = geometry.points_of_zyx(middle) + rng.normal(0, 0.08 * EDGE * step, 3)
        return cube_around(center, float(step), EDGE, self._direction())

    def _direction(self) -> tuple[float, ...]:
        """Turned a little, and mirrored along any axis."""
        turn: Floats = Rotation.from_rotvec(self._rng.normal(0, 0.15, 3)).as_matrix()
        return tuple((turn * self._rng.choice([-1.0, 1.0], 3)).ravel().tolist())
