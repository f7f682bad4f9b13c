"""The report as a document: its schema, reading and writing, and the draft of a painted case."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ValidationError

from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.drafting import draft_report
from PASTALib.errors import PastaError
from PASTALib.files import resource_folder
from PASTALib.geometry import Geometry
from PASTALib.lesions import find_lesions
from PASTALib.organs_seen import organs_seen
from PASTALib.report import Report, read_report, report_schema, schema_text, write_report
from report_case import MODEL, a_case, ellipsoid

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def report() -> Report:
    ct, segmentation = a_case()
    return draft_report(ct, segmentation, find_lesions(ct, segmentation), MODEL, created=NOW)


def test_the_kept_schema_is_that_of_the_code():
    kept = (resource_folder() / "Report" / "report.schema.json").read_text(encoding="utf-8")
    assert kept == schema_text(), "write schema_text() to Resources/Report/report.schema.json"


def test_a_draft_obeys_the_schema(report):
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(json.loads(report.model_dump_json()), report_schema())


def test_a_written_report_reads_back_the_same(report, tmp_path):
    path = tmp_path / "größe" / "report.json"
    write_report(report, path)
    assert read_report(path) == report


def test_a_report_of_a_newer_kind_is_refused(report, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(report.model_dump_json().replace('"1.0.0"', '"2.0.0"', 1), encoding="utf-8")
    with pytest.raises(PastaError, match=r"version '2\.0\.0'"):
        read_report(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema_version": "1.0.0"}'])
def test_a_file_that_is_no_report_is_refused_in_one_sentence(text, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PastaError, match=r"report\.json"):
        read_report(path)


def test_a_missing_report_is_refused(tmp_path):
    with pytest.raises(PastaError, match="cannot be read"):
        read_report(tmp_path / "report.json")


def test_a_report_cannot_be_changed_in_place(report):
    with pytest.raises(ValidationError):
        report.title = "other"
    with pytest.raises(ValidationError):
        report.findings[0].confidence = 1.0


def test_an_unknown_finding_is_named(report):
    with pytest.raises(PastaError, match="no finding 'L9'; it has L1, L2"):
        report.finding("L9")


def test_a_draft_tells_what_where_and_how_large(report):
    tumor, cyst = report.findings
    assert (tumor.type, tumor.location.organ, tumor.malignant) == ("liver_tumor", "liver", True)
    assert tumor.size.long_axis.length_mm == pytest.approx(36, abs=3)
    assert tumor.size.volume_ml == pytest.approx(24.4, rel=0.07)
    assert tumor.location.center == pytest.approx((-70, -20, 180), abs=1)
    assert tumor.density.reference_median == pytest.approx(60, abs=3)
    assert (cyst.location.side, cyst.location.text) == ("left", "middle third of the left kidney")
    assert tumor.size.slice_axis == "k"
    assert tumor.size.slice_index * 4.0 == pytest.approx(tumor.size.slice_position_mm)


def test_each_attribute_tells_its_value_certainty_and_origin(report):
    for finding in report.findings:
        assert list(finding.attributes) == [
            "shape",
            "density",
            "heterogeneity",
            "surface",
            "invasion",
        ]
        for entry in finding.attributes.values():
            assert entry.provenance == "measured"
            assert 0 <= entry.confidence <= 1
            assert entry.evidence
    assert report.finding("L1").attributes["density"].value == "Hypodense"


def test_the_draft_names_model_software_and_time(report):
    assert report.model is not None
    assert (report.model.name, report.model.sha256) == ("pasta-s", "ab" * 32)
    assert report.software.startswith("PASTA")
    assert report.created == NOW
    assert "Research use only" in report.disclaimer


def test_pictures_are_referred_to_by_id(report):
    assert [p.id for p in report.finding("L2").pictures] == ["L2-axial", "L2-coronal", "L2-3d"]


def test_target_candidates_are_measurable_malignant_lesions(report):
    assert report.targets is not None
    assert report.targets.findings == ("L1",)
    assert report.targets.sum_mm == pytest.approx(
        report.finding("L1").size.long_axis.length_mm, abs=0.1
    )


def test_at_most_two_targets_of_an_organ_and_the_largest_first():
    ct, segmentation = a_case(lesions={})
    labels = np.zeros(ct.image.GetSize()[::-1], dtype=np.uint8)
    for center, radius in [((-95, -10, 170), 8), ((-60, -40, 150), 12), ((-40, 0, 190), 10)]:
        labels[ellipsoid(center, (radius,) * 3, Geometry.of(ct.image))] = 102
    lesions = sitk.GetImageFromArray(labels)
    lesions.CopyInformation(ct.image)
    case = Segmentation(segmentation.organs, lesions, lesions * 2)
    report = draft_report(ct, case, find_lesions(ct, case), MODEL)
    assert report.targets is not None
    assert report.targets.findings == ("L1", "L2")  # of three, sorted by size


def test_a_case_without_lesions_has_negatives_and_no_targets():
    ct, segmentation = a_case(lesions={})
    report = draft_report(ct, segmentation, (), MODEL)
    assert report.findings == ()
    assert report.targets is None
    assert "No lesion found in the liver." in report.negatives
    assert report.impression[0].startswith("No lesion found in:")


def test_the_truth_of_a_generator_says_so():
    ct, segmentation = a_case(synthetic=True)
    report = draft_report(ct, segmentation, find_lesions(ct, segmentation), found_by="generator")
    assert {f.provenance for f in report.findings} == {"generator"}
    assert report.synthetic
    assert report.model is None


def test_a_report_holds_no_path_of_the_source():
    ct, segmentation = a_case()
    ct = replace(ct, source="/home/someone/Smith^John/ct.nii.gz")
    report = draft_report(ct, segmentation, find_lesions(ct, segmentation), MODEL)
    assert "Smith" not in report.model_dump_json()


def test_real_organ_labels_give_the_organs_that_are_there(shared_data):
    folder: Path = shared_data("totalsegmentator")
    labels = sitk.ReadImage(str(folder / "example_seg_total117.nii.gz"))
    table = np.zeros(256, dtype=np.uint8)
    for theirs, ours in catalog().label_table("totalsegmentator_v2").items():
        table[theirs] = ours
    organs = sitk.GetImageFromArray(table[sitk.GetArrayFromImage(labels).astype(int)])
    organs.CopyInformation(labels)
    status = {o.structure or o.organ: o.status for o in organs_seen(organs)}
    assert status["liver"] == "incomplete"
    assert status["kidney_left"] == "complete"
    assert status["bladder"] == "complete"
    assert status["lung_right"] == "outside"
