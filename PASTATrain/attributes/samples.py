"""Lesions with known attributes, inserted on the fly into training cases, as features.

The answers are the attributes as they were planned. Lesions are taken as they are drawn first, and
none is drawn anew because the measuring rules read it otherwise: so head and rules can be judged
on the same lesions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import apply
from PASTAGenLib.plan import plan
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.files import written_atomically
from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress
from PASTATrain.cases import Case
from PASTATrain.classes import IGNORE
from PASTATrain.heads.encoder import crop_edge, features_of
from PASTATrain.patches import Source, cube

JITTER = 3
"""The lesion's center lies within so many voxels of the crop's, along each axis."""
BATCH = 16
ATTEMPTS = 60
"""Cases that can hold no lesion are given up after so many."""


def question_values() -> dict[str, tuple[str, ...]]:
    """What can be answered to each question: the five attributes (4, 3, 2, 2, 2) and the type."""
    attributes = {key: attribute.values for key, attribute in catalog().attributes.items()}
    return {**attributes, "type": tuple(catalog().lesion_types)}


@dataclass(frozen=True)
class Samples:
    """Lesions as features with the right answers.

    Attributes:
        features: float32 ``(n, features)``.
        answers: int64 ``(n, questions)``: number of the right value of each question.
        rules: int64 ``(n, questions)``: what the measuring rules of `PASTALib.attributes` say,
            given the true mask and type.
        cases: name of the case of each.
    """

    features: np.ndarray
    answers: np.ndarray
    rules: np.ndarray
    cases: np.ndarray


@dataclass(frozen=True)
class _Lesion:
    crop: np.ndarray
    mask: np.ndarray
    answers: list[int]
    rules: list[int]
    case: str


def make_samples(
    cases: Sequence[Case],
    model: Model,
    count: int,
    seed: int,
    progress: Progress,
    cancel: CancelToken,
) -> Samples:
    """Insert lesions and read their features.

    Args:
        cases: scans on the grid of the model.
        model: whose encoder reads them.
        count: how many lesions.
        seed: of everything random.
        progress: told after each batch.
        cancel: checked before each batch.

    Raises:
        PastaError: the cases can hold no lesion, or lie on another grid.
        Cancelled: asked to stop.
    """
    _check_grid(cases, model)
    lesions = _lesions(cases, crop_edge(model), np.random.default_rng(seed))
    features: list[np.ndarray] = []
    made: list[_Lesion] = []
    while len(made) < count:
        cancel.check()
        batch = [next(lesions) for _ in range(min(BATCH, count - len(made)))]
        crops, masks = (np.stack([getattr(x, k) for x in batch]) for k in ("crop", "mask"))
        features.append(features_of(model, crops, masks))
        made += [replace(x, crop=x.crop[:0], mask=x.mask[:0]) for x in batch]
        progress(len(made) / count, f"lesion {len(made)} of {count}")
    answers, rules = (np.array([getattr(x, key) for x in made]) for key in ("answers", "rules"))
    cases_of = np.array([lesion.case for lesion in made])
    return Samples(np.concatenate(features), answers, rules, cases_of)


def _check_grid(cases: Sequence[Case], model: Model) -> None:
    odd = [case for case in cases if abs(case.spacing_mm - model.info.spacing_mm) > 1e-6]
    if odd:
        raise PastaError(
            f"The case {odd[0].name} has voxels of {odd[0].spacing_mm:g} mm, the model of "
            f"{model.info.spacing_mm:g} mm; prepare cases for this model."
        )


def _lesions(cases: Sequence[Case], edge: int, rng: np.random.Generator) -> Iterator[_Lesion]:
    """Lesions without end, of a type drawn from those that the case can hold."""
    sources = [source for source in map(Source, cases) if source.lesion_types]
    failed = 0
    while True:
        if not sources or failed > ATTEMPTS:
            raise PastaError("The cases hold no organ that a lesion could be inserted into.")
        source = sources[rng.integers(len(sources))]
        lesion = _lesion(source, edge, rng)
        failed = 0 if lesion else failed + 1
        if lesion:
            yield lesion


def _lesion(source: Source, edge: int, rng: np.random.Generator) -> _Lesion | None:
    case = source.case
    hu, phase = source.draw_image(rng, case.spacing_mm)
    organs = np.where(case.labels == IGNORE, 0, case.labels).astype(np.uint8)
    ct, labels = (sitk.GetImageFromArray(array) for array in (hu.astype(np.int16), organs))
    for image in (ct, labels):
        image.SetSpacing((case.spacing_mm,) * 3)
    kind = str(rng.choice(source.lesion_types))
    try:
        made = apply(ct, labels, plan(ct, labels, LesionSpec(type=kind, phase=phase), rng))
    except PastaError:
        return None  # the organ is too small for it, or too little of it is there
    mask = sitk.GetArrayFromImage(made.lesion_mask) > 0
    if not mask.any():
        return None
    center = np.argwhere(mask).mean(axis=0).round() + rng.integers(-JITTER, JITTER + 1, 3)
    crop = cube(sitk.GetArrayViewFromImage(made.ct), center, edge, -1024)
    seen = cube(mask, center, edge, 0)
    answers, rules = (
        [values.index({**told, "type": kind}[key]) for key, values in question_values().items()]
        for told in (made.truth.attributes, made.truth.measured)
    )
    return _Lesion(crop.astype(np.float32), seen, answers, rules, case.name)


def save_samples(path: Path, samples: Samples) -> None:
    """Write samples to a file."""
    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **vars(samples))


def load_samples(path: Path) -> Samples:
    """Read what `save_samples` wrote."""
    with np.load(path) as stored:
        return Samples(**{key: stored[key] for key in stored.files})
