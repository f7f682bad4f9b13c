"""Training patches, made anew each time: a case, perhaps another phase, lesions, augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.scene import OCCUPIED, Scene
from PASTAGenLib.transforms.patch_lesions import draw_lesion, scene_after, types_in
from PASTALib.catalog import PHASES, Phase, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.model import Normalization
from PASTATrain import augment
from PASTATrain.cases import STORED, Case, load_case
from PASTATrain.classes import CLASSES, IGNORE, channel_table
from PASTATrain.config import TrainingConfig
from PASTATrain.painting import other_phase, paint

NORMALIZATION = Normalization(low=-1000.0, high=1000.0, mean=0.0, sd=100.0)
"""Units of 100 HU, which `PASTALib.network.compressed` takes."""

MARGIN = 1.5
"""Edge of the region that is prepared, in patches: room for deformation and for re-centering."""

MINIMUM_TISSUE = 0.05
"""Least share of a patch that is denser than -300 HU."""

MOST_LESIONS = 5
"""In a patch. A lesion is small, and a patch costs 30 times what inserting one does."""

REPAINT_AFTER = 6
"""A case serves this many patches before it is painted anew or gets another phase (0.3 s)."""


def cube(array: np.ndarray, center: np.ndarray, edge: int, outside: int) -> np.ndarray:
    """A cube around a voxel, filled with `outside` where it leaves the array."""
    first = center.astype(int) - edge // 2
    low = np.maximum(first, 0)
    high = np.minimum(first + edge, array.shape)
    if np.any(high <= low):
        return np.full((edge,) * 3, outside, array.dtype)
    inner = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    padding = list(zip(low - first, first + edge - high, strict=True))
    return np.pad(inner, padding, constant_values=outside)


@dataclass
class Source:
    """A case with what sampling needs of it, found once."""

    case: Case
    phase: Phase = "non_contrast"
    hu: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.int16))
    served: int = 0

    @cached_property
    def voxels(self) -> dict[int, np.ndarray]:
        """Some hundred voxels ``(n, 3)`` of every label that is there."""
        rng = np.random.default_rng(0)
        found = {}
        for label in np.unique(self.case.labels):
            if label in (0, IGNORE):
                continue
            all_voxels = np.argwhere(self.case.labels == label)
            found[int(label)] = all_voxels[rng.choice(len(all_voxels), 400)]
        return found

    @cached_property
    def lesion_types(self) -> tuple[str, ...]:
        """Lesion types whose organ is in the case."""
        return types_in(self.case.labels)

    def draw_image(self, rng: np.random.Generator, spacing_mm: float) -> tuple[np.ndarray, Phase]:
        """HU of the whole case in some contrast phase, and that phase."""
        if self.served % REPAINT_AFTER == 0:
            self.hu, self.phase = self._paint(rng, spacing_mm)
        self.served += 1
        return self.hu, self.phase

    def _paint(self, rng: np.random.Generator, spacing_mm: float) -> tuple[np.ndarray, Phase]:
        case = self.case
        if case.kind == "labels":
            phase = PHASES[rng.integers(3)]
            return paint(case.labels, spacing_mm, phase, rng), phase
        if case.kind == "real" and case.phase == "non_contrast" and rng.random() < 0.6:
            phase = PHASES[rng.integers(1, 3)]
            return other_phase(case.hu, case.labels, case.phase, phase, rng), phase
        return case.hu, cast(Phase, case.phase)


class PatchMaker:
    """Draws patches; everything random comes from the generator that is handed in."""

    def __init__(
        self,
        cases: Sequence[Case],
        config: TrainingConfig,
        seed: int,
        stored: Sequence[Path] = (),
    ) -> None:
        self._config = config
        kinds: dict[str, list[Source | Path]] = {
            kind: [Source(case) for case in cases if case.kind == kind] for kind in config.kinds
        }
        if STORED in kinds:
            kinds[STORED] += stored
        self._kinds = [(kind, sources) for kind, sources in kinds.items() if sources]
        if not self._kinds:
            raise PastaError(
                f"No case is of the kinds of the configuration ({', '.join(config.kinds)}); add "
                "such cases, or name those that there are in 'kinds'."
            )
        shares = np.array([config.kinds[kind] for kind, _ in self._kinds])
        self._shares = shares / shares.sum()
        self._mixes = {
            key: LesionMix.of(key, config.lesions.get(key, {}), f"lesions, {key}")
            for key in (*catalog().lesion_types, *config.lesions)
        }
        self._table = channel_table()
        self._deformation = augment.Deformation(config.patch, seed)
        self._intensity = augment.intensity(seed)

    def __call__(self, rng: np.random.Generator) -> dict[str, Any]:
        """One patch: ``image`` float32 ``(1, z, y, x)`` and ``label`` uint8 ``(z, y, x)``.

        Patches of little but air are drawn again: instance normalization has nothing to hold on
        to there, and inference skips such tiles.
        """
        while True:
            patch = self._draw(rng)
            tissue = patch["image"] > NORMALIZATION(np.array(-300.0))
            if tissue.mean() > MINIMUM_TISSUE:
                return patch

    def _draw(self, rng: np.random.Generator) -> dict[str, Any]:
        _, sources = self._kinds[rng.choice(len(self._kinds), p=self._shares)]
        source = sources[rng.integers(len(sources))]
        if isinstance(source, Path):
            source = Source(load_case(source))
        hu, phase = source.draw_image(rng, self._config.spacing_mm)
        if source.case.kind == STORED:
            region, channels = self._region(source, hu, self._stored_voxel(source, rng))
        elif source.lesion_types and rng.random() < self._config.lesion_share:
            region, channels = self._with_lesions(source, hu, phase, rng)
        else:
            region, channels = self._region(source, hu, self._any_voxel(source, rng))
        return self._augmented(region, self._table[channels], rng)

    def _any_voxel(self, source: Source, rng: np.random.Generator) -> np.ndarray:
        """A voxel of a structure drawn uniformly, or anywhere in the scan, moved a little."""
        if source.voxels and rng.random() < 0.8:
            voxels = source.voxels[int(rng.choice(list(source.voxels)))]
            center = voxels[rng.integers(len(voxels))]
        else:
            center = rng.integers(0, source.case.labels.shape)
        return center + rng.integers(-12, 13, 3)

    def _stored_voxel(self, source: Source, rng: np.random.Generator) -> np.ndarray:
        """A voxel near one of a lesion, where there is one, as often as lesions are inserted."""
        known = catalog().lesion_types.values()
        kinds = [kind.label for kind in known if kind.label in source.voxels]
        if not kinds or rng.random() >= self._config.lesion_share:
            return self._any_voxel(source, rng)
        voxels = source.voxels[int(rng.choice(kinds))]
        spread = round(0.3 * self._config.patch)
        return voxels[rng.integers(len(voxels))] + rng.integers(-spread, spread + 1, 3)

    def _region(
        self, source: Source, hu: np.ndarray, center: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        edge = int(MARGIN * self._config.patch)
        return cube(hu, center, edge, -1024), cube(source.case.labels, center, edge, 0)

    def _with_lesions(
        self, source: Source, hu: np.ndarray, phase: Phase, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """A region with one to five lesions, the first near its center."""
        kind = self._some_of(source.lesion_types, 1, rng)[0]
        organ = catalog().lesion_types[kind].organ
        labels = [label for label in catalog().organ_labels(organ) if label in source.voxels]
        voxels = source.voxels[int(rng.choice(labels))]
        region, channels = self._region(source, hu, voxels[rng.integers(len(voxels))])
        organs = channels.copy()
        others = types_in(organs)
        more = int(rng.integers(0, MOST_LESIONS)) if others else 0
        kinds = [kind, *self._some_of(others, more, rng)]
        geometry = Geometry.isotropic(region.shape, self._config.spacing_mm)
        scene, focus = Scene(region, organs, geometry), None
        for key in kinds:
            lesion = draw_lesion(scene, self._mixes[key], rng, phase)
            if lesion is None:
                continue
            scene = scene_after(scene, lesion)
            channels = np.where(scene.organs == OCCUPIED, channels, scene.organs)
            channels[lesion.where][lesion.mask] = catalog().label(key)
            if focus is None:
                first = [part.start for part in lesion.where]
                focus = np.argwhere(lesion.mask).mean(0) + first
        if focus is None:
            return region, channels
        region = scene.hu
        edge = int(1.25 * self._config.patch)
        spread = 0.3 * self._config.patch
        center = focus + rng.uniform(-spread, spread, 3)
        return cube(region, center, edge, -1024), cube(channels, center, edge, 0)

    def _some_of(self, types: tuple[str, ...], count: int, rng: np.random.Generator) -> list[str]:
        """So many of some lesion types, each as often as the run wants it."""
        if count == 0:
            return []
        often = np.array([self._config.often.get(key, 1.0) for key in types])
        return [str(key) for key in rng.choice(types, count, p=often / often.sum())]

    def _augmented(
        self, hu: np.ndarray, channels: np.ndarray, rng: np.random.Generator
    ) -> dict[str, Any]:
        hu = hu.astype(np.float32) + rng.normal(0, 5)
        if rng.random() < 0.15:  # keeps the sides honest without teaching situs inversus
            hu, channels = augment.mirror(hu, channels)
        if rng.random() < 0.2:
            hu = augment.thick_slices(hu, rng)
        hu, channels = self._deformation(hu, channels, rng)
        if rng.random() < 0.12:
            hu, channels = augment.short_field_of_view(hu, channels, rng)
        image = self._intensity({"image": NORMALIZATION(hu)[None]})["image"]
        return {
            "image": np.ascontiguousarray(image, np.float32),
            "label": channels,
        }


def endless(
    cases: Sequence[Case], config: TrainingConfig, seed: int, stored: Sequence[Path] = ()
) -> Iterator[dict[str, Any]]:
    """Patches without end; the same seed gives the same patches.

    Args:
        cases: held in memory.
        config: the run.
        seed: of everything random.
        stored: files of further cases of the kind `STORED`.
    """
    maker = PatchMaker(cases, config, seed, stored)
    rng = np.random.default_rng(seed)
    while True:
        yield maker(rng)


def describe(patch: dict[str, Any]) -> str:
    """Which classes a patch holds, for a person who looks at training data."""
    present = [CLASSES[c] for c in np.unique(patch["label"]) if c not in (0, IGNORE)]
    return ", ".join(present)
