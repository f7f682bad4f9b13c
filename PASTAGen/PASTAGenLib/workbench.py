"""A scan on which lesions are put one after another, tried out, taken away and put back.

Keeps what is expensive between two tries: the scan with the lesions that are kept so far, and the
plan of a sketch. Knows neither windows nor scenes; see `PASTAGenLib.jobs` and
`PASTAGenLib.mrml.bench_desk` for who works on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.apply import SyntheticCase, apply_in, drawn_in
from PASTAGenLib.boxes import slices
from PASTAGenLib.case import Trial, case_of, organs_after
from PASTAGenLib.insertion import HU_RANGE
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.nearest import nearest_place
from PASTAGenLib.outline import lesion_mask
from PASTAGenLib.placing import Placed
from PASTAGenLib.plan import placed_in
from PASTAGenLib.scene import OCCUPIED, Scene, hosts_of
from PASTAGenLib.sites.hosts import FEW_VOXELS
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.geometry import Geometry
from PASTALib.progress import CancelToken

Plans = tuple[InsertionPlan, ...]


@dataclass(frozen=True, eq=False)
class Patch:
    """What one lesion changes of a scan: arrays ``[z, y, x]`` of the box of its plan.

    Attributes:
        plan: its plan.
        hu: int16 HU after insertion.
        mask: voxels of the lesion.
        organs: uint8 catalogue labels after insertion.
        truth: measured facts, see `PASTAGenLib.truth.Truth`; empty for a sketch.
    """

    plan: InsertionPlan
    hu: NDArray[np.int16]
    mask: NDArray[np.bool_]
    organs: NDArray[np.uint8]
    truth: dict[str, Any]


class Workbench:
    """One scan and its organs.

    Args:
        ct: 3D image in HU.
        organs: catalogue labels of structures on the same grid.

    Raises:
        PastaError: the images do not match, or are no CT.
    """

    def __init__(self, ct: sitk.Image, organs: sitk.Image) -> None:
        self._ct, self._given = ct, organs
        self._first = Scene.of(ct, organs)
        self._plans: Plans = ()
        self._scene, self._organs = self._first, organs
        self._sketched: tuple[Plans, LesionSpec, np.random.Generator, Placed] | None = None

    @property
    def geometry(self) -> Geometry:
        """Where the voxels lie."""
        return self._first.geometry

    @property
    def phase(self) -> str:
        """Contrast phase, by the rule of thumb that plans use."""
        return self._first.phase

    def places(self) -> dict[str, tuple[str, ...]]:
        """Structures of the scan that lesions can be asked into, by organ; lobes included."""
        present = np.bincount(self._first.organs.ravel(), minlength=256) >= FEW_VOXELS
        known = catalog().structures
        found: dict[str, tuple[str, ...]] = {}
        for organ in catalog().organs:
            hosts = [h for h in hosts_of(organ) if present[list(h.labels)].any()]
            keys = {h.key for h in hosts}
            parts = [s for s in known.values() if s.parent in keys and present[s.label]]
            found[organ] = tuple(dict.fromkeys([h.key for h in hosts] + [s.key for s in parts]))
        return found

    # One lesion ----------------------------------------------------------------------------------

    def sketch(self, kept: Plans, spec: LesionSpec) -> Patch:
        """Where a lesion would be, evenly filled with its mean HU: quick, and not yet measured.

        Args:
            kept: the lesions that are there already.
            spec: what is asked for, with its seed.

        Raises:
            PastaError: the lesion does not fit.
        """
        scene, _ = self._with(kept)
        rng = np.random.default_rng(spec.seed)
        placed = placed_in(scene, spec, rng)
        self._sketched = (kept, spec, rng, placed)
        plan, share = placed.plan, placed.outline.share.cpu().numpy()
        before = scene.hu[slices(plan.box)].astype(np.float32)
        rise = plan.density.mean_hu - plan.density.base_hu
        after = np.clip(np.rint(before + share * rise), *HU_RANGE).astype(np.int16)
        organs = self._labels(plan)
        return Patch(plan, after, lesion_mask(placed.outline.share), organs, {})

    def draw(self, kept: Plans, spec: LesionSpec, cancel: CancelToken | None = None) -> Patch:
        """The finished lesion: as `PASTAGenLib.apply.insert` makes it of the same spec and scan.

        Raises:
            PastaError: the lesion does not fit, or cannot be drawn as it is meant.
            Cancelled: asked to stop.
        """
        scene, organs = self._with(kept)
        rng, first = np.random.default_rng(spec.seed), None
        sketched, self._sketched = self._sketched, None
        if sketched is not None and sketched[:2] == (kept, spec):
            rng, first = sketched[2:]
        drawn = drawn_in(Trial(scene, organs), spec, rng, first=first, cancel=cancel)
        inserted = drawn.inserted
        labels = organs_after(scene, organs, drawn.plan, inserted)
        return Patch(drawn.plan, inserted.hu, inserted.mask, labels, drawn.truth.to_dict())

    def nearest(
        self, kept: Plans, spec: LesionSpec, cancel: CancelToken | None = None
    ) -> tuple[float, float, float]:
        """LPS mm of the place nearest to the spec's center that holds the lesion.

        Raises:
            PastaError: there is none.
        """
        return nearest_place(self._with(kept)[0], spec, cancel)

    # All lesions ---------------------------------------------------------------------------------

    def compose(self, plans: Plans) -> tuple[Patch, ...]:
        """The patches of lesions that are put in one after another, as they were planned.

        Raises:
            PastaError: a lesion finds no room where it was planned.
        """
        return tuple(_patch(case) for case in self.cases(plans))

    def cases(self, plans: Plans) -> list[SyntheticCase]:
        """A case a lesion; each holds those before it, too, so that the last one holds all."""
        cases: list[SyntheticCase] = []
        for count, plan in enumerate(plans):
            scene, organs = self._with(plans[:count])
            inserted, trial = apply_in(scene, plan), Trial(scene, organs)
            before = cases[-1].ct if cases else self._ct
            cases.append(case_of(trial, before, plan, inserted, trial.measured(plan, inserted)))
        return cases

    def _with(self, plans: Plans) -> tuple[Scene, sitk.Image]:
        """The scan after some lesions, and its organ map; the latest is kept."""
        if plans == self._plans:
            return self._scene, self._organs
        if plans[: len(self._plans)] != self._plans:
            self._plans, self._scene, self._organs = (), self._first, self._given
        for plan in plans[len(self._plans) :]:
            self._add(plan)
        return self._scene, self._organs

    def _add(self, plan: InsertionPlan) -> None:
        inserted, box = apply_in(self._scene, plan), slices(plan.box)
        hu = self._scene.hu.copy()
        hu[box] = inserted.hu
        labels = sitk.GetArrayFromImage(self._organs).astype(np.uint8, copy=False)
        labels[box] = organs_after(self._scene, self._organs, plan, inserted)
        organs = sitk.GetImageFromArray(labels)
        organs.CopyInformation(self._given)
        labels[self._scene.organs == OCCUPIED] = OCCUPIED
        labels[box][inserted.mask] = OCCUPIED
        self._scene = Scene(hu, labels, self._first.geometry)
        self._organs, self._plans = organs, (*self._plans, plan)

    def _labels(self, plan: InsertionPlan) -> NDArray[np.uint8]:
        return sitk.GetArrayViewFromImage(self._organs)[slices(plan.box)].astype(np.uint8)


def _patch(case: SyntheticCase) -> Patch:
    box = slices(case.plan.box)
    images = (case.ct, case.lesion_mask, case.organs)
    hu, mask, organs = (sitk.GetArrayViewFromImage(image)[box].copy() for image in images)
    return Patch(case.plan, hu, mask > 0, organs, case.truth.to_dict())
