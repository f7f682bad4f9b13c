"""From unlabeled CT to label maps that `pasta-train add` takes, one folder a CT."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from PASTALib.batch import Outcome, run_batch
from PASTALib.case_folder import fingerprint, options_hash
from PASTALib.cases import Case, find_cases
from PASTALib.errors import PastaError
from PASTALib.files import write_text, written_atomically
from PASTALib.grid import BODY_HU, to_model_grid
from PASTALib.progress import CancelToken, Progress, part_of
from PASTALib.reading import read_ct
from PASTALib.writing import write_labels
from PASTATrain.carrying.atlases import GRID_MM, Atlas
from PASTATrain.carrying.fusing import Votes, vote
from PASTATrain.carrying.refining import (
    agreement,
    labels_of_votes,
    probabilities,
    refined,
    sure_labels,
)
from PASTATrain.carrying.registration import (
    COARSE_MM,
    FINE_MM,
    Settings,
    affine,
    bent,
    place_along_body,
    windowed,
)
from PASTATrain.classes import IGNORE
from PASTATrain.manifest import CARRIED

if TYPE_CHECKING:
    from PASTALib.model import Model

LABELS, VOTES, MANIFEST = "labels.nii.gz", "votes.npz", "manifest.json"


@dataclass(frozen=True)
class Laid:
    """An atlas laid onto a CT.

    Attributes:
        atlas: the atlas.
        transform: from points of the CT to points of the atlas.
        likeness: how alike they were when it was chosen, see `registration.affine`.
    """

    atlas: Atlas
    transform: sitk.Transform
    likeness: float

    def carried(self, grid: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
        """HU and labels of the atlas on the CT's grid, ``[z, y, x]``.

        Labels are `IGNORE` outside of the atlas.
        """
        atlas, transform = self.atlas, self.transform
        hu = sitk.Resample(atlas.image, grid, transform, sitk.sitkLinear, -1024)
        labels = sitk.Resample(atlas.labels, grid, transform, sitk.sitkNearestNeighbor, IGNORE)
        return sitk.GetArrayFromImage(hu), sitk.GetArrayFromImage(labels)


@dataclass(frozen=True)
class CarryJob:
    """Carries masks to one CT after the other.

    Attributes:
        atlases: what there is to carry from.
        tried: how many of them are laid onto the CT by an affine transform.
        best: how many of these are bent and vote.
        model: refines what was carried; None leaves it as it is.
        cancel: checked in each iteration.
        settings: how long registration searches.
    """

    atlases: Sequence[Atlas]
    tried: int
    best: int
    model: Model | None
    cancel: CancelToken
    settings: Settings = field(default_factory=Settings)

    @property
    def key(self) -> dict[str, str]:
        """What the result depends on besides the CT."""
        votes = [[atlas.name for atlas in self.atlases], self.tried, self.best, vars(self.settings)]
        sha256 = self.model.info.sha256 if self.model else "none"
        return {"votes": options_hash({"votes": votes}), "model": sha256}

    @property
    def classes(self) -> tuple[str, ...]:
        """Catalogue keys of the model's channels."""
        return self.model.info.classes if self.model else ("background",)

    def __call__(self, case: Case, folder: Path, progress: Progress) -> dict[str, Any]:
        """Write the labels of a CT into a folder; what was voted there before is used again.

        Raises:
            PastaError: the CT cannot be read, or no atlas shares enough of the body with it.
            Cancelled: asked to stop.
        """
        ct = read_ct(case.path, cancel=self.cancel)
        grid = to_model_grid(ct.image, GRID_MM, cancel=self.cancel).image
        hu = sitk.GetArrayViewFromImage(grid)
        seen = None
        if self.model is not None:
            asking = part_of(progress, 0.0, 0.1)
            seen = probabilities(ct.image, grid, self.model, asking, self.cancel)
        stamp = f"{fingerprint(case.path)} {self.key['votes']}"
        votes = _stored_votes(folder / VOTES, stamp)
        if votes is None:
            guide = sure_labels(hu, seen, self.classes) if seen is not None else None
            votes = self.votes(grid, guide, part_of(progress, 0.1, 1.0))
            _store_votes(folder / VOTES, votes, stamp)
        labels = labels_of_votes(hu, votes)
        if seen is not None:
            labels = refined(hu, votes, seen, self.classes)
        image = sitk.GetImageFromArray(labels)
        image.CopyInformation(grid)
        on_ct = sitk.Resample(image, ct.image, sitk.Transform(), sitk.sitkNearestNeighbor)
        write_labels(on_ct, folder / LABELS)
        body = hu > BODY_HU
        share = 1 - float(np.mean(labels[body] == IGNORE)) if body.any() else 0.0
        return {"image": str(case.path.resolve()), "notes": f"{share:.0%} of the body labeled"}

    def votes(self, grid: sitk.Image, guide: np.ndarray | None, progress: Progress) -> Votes:
        """The vote of the atlases that look most like a CT.

        Args:
            grid: the CT on voxels of `GRID_MM`.
            guide: labels that a model is sure of, `IGNORE` elsewhere: an atlas laid at the wrong
                height can look alike, but puts lungs where the model sees bowel.
            progress: told after each atlas.

        Raises:
            PastaError: no atlas shares enough of the body with it.
            Cancelled: asked to stop.
        """
        curved = []
        laid = self.laid(grid, guide, part_of(progress, 0.0, 0.3))
        for number, one in enumerate(laid):
            progress(0.3 + 0.7 * number / len(laid), f"Bending {one.atlas.name}")
            curved.append(self.bent(grid, one))
        hu = sitk.GetArrayViewFromImage(grid)
        return vote(hu, (one.carried(grid) for one in curved))

    def laid(self, grid: sitk.Image, guide: np.ndarray | None, progress: Progress) -> list[Laid]:
        """The `best` atlases after the affine transform, the most alike first; see `votes`.

        None may be left: then nobody votes, and only the model answers.
        """
        fixed = windowed(grid, COARSE_MM)
        placed = []
        for number, atlas in enumerate(self.atlases):
            self.cancel.check()
            progress(0.4 * number / len(self.atlases), f"Placing {atlas.name}")
            found = place_along_body(fixed, windowed(atlas.image, COARSE_MM))
            if found is not None:
                placed.append(Laid(atlas, *found))
        if not placed:
            raise PastaError(
                "No atlas shows enough of the body that this CT shows; add labeled scans of that "
                "region, or torsos made by rule ('--torsos')."
            )
        tried = _most_alike(placed, self.tried)
        laid = []
        for number, one in enumerate(tried):
            progress(0.4 + 0.6 * number / len(tried), f"Laying {one.atlas.name} onto the CT")
            moving = windowed(one.atlas.image, COARSE_MM)
            with suppress(RuntimeError):  # ITK gives up where the two have moved apart
                found = affine(fixed, moving, one.transform, self.settings, self.cancel)
                laid.append(Laid(one.atlas, *found))
        if guide is not None:
            laid = [
                replace(one, likeness=one.likeness * agreement(guide, one.carried(grid)[1]))
                for one in laid
            ]
        return _most_alike([one for one in laid if one.likeness > 0], self.best)

    def bent(self, grid: sitk.Image, laid: Laid) -> Laid:
        """An atlas after the B-splines, or as it was where these find nothing; see `votes`."""
        fixed, moving = (windowed(image, FINE_MM) for image in (grid, laid.atlas.image))
        with suppress(RuntimeError):
            transform = bent(fixed, moving, laid.transform, self.settings, self.cancel)
            return replace(laid, transform=transform)
        return laid


def _most_alike(laid: Sequence[Laid], count: int) -> list[Laid]:
    return sorted(laid, key=lambda one: -one.likeness)[:count]


def _store_votes(path: Path, votes: Votes, stamp: str) -> None:
    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, stamp=stamp, labels=votes.labels, shares=votes.shares)


def _stored_votes(path: Path, stamp: str) -> Votes | None:
    """The votes of an earlier run, where CT and atlases were the same."""
    try:
        with np.load(path) as stored:
            same = stored["stamp"].item() == stamp
            return Votes(stored["labels"], stored["shares"]) if same else None
    except (OSError, ValueError, KeyError):
        return None


def carry(inputs: Sequence[Path], out: Path, job: CarryJob, progress: Progress) -> list[Outcome]:
    """Carry masks to CTs, and list what is done in a manifest.

    Args:
        inputs: files, DICOM folders, or folders of such.
        out: gets a folder for each CT and ``manifest.json``; CTs done before are kept.
        job: how it is done.
        progress: told about all of it.

    Raises:
        PastaError: an input does not exist, or nothing can be written.
        Cancelled: asked to stop; what is done stays.
    """
    done: list[Outcome] = []

    def finished(outcome: Outcome) -> None:
        if outcome.status in ("done", "kept"):
            done.append(outcome)
            _write_manifest(out, done)

    return run_batch(
        find_cases(inputs, out), out, job, key=job.key, resume=True,
        progress=progress, cancel=job.cancel, finished=finished,
    )  # fmt: skip


def _write_manifest(out: Path, outcomes: Sequence[Outcome]) -> None:
    """A manifest of the finished CTs, each as a patient of its own in the split ``train``."""
    rows = [
        {
            "name": outcome.case.name,
            "patient": outcome.case.name,
            "split": "train",
            "image": outcome.facts["image"],
            "masks": f"{outcome.case.name}/{LABELS}",
        }
        for outcome in outcomes
    ]
    write_text(out / MANIFEST, json.dumps({"labels": CARRIED, "cases": rows}, indent=1) + "\n")
