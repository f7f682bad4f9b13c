"""Organ masks carried from a labeled scan to an unlabeled one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom

from PASTALib.catalog import catalog
from PASTALib.errors import Cancelled, PastaError
from PASTALib.model import load_model
from PASTALib.progress import CancelToken, silent
from PASTATrain.carrying.atlases import Atlas, read_atlases
from PASTATrain.carrying.carry import LABELS, MANIFEST, VOTES, CarryJob, Laid, carry
from PASTATrain.carrying.fusing import Votes, vote
from PASTATrain.carrying.refining import labels_of_votes, refined
from PASTATrain.carrying.registration import Settings, affine, bent, place_along_body, windowed
from PASTATrain.classes import IGNORE
from PASTATrain.cli import main
from PASTATrain.judging.judge import chosen
from PASTATrain.manifest import read_manifest
from PASTATrain.stored import entry_case

QUICK = Settings(affine_steps=25, bending_steps=8)
LIVER, SPLEEN, AORTA = (catalog().label(key) for key in ("liver", "spleen", "aorta"))
ADRENAL = catalog().label("adrenal_gland_left")


def in_air(image: sitk.Image, outside: float, margin: int = 6) -> sitk.Image:
    """An image with a margin, so that a body has an outline."""
    padded = sitk.ConstantPad(image, [margin] * 3, [margin] * 3, outside)
    padded.SetOrigin((0.0, 0.0, 0.0))
    return padded


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    hu, labels = phantom(spacing=(4.0, 4.0, 4.0))
    return Atlas("phantom", in_air(hu, -1000), in_air(labels, 0))


@pytest.fixture(scope="module")
def patient(atlas: Atlas) -> Atlas:
    """The same body, stretched, moved and bent by up to a centimeter."""
    stretch = sitk.AffineTransform(3)
    stretch.SetCenter((90.0, 80.0, 85.0))
    stretch.Scale((0.93, 1.06, 0.95))
    stretch.Translate((5.0, -4.0, 6.0))
    splines = sitk.BSplineTransformInitializer(atlas.image, [3, 3, 3])
    rng = np.random.default_rng(3)
    splines.SetParameters(rng.normal(0, 5, len(splines.GetParameters())).tolist())
    both = sitk.CompositeTransform([stretch, splines])
    images = (
        sitk.Resample(atlas.image, both, sitk.sitkLinear, -1000),
        sitk.Resample(atlas.labels, both, sitk.sitkNearestNeighbor, 0),
    )
    return Atlas("patient", *images)


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float((found & truth).sum()) / float(found.sum() + truth.sum())


def overlaps(found: np.ndarray, truth: sitk.Image) -> dict[str, float]:
    labels = sitk.GetArrayViewFromImage(truth)
    return {
        key: dice(found == catalog().label(key), labels == catalog().label(key))
        for key in ("liver", "kidney_left", "stomach", "urinary_bladder", "back_muscle")
    }


def mean(values: dict[str, float]) -> float:
    return float(np.mean(list(values.values())))


def test_each_step_of_the_registration_brings_the_labels_closer(
    atlas: Atlas, patient: Atlas
) -> None:
    coarse = windowed(patient.image, 8.0), windowed(atlas.image, 8.0)
    fine = windowed(patient.image, 4.0), windowed(atlas.image, 4.0)
    found = place_along_body(*coarse)
    assert found is not None
    laid, _ = affine(*coarse, found[0], QUICK)
    curved = bent(*fine, laid, QUICK)
    before, straight, after = (
        mean(overlaps(Laid(atlas, transform, 0.0).carried(patient.image)[1], patient.labels))
        for transform in (sitk.Transform(), laid, curved)
    )
    assert straight > before + 0.05
    assert after > straight + 0.02
    assert after > 0.8


def test_atlas_of_a_part_of_the_body_is_placed_at_that_part(atlas: Atlas) -> None:
    lower = atlas.image[:, :, :24]
    found = place_along_body(windowed(atlas.image, 8.0), windowed(lower, 8.0))
    assert found is not None
    assert np.abs(np.array(found[0].GetOffset())).max() <= 8


def test_what_lies_outside_of_every_atlas_is_unknown(atlas: Atlas) -> None:
    lower = Atlas("lower", atlas.image[:, :, :24], atlas.labels[:, :, :24])
    carried = [Laid(lower, sitk.Transform(), 0.0).carried(atlas.image)]
    hu = sitk.GetArrayViewFromImage(atlas.image)
    labels = labels_of_votes(hu, vote(hu, carried))
    above = labels[24:]
    assert set(np.unique(above[hu[24:] > -400])) == {IGNORE}
    assert set(np.unique(above[hu[24:] < -900])) <= {0, IGNORE}
    assert (labels[:24] == sitk.GetArrayViewFromImage(lower.labels)).mean() > 0.999


def test_atlas_that_does_not_look_like_the_patient_is_outvoted() -> None:
    rng = np.random.default_rng(0)
    hu = rng.normal(0, 60, (16, 16, 16)).astype(np.float32)
    alike, unlike = hu + rng.normal(0, 20, hu.shape), rng.normal(0, 60, (2, *hu.shape))
    liver, spleen = (np.full(hu.shape, label, np.uint8) for label in (LIVER, SPLEEN))
    votes = vote(hu, [(alike, liver), (unlike[0], spleen), (unlike[1], spleen)])
    assert (labels_of_votes(hu, votes) == LIVER).mean() > 0.9


def test_without_a_vote_the_body_is_unknown_and_air_is_background() -> None:
    hu = np.array([[[-1000.0, 40.0]]])
    assert labels_of_votes(hu, vote(hu, [])).tolist() == [[[0, IGNORE]]]


def believed(vote_for: dict[int, float], seen: dict[str, float]) -> int:
    """Label of one voxel of soft tissue."""
    labels = sorted({0, *vote_for})
    shares = np.array([round(255 * vote_for.get(label, 0.0)) for label in labels], np.uint8)
    votes = Votes(np.array(labels, np.uint8), shares[:, None, None, None])
    probability = np.array(list(seen.values()), np.float32)[:, None, None, None]
    hu = np.full((1, 1, 1), 60.0)
    return int(refined(hu, votes, probability, tuple(seen))[0, 0, 0])


def test_vote_decides_where_the_model_is_unsure() -> None:
    unsure = {"background": 0.1, "liver": 0.5, "spleen": 0.4}
    assert believed({LIVER: 1.0}, unsure) == LIVER
    assert believed({}, unsure) == IGNORE


def test_model_decides_where_it_is_sure() -> None:
    sure = {"background": 0.005, "liver": 0.99, "spleen": 0.005}
    assert believed({SPLEEN: 1.0}, sure) == LIVER
    assert believed({}, sure) == LIVER


def test_structure_that_the_model_was_never_taught_comes_from_the_vote() -> None:
    nothing = {"background": 0.98, "liver": 0.01, "spleen": 0.01}
    assert believed({ADRENAL: 0.95, 0: 0.05}, nothing) == ADRENAL
    assert believed({ADRENAL: 0.5, 0: 0.5}, nothing) == IGNORE
    assert believed({}, nothing) == 0


def test_what_may_be_a_lesion_is_unknown() -> None:
    lesion = {"background": 0.0, "liver": 0.7, "liver_tumor": 0.3}
    assert believed({LIVER: 1.0}, lesion) == IGNORE


def stored(folder: Path, atlas: Atlas, patient: Atlas) -> tuple[Path, Path]:
    """Files of a manifest with the lower part of the atlas, and of the CT of the patient."""
    lower = atlas.image[:, :, :34], atlas.labels[:, :, :34]
    for name, image in (("a", lower[0]), ("a_seg", lower[1]), ("ct", patient.image)):
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    case = {"name": "a", "patient": "a", "split": "train", "image": "a.nii.gz"}
    listed = {"labels": "pasta", "cases": [{**case, "masks": "a_seg.nii.gz"}]}
    (folder / "atlases.json").write_text(json.dumps(listed))
    return folder / "atlases.json", folder / "ct.nii.gz"


def test_carried_labels_become_partly_labeled_training_cases(
    tmp_path: Path, atlas: Atlas, patient: Atlas
) -> None:
    manifest, ct = stored(tmp_path, atlas, patient)
    atlases = read_atlases(None, manifest, 0, silent, CancelToken())
    job = CarryJob(atlases, 1, 1, None, CancelToken(), QUICK)
    out = tmp_path / "out"
    first = carry([ct], out, job, silent)
    assert [outcome.status for outcome in first] == ["done"]
    (entry,) = read_manifest(out / MANIFEST)
    case = entry_case(entry, 4.0)
    assert case.kind == "partial"
    assert case.split == "train"
    assert {0, LIVER, IGNORE} <= set(np.unique(case.labels))
    with pytest.raises(PastaError, match="no truth to judge by"):
        chosen([entry], "train", "manifest.json")
    name = first[0].case.name
    votes = (out / name / VOTES).stat().st_mtime_ns
    assert [outcome.status for outcome in carry([ct], out, job, silent)] == ["kept"]
    (out / name / LABELS).unlink()
    (out / name / "done.json").unlink()  # as after a stop: the vote is not taken again
    assert [outcome.status for outcome in carry([ct], out, job, silent)] == ["done"]
    assert (out / name / VOTES).stat().st_mtime_ns == votes


def test_next_model_is_asked_without_another_registration(
    tmp_path: Path, atlas: Atlas, patient: Atlas
) -> None:
    _, ct = stored(tmp_path, atlas, patient)
    job = CarryJob([atlas], 1, 1, None, CancelToken(), QUICK)
    out = tmp_path / "out"
    (first,) = carry([ct], out, job, silent)
    votes = out / first.case.name / VOTES
    taken = votes.stat().st_mtime_ns
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / first.case.name / LABELS)))
    (second,) = carry([ct], out, replace(job, model=load_model("pasta-s")), silent)
    joined = sitk.GetArrayFromImage(sitk.ReadImage(str(out / first.case.name / LABELS)))
    assert second.status == "done"
    assert votes.stat().st_mtime_ns == taken
    assert joined.shape == labels.shape
    assert (joined != labels).any()


def test_atlas_at_the_wrong_height_is_told_by_what_a_model_is_sure_of(
    atlas: Atlas, patient: Atlas
) -> None:
    upside_down = sitk.Flip(atlas.labels, [False, False, True], False)
    upside_down.CopyInformation(atlas.labels)
    wrong = Atlas("wrong", atlas.image, upside_down)
    guide = sitk.GetArrayFromImage(patient.labels)
    guide[::2] = IGNORE
    job = CarryJob([wrong, atlas], 2, 1, None, CancelToken(), QUICK)
    (best,) = job.laid(patient.image, guide, silent)
    assert best.atlas.name == "phantom"


def test_cancelled_run_stops_and_leaves_no_half_result(
    tmp_path: Path, atlas: Atlas, patient: Atlas
) -> None:
    _, ct = stored(tmp_path, atlas, patient)
    cancel = CancelToken()

    def stop(fraction: float, message: str) -> None:
        if "Bending" in message:
            cancel.cancel()

    job = CarryJob([replace(atlas)], 1, 1, None, cancel, QUICK)
    with pytest.raises(Cancelled):
        carry([ct], tmp_path / "out", job, stop)
    assert not list((tmp_path / "out").rglob(LABELS))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--torsos", "0"], "There is no atlas"),
        (["--torsos", "1", "--best", "9"], "'--best' must be"),
        (["--manifest", "missing.json"], "missing.json"),
    ],
)
def test_command_says_what_is_wrong(
    tmp_path: Path,
    patient: Atlas,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    said: str,
) -> None:
    sitk.WriteImage(patient.image, str(tmp_path / "ct.nii.gz"))
    command = ["carry", str(tmp_path / "ct.nii.gz"), "-o", str(tmp_path / "out")]
    assert main([*command, "--model", "none", *more]) == 1
    assert said in capsys.readouterr().err


def test_files_that_are_no_ct_are_told_and_stop_nothing(
    tmp_path: Path, atlas: Atlas, patient: Atlas
) -> None:
    _, ct = stored(tmp_path, atlas, patient)
    job = CarryJob([atlas], 1, 1, None, CancelToken(), QUICK)
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    bad = [tmp_path / "a_seg.nii.gz", tmp_path / "empty.nii.gz"]
    outcomes = carry([*bad, ct], tmp_path / "out", job, silent)
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "done"]
    assert "label map" in outcomes[0].message
    assert "empty" in outcomes[1].message
    assert len(read_manifest(tmp_path / "out" / MANIFEST)) == 1
    with pytest.raises(PastaError, match="does not exist"):
        carry([tmp_path / "absent.nii.gz"], tmp_path / "out", job, silent)
