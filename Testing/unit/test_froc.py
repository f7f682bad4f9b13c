"""``pasta-train froc``: the curve holds what is shipped, and goes on to both sides of it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTAGenLib.torso import build_torso, sample_torso
from PASTALib.catalog import catalog
from PASTALib.ct import CT, Segmentation
from PASTALib.errors import PastaError
from PASTALib.model import Model, ModelInfo, Normalization
from PASTALib.progress import CancelToken, silent
from PASTATrain.cli import main
from PASTATrain.evaluation import KnownScan
from PASTATrain.froc import inserted
from PASTATrain.froc.curve import CURVE, PAGE, PLOT, as_csv, curve_of, sentences_of, write_curve
from PASTATrain.froc.inserted import judged_on
from PASTATrain.judging.rows import CaseRow, FindingRow, Judged, LesionRow

INFO = ModelInfo(
    "unsure", "1", ("background", "liver"), 3.0, (64,) * 3, (4,), Normalization(-1000, 500, 0, 250),
    least_confidence=0.7,
)  # fmt: skip
UNSURE = Model(INFO, None, "cpu")  # type: ignore[arg-type]


def rows(patients: int = 4) -> Judged:
    """Each patient has a lesion found with 0.9, one with 0.4 and one missed; false: 0.6, 0.2."""
    names = [f"P{n}" for n in range(patients)]
    lesions = [
        LesionRow(name, name, number, "liver_tumor", 12.0, confidence > 0, confidence=confidence)
        for name in names
        for number, confidence in enumerate((0.9, 0.4, 0.0))
    ]
    findings = [
        FindingRow(name, name, "liver_tumor", confidence, true, 12.0)
        for name in names
        for confidence, true in ((0.9, True), (0.4, True), (0.6, False), (0.2, False))
    ]
    cases = [CaseRow(name, name, None, float("nan")) for name in names]
    return Judged("m", (), lesions, findings, cases, ())


def test_the_curve_reaches_to_both_sides_of_what_is_shipped() -> None:
    curve = curve_of(rows(), 0.5, resamples=50)
    assert [(point.threshold, point.found) for point in curve.points] == [(0.4, 8), (0.9, 4)]
    assert [point.false_per_scan.value for point in curve.points] == [1.0, 0.0]
    assert curve.shipped.found == 4
    assert curve.shipped.false_per_scan.value == 1.0
    assert curve.at(0.5) is curve.points[1]
    assert curve.at(1.0) is curve.points[0]


def test_the_sentences_end_where_everything_has_been_counted() -> None:
    shipped, *others = sentences_of(curve_of(rows(), 0.5, resamples=50))
    told = "4 of 12 found (95 %: 33% to 33%), confidence from 0.50 on"
    assert shipped == f"as shipped, at 1.00 false findings a scan: {told}"
    assert [sentence.split(" a scan")[0] for sentence in others] == [
        "at 0.25 false findings", "at 0.5 false findings", "at 1 false finding",
    ]  # fmt: skip
    assert "8 of 12 found" in others[-1]


def test_one_scan_has_no_interval_and_a_model_that_finds_nothing_a_curve_of_one_point() -> None:
    alone = curve_of(rows(1), 0.5)
    assert "95 %" not in " ".join(sentences_of(alone))
    blind = replace(rows(), lesions=[replace(row, found=False) for row in rows().lesions])
    (sentence,) = sentences_of(curve_of(blind, 0.5, resamples=20))
    assert "0 of 12 found" in sentence


def test_the_csv_marks_what_is_shipped() -> None:
    lines = list(csv.DictReader(as_csv(curve_of(rows(), 0.5, resamples=50)).splitlines()))
    assert [line["confidence_from"] for line in lines] == ["0.4000", "0.5000", "0.9000"]
    assert [line["shipped"] for line in lines] == ["", "yes", ""]
    assert [line["found"] for line in lines] == ["8", "4", "4"]
    assert lines[0]["sensitivity"] == "0.6667"
    assert lines[0]["lesions"] == "12"


def test_the_page_has_the_curve_of_everything_and_tables_of_what_is_shipped(tmp_path: Path) -> None:
    write_curve(curve_of(rows(), 0.5, resamples=20), tmp_path, resamples=20)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert 'alt="FROC curves"' in page
    all_lesions = next(line for line in page.splitlines() if line.startswith("<tr><td>all</td>"))
    assert '<td class="number">12</td><td class="number">0.33' in all_lesions
    assert '<tr><td class="number">1</td><td class="number">0.67' in page
    assert (tmp_path / PLOT).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / CURVE).is_file()


@pytest.fixture(scope="module")
def torso():
    return build_torso(sample_torso(np.random.default_rng(4), spacing=(4.0, 4.0, 4.0)))


def test_what_is_less_sure_than_the_models_threshold_is_on_the_curve(
    torso, monkeypatch: pytest.MonkeyPatch
) -> None:
    untouched = sitk.GetArrayFromImage(torso.image)
    least = []

    def changes(ct: CT, model: Model, **_: object) -> Segmentation:
        """Outlines whatever differs from the torso, with a confidence of 0.6."""
        least.append(model.info.least_confidence)
        changed = np.abs(sitk.GetArrayFromImage(ct.image) - untouched) > 10
        lesions = (changed * catalog().label("liver_tumor")).astype(np.uint8)
        probability = np.full(lesions.shape, 153, np.uint8)
        images = [sitk.GetImageFromArray(array) for array in (lesions, probability)]
        for image in images:
            image.CopyInformation(ct.image)
        return Segmentation(torso.organs, *images)

    monkeypatch.setattr(inserted, "segment", changes)
    scan = KnownScan("torso", CT(torso.image, "torso", synthetic=True), torso.organs)
    judged = judged_on([scan], UNSURE, 1, 7, silent, CancelToken())
    assert set(least) == {0.0}
    assert [row.case for row in judged.cases] == ["torso/0", "torso/1"]
    assert len(judged.lesions) > 8
    curve = curve_of(judged, INFO.least_confidence)
    assert curve.shipped.found == 0
    assert curve.points[0].found > len(judged.lesions) / 2
    assert curve.points[0].threshold == pytest.approx(0.6)


def test_a_scan_without_an_organ_of_a_lesion_type_is_told(torso, monkeypatch) -> None:
    empty = sitk.Image(torso.organs.GetSize(), sitk.sitkUInt8)
    empty.CopyInformation(torso.organs)
    nothing = Segmentation(empty, empty, empty)
    monkeypatch.setattr(inserted, "segment", lambda ct, model, **_: nothing)
    scan = KnownScan("torso", CT(torso.image, "torso"), empty)
    with pytest.raises(PastaError, match="No lesion can be put into these scans"):
        judged_on([scan], UNSURE, 1, 7, silent, CancelToken())


def test_the_command_measures_the_bundled_model_on_a_ct_with_organs(
    torso, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = sitk.GetArrayFromImage(torso.organs)
    middle = [int(n) for n in np.argwhere(labels == catalog().label("liver")).mean(axis=0)[::-1]]
    start = [max(0, n - 16) for n in middle]
    size = [min(32, n - s) for n, s in zip(torso.image.GetSize(), start, strict=True)]
    for name, image in (("ct", torso.image), ("organs", torso.organs)):
        part = sitk.RegionOfInterest(image, size, start)
        sitk.WriteImage(part, str(tmp_path / f"{name}.nii.gz"))
    command = ["froc", str(tmp_path / "ct.nii.gz"), "-o", str(tmp_path / "out"), "--lesions", "1"]
    command += ["--organs", str(tmp_path / "organs.nii.gz"), "--organ-table", "pasta"]
    assert main([*command, "--device", "cpu"]) == 0
    assert "as shipped, at" in capsys.readouterr().err
    assert (tmp_path / "out" / PAGE).is_file()


def test_the_command_needs_scans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["froc", "-o", str(tmp_path)]) == 1
    assert "Say on which scans" in capsys.readouterr().err
