"""Put lesions into a CT: as planned, or planned, painted and measured until both agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.case import SyntheticCase, Trial, case_of
from PASTAGenLib.insertion import Inserted, apply_in, painted
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.outline import outline
from PASTAGenLib.placed import Placed
from PASTAGenLib.plan import placed_in
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.truth import Truth
from PASTAGenLib.verify import disagreements
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken

REDRAWS = 12
"""A lesion whose picture is not what was planned is drawn anew this many times."""

__all__ = ["SyntheticCase", "apply", "apply_in", "insert", "insert_in", "insert_many"]


def apply(
    ct: sitk.Image,
    organs: sitk.Image,
    plan: InsertionPlan,
    lesions: sitk.Image | None = None,
    device: str = "cpu",
) -> SyntheticCase:
    """Put a planned lesion into a CT. Pure: the same plan and CT give the same bytes.

    Args:
        ct: the CT that was planned on.
        organs: its organ map.
        plan: the plan.
        lesions: nonzero where lesions already are, as handed to `plan`.
        device: see `apply_in`.

    Raises:
        PastaError: the plan was made for another scan, or the images do not match.
    """
    scene = Scene.of(ct, organs, lesions)
    inserted = apply_in(scene, plan, device)
    trial = Trial(scene, organs)
    return case_of(trial, ct, plan, inserted, trial.measured(plan, inserted))


def insert_in(
    scene: Scene, spec: LesionSpec, rng: np.random.Generator, device: str = "cpu"
) -> tuple[InsertionPlan, Inserted]:
    """Plan and apply on arrays: the box ``plan.box`` of the scene's HU is to become ``.hu``.

    What is planned is not measured again, as `insert` does; a training loop needs the mask only.

    Raises:
        PastaError: see `plan`.
    """
    placed = placed_in(scene, spec, rng)
    return placed.plan, _painted(scene, placed, device)


def insert(
    ct: sitk.Image,
    organs: sitk.Image,
    spec: LesionSpec,
    rng: np.random.Generator | None = None,
    lesions: sitk.Image | None = None,
    device: str = "cpu",
) -> SyntheticCase:
    """Plan and apply one lesion, and draw it anew where a measurement does not find what was meant.

    Without `rng`, the seed of the spec is used.

    Raises:
        PastaError: see `plan`; or no lesion could be drawn that is found as it was meant.
    """
    if spec.number > 1:
        raise PastaError(f"insert puts in one lesion, not {spec.number}; use insert_many.")
    generator = np.random.default_rng(spec.seed) if rng is None else rng
    scene = Scene.of(ct, organs, lesions)
    trial = Trial(scene, organs)
    drawn = drawn_in(trial, spec, generator, device)
    return case_of(trial, ct, drawn.plan, drawn.inserted, drawn.truth, drawn.rejected)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A lesion whose picture is what was planned.

    Attributes:
        plan: its plan.
        inserted: its box after insertion.
        truth: its measured facts.
        rejected: what was drawn before and measured otherwise, see `SyntheticCase`.
    """

    plan: InsertionPlan
    inserted: Inserted
    truth: Truth
    rejected: tuple[tuple[str, int], ...]


def drawn_in(
    trial: Trial,
    spec: LesionSpec,
    rng: np.random.Generator,
    device: str = "cpu",
    *,
    first: Placed | None = None,
    cancel: CancelToken | None = None,
) -> Drawn:
    """Draw a lesion anew until a measurement finds what was meant.

    Args:
        trial: the scan.
        spec: what is asked for.
        rng: source of all randomness.
        device: see `apply_in`.
        first: the first plan, where it was made with `rng` already.
        cancel: asks to stop.

    Raises:
        PastaError: see `insert`.
        Cancelled: asked to stop.
    """
    reasons: Counter[str] = Counter()
    for _ in range(1 + REDRAWS):
        if cancel is not None:
            cancel.check()
        placed = first or placed_in(trial.scene, spec, rng)
        first = None
        inserted = _painted(trial.scene, placed, device)
        truth = trial.measured(placed.plan, inserted)
        wrong = disagreements(truth, spec)
        if not wrong:
            return Drawn(placed.plan, inserted, truth, tuple(sorted(reasons.items())))
        reasons.update(wrong)
    often = ", ".join(f"the {name} in {count}" for name, count in reasons.most_common())
    raise PastaError(
        f"Of {1 + REDRAWS} lesions that were drawn ({spec.kind.name.lower()}) none showed in this "
        f"scan what was meant; when measured, another was {often} of them. Ask for a larger lesion "
        f"or another place, or leave {reasons.most_common(1)[0][0]} open."
    )


def _painted(scene: Scene, placed: Placed, device: str) -> Inserted:
    where = placed.outline if device == "cpu" else outline(placed.plan, scene, device)
    return painted(scene, placed.plan, where, device)


def insert_many(
    ct: sitk.Image,
    organs: sitk.Image,
    specs: Sequence[LesionSpec],
    rng: np.random.Generator | None = None,
    device: str = "cpu",
) -> list[SyntheticCase]:
    """Insert lesions one after the other, none on top of another.

    A spec with a `number` stands for so many lesions; `device` is as of `apply_in`.

    Returns:
        One case a lesion. Each case's CT and organ map hold the lesions before it, too, so that
        the last one holds all; each lesion mask holds its own lesion only.

    Raises:
        PastaError: see `insert`.
    """
    single = [replace(spec, number=1) for spec in specs for _ in range(spec.number)]
    cases: list[SyntheticCase] = []
    lesions = sitk.Image(ct.GetSize(), sitk.sitkUInt8)
    lesions.CopyInformation(ct)
    if rng is None and len(single) > len(specs):  # the same seed would draw the same lesion
        rng = np.random.default_rng(single[0].seed)
    for spec in single:
        cases.append(insert(ct, organs, spec, rng, lesions, device))
        ct, organs = cases[-1].ct, cases[-1].organs
        lesions = sitk.Maximum(lesions, cases[-1].lesion_mask)
    return cases
