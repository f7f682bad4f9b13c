"""The lesions on the desk: what a reader changes is measured, what he set stays."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.corrections import FACTS, write_corrections
from PASTALib.drafting import draft_report
from PASTALib.errors import PastaError
from PASTALib.export import EXPORTS, export_study
from PASTALib.lesions import find_lesions, measure_lesion
from PASTALib.report import Report
from PASTALib.report_changes import (
    impression_is_old,
    recorded,
    redrafted,
    status,
    with_axes,
    with_findings,
    with_new_impression,
)
from PASTALib.report_edits import edited
from PASTALib.study import Outline, Study
from report_case import MODEL, a_case

READER = "Dr. Reader"


@pytest.fixture(scope="module")
def drawn():
    ct, segmentation = a_case()
    lesions = find_lesions(ct, segmentation)
    return ct, segmentation, lesions, draft_report(ct, segmentation, lesions, MODEL)


@pytest.fixture
def study(drawn) -> Study:
    ct, segmentation, lesions, _ = drawn
    return Study(ct, segmentation.organs, lesions)


@pytest.fixture
def report(drawn) -> Report:
    return drawn[3]


def as_found(report: Report) -> list[Outline]:
    return [
        Outline(f.id, f.type, None, (0, 0, 0), f.confidence, f.type_confidence, f.provenance)
        for f in report.findings
    ]


def shrunk(study: Study, lesion_id: str) -> Outline:
    region = study.lesions[lesion_id].region
    mask = sitk.GetArrayFromImage(
        sitk.BinaryErode(sitk.GetImageFromArray(np.pad(region.mask, 1).astype(np.uint8)))
    )[1:-1, 1:-1, 1:-1]
    return Outline(lesion_id, study.lesions[lesion_id].type, mask > 0, region.start)


def test_an_unchanged_study_measures_what_the_analysis_did(study, report):
    measured = study.measure(report, as_found(report))
    assert measured.findings == report.findings
    assert measured.targets == report.targets


def test_a_changed_outline_measures_as_the_whole_way_would(study, report, drawn):
    ct, segmentation, _, _ = drawn
    outline = shrunk(study, "L1")
    measured = study.measure(report, [outline, *as_found(report)[1:]])
    whole = np.zeros(ct.image.GetSize()[::-1], np.uint8)
    region = study.lesions["L1"].region
    whole[region.slices][region.mask] = 1
    mask = sitk.GetImageFromArray(whole)
    mask.CopyInformation(ct.image)
    expected = measure_lesion(ct, segmentation.organs, mask, "liver_tumor")
    assert study.lesions["L1"].measurements == expected.measurements
    assert measured.findings[0].size.volume_ml < report.findings[0].size.volume_ml
    assert measured.findings[0].confidence == 1.0
    assert measured.findings[1] == report.findings[1]


def test_a_lesion_can_be_added_and_taken_away(study, report):
    ball = np.zeros((5, 5, 5), bool)
    ball[1:4, 1:4, 1:4] = True
    added = Outline("L9", "liver_cyst", ball, (40, 26, 20))
    measured = study.measure(report, [*as_found(report), added])
    assert [f.id for f in measured.findings] == ["L1", "L2", "L9"]
    assert measured.findings[2].provenance == "reader"
    assert measured.findings[2].instance == 9
    assert np.count_nonzero(sitk.GetArrayViewFromImage(study.instances()) == 9) == 27
    study.measure(report, as_found(report))
    assert not (sitk.GetArrayViewFromImage(study.instances()) == 9).any()


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        (Outline("L1", "no_such"), "not a lesion type"),
        (Outline("L8", "liver_cyst"), "not known"),
        (Outline("L1", "liver_tumor", np.zeros((2, 2, 2), bool)), "no voxel left"),
        (Outline("first", "liver_tumor", np.ones((2, 2, 2), bool)), "not the id of a finding"),
    ],
)
def test_outlines_that_cannot_be_are_told(study, report, outline, words):
    with pytest.raises(PastaError, match=words):
        study.measure(report, [outline])


def test_the_report_follows_and_keeps_what_the_reader_set(study, report):
    report = edited(report, "findings/L1/attributes/shape", "Irregular", who=READER)
    report = edited(report, "findings/L1/review", "confirmed", who=READER)
    report = edited(report, "findings/L1/sentence", "My words.", who=READER)
    before = report.finding("L1")
    measured = study.measure(report, [shrunk(study, "L1"), *as_found(report)[1:]])
    after = with_findings(report, measured.findings, measured.targets).finding("L1")
    assert after.size.volume_ml < before.size.volume_ml
    assert after.attributes["shape"] == before.attributes["shape"]
    assert after.attributes["density"].provenance == "measured"
    assert (after.review, after.sentence) == ("confirmed", "My words.")


def test_the_impression_follows_until_a_reader_writes_it(report):
    rejected = redrafted(edited(report, "findings/L1/review", "dismissed", who=READER))
    assert "L1" not in " ".join(rejected.impression)
    assert any("the liver" in sentence for sentence in rejected.negatives)
    written = edited(rejected, "impression", "Nothing new.", who=READER)
    assert not impression_is_old(written)
    again = redrafted(edited(written, "findings/L2/review", "dismissed", who=READER))
    assert again.impression == ("Nothing new.",)
    assert impression_is_old(again)


def test_a_reader_may_have_the_impression_drafted_again(report):
    written = edited(report, "impression", "Nothing new.", who=READER)
    drafted = with_new_impression(written, who=READER)
    assert drafted.impression == report.impression
    assert drafted.edits[-1].old == ["Nothing new."]
    follows = redrafted(edited(drafted, "findings/L1/review", "dismissed", who=READER))
    assert "L1" not in " ".join(follows.impression)


def test_an_axis_that_a_reader_laid_stays_when_the_lesion_is_measured_again(study, report):
    moved = with_axes(report, "L1", {"long_axis": ((0, 0, 180), (30, 40, 180))}, who=READER)
    assert moved.finding("L1").size.long_axis.length_mm == 50.0
    assert moved.finding("L1").size.provenance == "reader"
    assert "50" in " ".join(moved.impression)
    measured = study.measure(moved, [shrunk(study, "L1"), *as_found(moved)[1:]])
    after = with_findings(moved, measured.findings, measured.targets).finding("L1").size
    assert after.long_axis.length_mm == 50.0
    assert after.volume_ml < report.finding("L1").size.volume_ml


def test_an_axis_without_length_is_refused(report):
    with pytest.raises(PastaError, match="two different end points"):
        with_axes(report, "L1", {"long_axis": ((1, 1, 1), (1, 1, 1))}, who=READER)


def test_the_status_says_what_a_reader_did(report):
    assert status(report, report.findings[0]) == "AI"
    moved = with_axes(report, "L1", {"long_axis": ((0, 0, 0), (9, 9, 9))}, who=READER)
    assert status(moved, moved.finding("L1")) == "edited"
    assert status(moved, moved.finding("L2")) == "AI"
    for review, word in (("confirmed", "accepted"), ("dismissed", "rejected")):
        said = edited(moved, "findings/L1/review", review, who=READER)
        assert status(said, said.finding("L1")) == word
    added = recorded(report, "findings/L2", None, "liver_cyst", who=READER)
    assert status(added, added.finding("L2")) == "added by reader"


def test_rejected_findings_are_in_the_table_but_in_no_segmentation(study, report, tmp_path):
    report = edited(report, "findings/L1/review", "dismissed", who=READER)
    export_study(study, report, tmp_path, list(EXPORTS))
    numbers = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "lesion_instances.nii.gz")))
    assert set(np.unique(numbers)) == {0, 2}
    rows = (tmp_path / "lesions.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[4] for row in rows] == ["review", "dismissed", "open"]
    assert "dismissed" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_pdf_has_pages_and_pictures(study, report, tmp_path):
    report = edited(report, "findings/L1/sentence", "Größe < 5 & rund.", who=READER)
    export_study(study, report, tmp_path, ["pdf"])
    data = (tmp_path / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Subtype /Image") >= 6
    assert b"/Type /Page" in data


def test_corrections_hold_both_masks_and_what_changed(study, report, tmp_path):
    original = study.instances()
    types = {lesion.id: lesion.type for lesion in study.lesions.values()}
    report = recorded(report, "findings/L1/outline", 1.0, 0.5, who=READER)
    measured = study.measure(report, [shrunk(study, "L1"), *as_found(report)[1:]])
    report = with_findings(report, measured.findings, measured.targets)
    seconds = {"L1": 12.34}
    folder = write_corrections(study, report, original, types, seconds, tmp_path)
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    first, second = facts["findings"]
    assert first["status"] == "edited"
    assert 0 < first["dice"] < 1
    assert first["final_volume_ml"] < first["ai_volume_ml"]
    assert first["seconds"] == 12.3
    assert (second["dice"], second["status"]) == (1.0, "AI")
    assert [step["path"] for step in facts["log"]] == ["findings/L1/outline"]
    final = sitk.ReadImage(str(folder / "final_labels.nii.gz"))
    ai = sitk.ReadImage(str(folder / "ai_labels.nii.gz"))
    assert final.GetSize() == ai.GetSize() == study.ct.image.GetSize()
    assert set(np.unique(sitk.GetArrayViewFromImage(ai))) == set(
        np.unique(sitk.GetArrayViewFromImage(final))
    )
    assert write_corrections(study, report, original, types, seconds, tmp_path) == folder


def test_corrections_are_read_for_training(study, report, tmp_path):
    from PASTALib.catalog import catalog
    from PASTATrain.cases import load_cases
    from PASTATrain.cli import main

    original = study.instances()
    types = {lesion.id: lesion.type for lesion in study.lesions.values()}
    report = edited(report, "findings/L2/review", "dismissed", who=READER)
    write_corrections(study, report, original, types, {}, tmp_path / "out")
    run = tmp_path / "run"
    assert main(["--run", str(run), "corrections", str(tmp_path / "out")]) == 0
    (case,) = load_cases(run / "cases", "train")
    present = set(np.unique(case.labels))
    assert catalog().label("liver_tumor") in present
    assert catalog().label("kidney_cyst") not in present  # the reader rejected it
    assert {catalog().label("liver"), catalog().label("kidney_left")} <= present
    assert case.phase == "portal_venous"
    assert main(["--run", str(run), "corrections", str(tmp_path)]) == 1
