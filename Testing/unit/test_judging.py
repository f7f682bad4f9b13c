"""``pasta-eval``: the manifest keeps patients apart, figures are right, and the page tells them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from PASTALib.analysis import Analysis
from PASTALib.case_folder import merged_labels, write_case
from PASTALib.catalog import catalog
from PASTALib.drafting import draft_report
from PASTALib.errors import PastaError
from PASTALib.lesions import find_lesions, instance_map
from PASTALib.report import write_report
from PASTATrain.judging.cli import main
from PASTATrain.judging.comparison import compare
from PASTATrain.judging.figures import figures_of
from PASTATrain.judging.froc import froc_of, froc_points
from PASTATrain.judging.predictions import read_truth
from PASTATrain.judging.rows import CaseRow, FindingRow, Judged, LesionRow, StructureRow
from PASTATrain.manifest import label_table, read_manifest
from report_case import LESIONS, MODEL, a_case

compute_froc_curve_data = pytest.importorskip("monai.metrics").compute_froc_curve_data
CYST = {"kidney_cyst": LESIONS["kidney_cyst"]}
NAN = float("nan")


def analysis_of(lesions: dict) -> Analysis:
    """What a model that finds just these lesions would say of the painted torso."""
    ct, segmentation = a_case(lesions=lesions)
    found = find_lesions(ct, segmentation)
    report = draft_report(ct, segmentation, found, MODEL)
    return Analysis(ct, segmentation, found, instance_map(ct.image, found), report, MODEL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Four scans of three patients, and two models: the first misses the tumor, the other not."""
    place = tmp_path_factory.mktemp("judged")
    both, cyst, none = (analysis_of(x) for x in (LESIONS, CYST, {}))
    truths = {"a1": both, "a2": both, "b": cyst, "c": none}
    blind = {"a1": cyst, "a2": cyst, "b": cyst, "c": none}
    eager = {"a1": both, "a2": both, "b": both, "c": none}  # a false tumor in b
    cases = []
    for name, truth in truths.items():
        sitk.WriteImage(truth.ct.image, str(place / f"{name}.nii.gz"))
        sitk.WriteImage(merged_labels(truth.segmentation), str(place / f"{name}_seg.nii.gz"))
        write_report(truth.report, place / f"{name}.json")
        row = {"name": name, "patient": name[0], "split": "test"}
        row |= {"image": f"{name}.nii.gz", "masks": f"{name}_seg.nii.gz", "report": f"{name}.json"}
        row["survival"] = {"days": {"a": 100, "b": 200, "c": 300}[name[0]], "died": True}
        cases.append(row)
        for model, found in (("blind", blind), ("eager", eager)):
            write_case(found[name], place / model / name, ("nifti", "json"))
    write_manifest(place, cases)
    (place / "eager" / "scores.csv").write_text("name,risk\na1,0.9\na2,0.9\nb,0.5\nc,0.1\n")
    return place


def write_manifest(folder: Path, cases: list[dict]) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps({"labels": "pasta", "cases": cases}))
    return path


# The manifest


def case(tmp_path: Path, **changes) -> dict:
    (tmp_path / "x.nii.gz").touch()
    (tmp_path / "y.nii.gz").touch()
    row = {"name": "x", "patient": "P", "split": "test", "image": "x.nii.gz"}
    return {**row, **changes}


def test_a_patient_in_two_splits_is_an_error(tmp_path):
    other = case(tmp_path, name="y", split="train", image="y.nii.gz")
    path = write_manifest(tmp_path, [case(tmp_path), other])
    with pytest.raises(PastaError, match="patient 'P' is in the splits test and train"):
        read_manifest(path)
    other["patient"] = "Q"
    assert len(read_manifest(write_manifest(tmp_path, [case(tmp_path), other]))) == 2


def test_an_image_in_two_splits_is_an_error_under_whatever_name(tmp_path):
    other = case(tmp_path, name="y", split="train", patient="Q", image="./x.nii.gz")
    with pytest.raises(PastaError, match=r"image .* is in the splits test and train"):
        read_manifest(write_manifest(tmp_path, [case(tmp_path), other]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "gone.nii.gz"}, "gone.nii.gz' of the case x .* is missing"),
        ({"patient": ""}, "lacks patient"),
        ({"mask": "x.nii.gz"}, "has unknown mask"),
        ({"labels": {"1": "wart"}}, "'wart'"),
        ({"labels": "mine"}, "label table 'mine' is not known"),
        ({"malignant": ["spleen"]}, "malignant organ 'spleen'"),
        ({"survival": {"days": -1, "died": True}}, "survival of the case x"),
        ({"survival": {"days": 10, "died": "yes"}}, "'died' .true or false."),
    ],
)
def test_a_bad_line_of_the_manifest_says_what_is_wrong(change, message, tmp_path):
    with pytest.raises(PastaError, match=message):
        read_manifest(write_manifest(tmp_path, [case(tmp_path, **change)]))


def test_names_have_to_differ(tmp_path):
    with pytest.raises(PastaError, match="x comes twice"):
        read_manifest(write_manifest(tmp_path, [case(tmp_path), case(tmp_path)]))


def test_a_label_table_may_be_given_by_names():
    table = label_table({"1": "liver", "2": "Liver tumour"}, "m")
    assert table == {1: catalog().label("liver"), 2: catalog().label("liver_tumor")}


# Figures


def lesion(number: int, found: bool, confidence: float = 0.0, **more) -> LesionRow:
    row = LesionRow(f"case{number}", f"P{number}", 0, "liver_tumor", 8.0 + number, found)
    return replace(row, confidence=confidence, **more)


def judged(lesions=(), findings=(), cases=(), structures=(), model="m") -> Judged:
    return Judged(model, structures, lesions, findings, cases, ())


def test_sensitivity_is_told_by_size_and_type():
    model = judged([lesion(0, False), lesion(1, True, right_type=True), lesion(5, True)])
    by_group = {row.group: row for row in figures_of(model, 100).detection}
    assert by_group["all"].sensitivity.value == pytest.approx(2 / 3)
    assert by_group["0 to below 10 mm"].sensitivity.value == pytest.approx(0.5)
    assert by_group["10 to below 20 mm"].sensitivity.value == 1.0
    assert by_group["liver_tumor"].right_type.value == pytest.approx(0.5)
    assert "20 mm and more" not in by_group


def test_the_froc_curve_has_the_point_of_every_threshold():
    cases = [CaseRow(f"case{n}", f"P{n}", True, 0) for n in range(4)]
    lesions = [lesion(0, True, 0.9), lesion(1, True, 0.4), lesion(2, False), lesion(3, False)]
    false = [FindingRow("case0", "P0", "liver_cyst", c, False, 12.0) for c in (0.6, 0.3)]
    curve = froc_of(judged(lesions, false, cases))
    points = sorted(zip(curve.false_per_scan, curve.sensitivity, strict=True))
    assert points == [(0, 0), (0, 0.25), (0.25, 0.25), (0.25, 0.5), (0.5, 0.5)]


def test_false_findings_are_counted_a_scan_and_apart_where_no_lesion_is():
    cases = [CaseRow(name, name, False, 0) for name in ("case0", "free1", "free2")]
    false = [FindingRow(name, name, "liver_cyst", 0.5, False, 12.0) for name in ("case0", "free1")]
    true = [FindingRow("case0", "case0", "liver_tumor", 0.5, True, 8.0)]
    found = figures_of(judged([lesion(0, True)], [*false, *true], cases), 100)
    assert found.false_per_scan.value == pytest.approx(2 / 3)
    assert found.false_per_free_scan.value == pytest.approx(1 / 2)
    precision = {row.group: row.precision.value for row in found.detection}
    assert precision["all"] == pytest.approx(1 / 3)
    assert precision["0 to below 10 mm"] == precision["liver_tumor"] == 1.0
    assert precision["10 to below 20 mm"] == precision["liver_cyst"] == 0.0


@settings(max_examples=30, deadline=None)
@given(
    false=st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.8]), min_size=1, max_size=8),
    true=st.lists(st.sampled_from([0.1, 0.4, 0.5, 0.9]), min_size=1, max_size=8),
    missed=st.integers(0, 4),
)
def test_the_froc_curve_is_monais_with_the_lowest_threshold_added(false, true, missed):
    lesions = np.array([*true, *[NAN] * missed])
    rates, sensitivity = froc_points(np.array(false), lesions, 3)
    expected = compute_froc_curve_data(np.array(false), np.array(true), len(lesions), 3)
    assert np.allclose(rates[1:], expected[0])
    assert np.allclose(sensitivity[1:], expected[1])
    assert (rates[0], sensitivity[0]) == (len(false) / 3, len(true) / len(lesions))


def test_the_froc_curve_has_intervals_that_hold_it():
    cases = [CaseRow(f"case{n}", f"P{n}", True, 0) for n in range(12)]
    lesions = [lesion(n, n % 3 > 0, 0.3 + 0.05 * n) for n in range(12)]
    false = [
        FindingRow(f"case{n}", f"P{n}", "liver_cyst", 0.5, False, 9.0) for n in range(0, 12, 2)
    ]
    curve = froc_of(judged(lesions, false, cases), 300)
    for value in (curve.score, *curve.at_rates):
        assert value.low <= value.value <= value.high
        assert value.high - value.low > 0.1
    assert curve.score.value == pytest.approx(np.mean([at.value for at in curve.at_rates]))


def test_attributes_are_judged_on_lesions_that_were_found():
    values = [("Hypodense", "Hypodense"), ("Hypodense", "Isodense"), ("Isodense", "Isodense")]
    rows = [
        lesion(n, True, true_attributes={"density": a}, found_attributes={"density": b})
        for n, (a, b) in enumerate(values)
    ]
    rows.append(lesion(9, False, true_attributes={"density": "Hypodense"}))
    (density,) = figures_of(judged(rows), 100).attributes
    assert density.accuracy.value == pytest.approx(2 / 3)
    assert density.f1.value == pytest.approx(2 / 3)  # each class: precision or recall of 1/2
    assert density.accuracy.count == 3


def test_auc_and_c_index_are_those_of_the_ranks():
    scores = [(False, 0.1), (False, 0.6), (True, 0.5), (True, 0.9)]
    cases = [CaseRow(str(n), str(n), *row) for n, row in enumerate(scores)]
    assert figures_of(judged(cases=cases), 100).auc.value == pytest.approx(0.75)
    assert figures_of(judged(cases=cases[:2]), 100).auc is None
    survived = [(100, True, 3.0), (200, True, 2.0), (300, False, 2.5)]
    cases = [CaseRow(str(n), str(n), False, 0, *row) for n, row in enumerate(survived)]
    assert figures_of(judged(cases=cases), 100).c_index.value == pytest.approx(2 / 3)


def test_the_auc_at_a_horizon_weighs_deaths_by_the_chance_of_being_followed():
    # One is lost after 100 days, so deaths after it stand for 1 / (3/4) patients each.
    rows = [(50, True, 0.9), (100, False, 0.5), (200, True, 0.3), (300, True, 0.8)]
    rows += [(500, False, 0.4)]
    cases = [CaseRow(str(n), str(n), None, NAN, *row) for n, row in enumerate(rows)]
    (one,) = figures_of(judged(cases=cases), 50).horizons
    assert one.years == 1
    assert one.auc.value == pytest.approx((1 + 4 / 3) / (1 + 4 / 3 + 4 / 3))
    assert one.auc.count == 4  # the lost patient is left out


def test_stages_are_judged_by_the_most_probable_and_by_rank():
    told = [("I", 0.9), ("I", 0.4), ("II", 0.45), ("II", 0.1)]
    cases = [
        CaseRow(str(n), str(n), None, NAN, stage=stage, stages={"I": p, "II": 1 - p})
        for n, (stage, p) in enumerate(told)
    ]
    found = figures_of(judged(cases=cases), 50)
    assert found.stage.accuracy.value == 0.75
    assert found.stage.auc.value == 0.75
    assert found.auc is None


def test_scores_of_organs_are_judged_where_the_truth_is_known():
    organs = [(True, 0.8), (False, 0.1), (False, 0.3)]
    cases = [CaseRow(str(n), str(n), t, p, organs={"liver": (t, p)}, outlined=False)
             for n, (t, p) in enumerate(organs)]  # fmt: skip
    found = figures_of(judged(cases=cases), 50)
    assert found.organs[0].auc.value == 1.0
    assert found.organs[0].brier.value == pytest.approx((0.04 + 0.01 + 0.09) / 3)
    assert found.false_per_scan.count == 0  # nothing was outlined, so nothing was false


def test_two_models_are_tested_in_pairs():
    dice = np.random.default_rng(0).uniform(0.5, 0.8, 12)
    rows = [StructureRow(str(n), str(n), "liver", d, d, 1.0) for n, d in enumerate(dice)]
    better = [replace(row, dice=row.dice + 0.1) for row in rows]
    lesions = [lesion(n, n < 3) for n in range(12)]
    more = [replace(row, found=True) for row in lesions]
    first = judged(lesions, structures=rows)
    liver, *detection = compare(first, judged(more, structures=better), 200)
    assert liver.difference.value == pytest.approx(0.1)
    assert liver.p == pytest.approx(stats.wilcoxon(np.full(12, 0.1)).pvalue)
    overall = next(row for row in detection if row.what == "Sensitivity, all")
    assert overall.p == pytest.approx(2 * 0.5**9)
    assert [row.test for row in detection if "Dice" in row.what or "HD95" in row.what]
    same = compare(first, first, 200)
    assert all(np.isnan(row.p) and row.difference.value == 0 for row in same)


def test_figures_of_whole_scans_are_compared_by_drawing_patients():
    rng = np.random.default_rng(4)
    malignant = np.arange(20) % 2 == 0
    cases = [
        CaseRow(str(n), str(n), bool(m), float(m) + rng.normal(0, 3))
        for n, m in enumerate(malignant)
    ]
    cases = [replace(r, days=100.0 + n, died=True, risk=float(n)) for n, r in enumerate(cases)]
    sharp = [replace(row, malignancy=float(row.malignant), risk=-row.risk) for row in cases]
    rows = {row.what: row for row in compare(judged(cases=cases), judged(cases=sharp), 80)}
    for name in ("AUC, malignant lesion in the scan", "C-index"):
        assert rows[name].difference.value == pytest.approx(rows[name].second - rows[name].first)
        assert rows[name].difference.low > 0
        assert rows[name].p < 0.05


def test_one_patient_gives_no_test():
    cases = [CaseRow(str(n), "P", n == 0, float(n)) for n in range(3)]
    better = [replace(row, malignancy=-row.malignancy) for row in cases]
    rows = compare(judged(cases=cases), judged(cases=better), 50)
    assert rows
    assert all(np.isnan(row.p) for row in rows)


# The command


def test_the_truth_takes_its_attributes_from_the_report(folder):
    entry = next(e for e in read_manifest(folder / "manifest.json") if e.name == "a1")
    _, truth = read_truth(entry)
    assert {blob.type for blob in truth.blobs} == set(LESIONS)
    assert all(set(blob.attributes) == set(catalog().attributes) for blob in truth.blobs)


def test_the_command_judges_two_models_and_writes_one_page(folder, tmp_path, capsys):
    command = [str(folder / "manifest.json"), "-o", str(tmp_path), "--resamples", "100"]
    for model in ("blind", "eager"):
        command += ["--predictions", f"{model.title()}={folder / model}"]
    assert main(command) == 0
    stored = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    blind, eager = stored["models"]
    tumors = [
        next(row for row in model["detection"] if row["group"] == "liver_tumor")
        for model in (blind, eager)
    ]
    assert [row["sensitivity"]["value"] for row in tumors] == [0.0, 1.0]
    assert blind["false_per_scan"]["value"] == 0
    assert eager["false_per_scan"]["value"] == 0.25
    assert eager["c_index"]["value"] == pytest.approx(1.0)
    assert blind["c_index"] is None
    livers = [
        next(row for row in model["outlines"] if row["structure"] == "liver")
        for model in (blind, eager)
    ]
    assert all(row["dice"]["value"] > 0.9 for row in livers)
    assert eager["auc"]["value"] > blind["auc"]["value"]
    assert {row["attribute"] for row in eager["attributes"]} == set(catalog().attributes)
    page = (tmp_path / "evaluation.html").read_text(encoding="utf-8")
    for text in (
        "Blind and Eager",
        "<th>Blind</th><th>Eager</th><th>difference</th>",
        "Worst of Blind",
        "missed liver tumor",
        "McNemar, exact",
        "paired bootstrap, by patient",
    ):
        assert text in page
    assert "4 scans of 3 patients" in page
    assert len(re.findall(r'src="data:image/png;base64,', page)) == 5  # three plots, two tumors
    assert not re.search(r"(src|href)=\"(?!data:)", page)  # it needs nothing else


def test_label_files_are_judged_like_analyzed_scans(folder, tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in ("a1", "a2", "b", "c"):
        (labels / f"{name}.nii.gz").write_bytes((folder / f"{name}_seg.nii.gz").read_bytes())
    command = [str(folder / "manifest.json"), "--predictions", str(labels), "-o", str(tmp_path)]
    assert main([*command, "--resamples", "50"]) == 0
    (model,) = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["models"]
    assert model["model"] == "labels"
    assert model["detection"][0]["sensitivity"]["value"] == 1.0
    assert all(row["dice"]["value"] == pytest.approx(1.0) for row in model["outlines"])


def test_a_damaged_report_of_a_result_is_told(folder, tmp_path, capsys):
    result = tmp_path / "model"
    shutil.copytree(folder / "eager", result)
    (result / "a1" / "report.json").write_text("{}", encoding="utf-8")
    command = [str(folder / "manifest.json"), "-o", str(tmp_path), "--predictions", str(result)]
    assert main(command) == 1
    assert "report.json' is no report of PASTA" in capsys.readouterr().err


def test_a_missing_result_and_an_empty_split_are_told(folder, tmp_path, capsys):
    command = [str(folder / "manifest.json"), "-o", str(tmp_path)]
    assert main([*command, "--predictions", str(tmp_path)]) == 1
    assert "has no result of the case a1" in capsys.readouterr().err
    assert main([*command, "--predictions", str(tmp_path), "--split", "train"]) == 1
    assert "there are: test" in capsys.readouterr().err


def test_ctrl_c_ends_it_with_a_sentence(folder, tmp_path, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("PASTATrain.judging.evaluate.evaluate_models", interrupted)
    command = [str(folder / "manifest.json"), "-o", str(tmp_path)]
    assert main([*command, "--predictions", str(folder / "eager")]) == 130
    assert "Stopped" in capsys.readouterr().err
