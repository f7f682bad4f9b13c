"""A scan on which lesions are put one after another, tried out, taken away and put back.

Keeps what is expensive between two tries: the scan with the lesions that are kept so far, and the
plan of a sketch. Knows neither windows nor scenes; see `PASTAGenLib.jobs` and
`PASTAGenLib.mrml.bench_desk` for who works on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.apply import SyntheticCase, apply_in, drawn_in
from PASTAGenLib.boxes import slices
from PASTAGenLib.case import Trial, case_of, organs_after
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.nearest import nearest_place
from PASTAGenLib.outline import lesion_mask
from PASTAGenLib.placed import Placed
from PASTAGenLib.plan import placed_in
from PASTAGenLib.scene import HU, OCCUPIED, Scene, hosts_of
from PASTAGenLib.sites.hosts import FEW_VOXELS
from PASTAGenLib.spec import LesionSpec, Position
from PASTALib.catalog import catalog
from PASTALib.checks import exact_ct
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.progress import CancelToken

Plans = tuple[InsertionPlan, ...]


@dataclass(frozen=True, eq=False)
class Patch:
    """What one lesion changes of a scan: arrays ``[z, y, x]`` of the box of its plan.

    Attributes:
        plan: its plan.
        hu: HU after insertion.
        changed: voxels whose HU are other than before.
        mask: voxels of the lesion.
        organs: uint8 catalogue labels after insertion.
        truth: measured facts, see `PASTAGenLib.truth.Truth`; empty for a sketch.
    """

    plan: InsertionPlan
    hu: HU
    changed: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    organs: NDArray[np.uint8]
    truth: dict[str, Any]


class Workbench:
    """One scan and its organs.

    Args:
        ct: 3D image in HU.
        organs: catalogue labels of structures on the same grid.
        position: how the patient lies, where a request does not say.

    Raises:
        PastaError: the images do not match, or are no CT.
    """

    def __init__(
        self, ct: sitk.Image, organs: sitk.Image, position: Position | None = None
    ) -> None:
        self._ct, self._given, self._position = ct, organs, position
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
        spec, rng = self._lying(spec), np.random.default_rng(spec.seed)
        placed = placed_in(scene, spec, rng)
        self._sketched = (kept, spec, rng, placed)
        plan, share = placed.plan, placed.outline.share.cpu().numpy()
        before = scene.hu[slices(plan.box)]
        rise = plan.density.mean_hu - plan.density.base_hu
        after = scene.stored(before + np.float32(rise) * share)
        mask = lesion_mask(placed.outline.share)
        return Patch(plan, after, after != before, mask, self._labels(plan), {})

    def draw(self, kept: Plans, spec: LesionSpec, cancel: CancelToken | None = None) -> Patch:
        """The finished lesion: as `PASTAGenLib.apply.insert` makes it of the same spec and scan.

        Raises:
            PastaError: the lesion does not fit, or cannot be drawn as it is meant.
            Cancelled: asked to stop.
        """
        scene, organs = self._with(kept)
        spec, rng, first = self._lying(spec), np.random.default_rng(spec.seed), None
        sketched, self._sketched = self._sketched, None
        if sketched is not None and sketched[:2] == (kept, spec):
            rng, first = sketched[2:]
        drawn = drawn_in(Trial(scene, organs), spec, rng, first=first, cancel=cancel)
        inserted = drawn.inserted
        labels = organs_after(scene, organs, drawn.plan, inserted)
        changed = inserted.hu != scene.hu[slices(drawn.plan.box)]
        truth = drawn.truth.to_dict()
        return Patch(drawn.plan, inserted.hu, changed, inserted.mask, labels, truth)

    def nearest(
        self, kept: Plans, spec: LesionSpec, cancel: CancelToken | None = None
    ) -> tuple[float, float, float]:
        """LPS mm of the place nearest to the spec's center that holds the lesion.

        Raises:
            PastaError: there is none.
        """
        return nearest_place(self._with(kept)[0], self._lying(spec), cancel)

    def _lying(self, spec: LesionSpec) -> LesionSpec:
        return replace(spec, position=spec.position or self._position)

    # All lesions ---------------------------------------------------------------------------------

    def compose(self, plans: Plans) -> tuple[Patch, ...]:
        """The patches of lesions that are put in one after another, as they were planned.

        Raises:
            PastaError: a lesion finds no room where it was planned.
        """
        cases = self.cases(plans)
        before = [self._ct, *(case.ct for case in cases)]
        return tuple(_patch(case, ct) for case, ct in zip(cases, before, strict=False))

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


def in_hu(image: sitk.Image, what: str) -> sitk.Image:
    """A CT, checked, as it is: what is put into it is to fit its own voxels.

    Args:
        image: 3D scalar image.
        what: its name, for messages.

    Raises:
        PastaError: it is no CT, or one that has to be repaired first.
    """
    checked, _ = exact_ct(image, what)
    same_grid = np.allclose(checked.GetDirection(), image.GetDirection(), atol=1e-3)
    highest = (sitk.GetArrayViewFromImage(i).max() for i in (checked, image))
    if len(set(map(float, highest))) > 1:
        raise PastaError(
            f"{what} is not stored in HU (its rescale intercept was not applied); subtract the "
            "offset, or load the CT again."
        )
    if not same_grid or checked.GetSize() != image.GetSize():
        raise PastaError(f"{what} has axes that are not at right angles; resample it first.")
    return checked


def _patch(case: SyntheticCase, before: sitk.Image) -> Patch:
    box = slices(case.plan.box)
    images = (case.ct, before, case.lesion_mask, case.organs)
    hu, old, mask, organs = (sitk.GetArrayViewFromImage(image)[box].copy() for image in images)
    return Patch(case.plan, hu, hu != old, mask > 0, organs, case.truth.to_dict())
