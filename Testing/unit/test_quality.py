"""The judgement of the generator: its measures find what they are to find, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from PASTAGenLib import __main__ as commands
from PASTAGenLib.case import Trial
from PASTAGenLib.quality import evaluate as evaluation
from PASTAGenLib.quality.agreement import Agreement, measure_agreement, outcome
from PASTAGenLib.quality.agreement_report import agreement_lines
from PASTAGenLib.quality.ellipsoids import deformed_ellipsoid
from PASTAGenLib.quality.free_shapes import free_mask
from PASTAGenLib.quality.hidden_lesions import CROP, HiddenLesion, hidden_lesions
from PASTAGenLib.quality.noise_power import noise_ratios
from PASTAGenLib.quality.requests import requests, spread
from PASTAGenLib.quality.scans import Scan
from PASTAGenLib.quality.seam import area_under_curve, judge_seam
from PASTAGenLib.quality.shape_distances import distances, joint_distance
from PASTAGenLib.quality.shape_figures import NAMES, as_table, resampled, sampling, shape_figures
from PASTAGenLib.quality.shapes import compare, shape_sets
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.progress import silent


@pytest.fixture(scope="module")
def scan() -> Scan:
    image, organs = phantom()
    return Scan("phantom", image, organs, "portal_venous", real=False)


@pytest.fixture(scope="module")
def scene(scan: Scan) -> Scene:
    return Scene.of(scan.image, scan.organs)


def body(radius: float, bumps: float, spacing: float) -> sitk.Image:
    """A ball whose radius has waves of a relative height over its surface."""
    half = int(np.ceil(1.5 * radius / spacing))
    z, y, x = np.mgrid[-half : half + 1, -half : half + 1, -half : half + 1] * spacing
    turn, rise = np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))
    edge = radius * (1 + bumps * np.sin(7 * turn) * np.cos(5 * rise))
    image = sitk.GetImageFromArray((np.sqrt(x**2 + y**2 + z**2) <= edge).astype(np.uint8))
    image.SetSpacing((spacing,) * 3)
    return image


def places(count: int, rng: np.random.Generator) -> list[HiddenLesion]:
    """Untouched places in even tissue of scan-like noise."""
    grid = np.indices(CROP) - (np.array(CROP) / 2)[:, None, None, None]
    mask = np.sqrt((grid * np.array([2, 1, 1])[:, None, None, None]).astype(float) ** 2).max(0) < 5
    found = []
    for k in range(count):
        noise = rng.normal(0, 25, CROP)
        noise = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2)) / 3
        hu = np.rint(100 + noise).astype(np.int16)
        everywhere = np.ones(CROP, bool)
        found.append(
            HiddenLesion(
                "made", False, (float(k), k % 7.0, 0.0), hu, hu, hu, mask, everywhere, (2, 1, 1)
            )
        )
    return found


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 9))
def test_every_value_is_asked_as_often_as_the_others_or_once_more(count, values, seed):
    counts = Counter(spread(range(values), count, np.random.default_rng(seed)))
    assert sum(counts.values()) == count
    assert max(counts.values()) - min(counts[v] for v in range(values)) <= 1


@pytest.mark.parametrize("type_", list(catalog().lesion_types))
def test_requests_ask_for_every_value_that_a_type_allows(scan, type_):
    kind = catalog().lesion_types[type_]
    asked = requests(kind, scan, 24, np.random.default_rng(0))
    assert {spec.shape for spec in asked} == set(kind.shapes)
    for key in ("heterogeneity", "surface"):
        assert {getattr(spec, key) for spec in asked} == set(catalog().attributes[key].values)
    assert sum(spec.hu is not None for spec in asked) == 12
    for spec in asked:
        assert spec.long_axis_mm is not None
        assert kind.long_axis_mm.minimum <= spec.long_axis_mm <= kind.long_axis_mm.maximum


def test_a_lesion_is_measured_from_its_picture_and_not_from_its_plan(scan, scene):
    spec = LesionSpec("liver_cyst", long_axis_mm=24.0, shape="Round-like", phase=scan.phase, hu=5.0)
    found = outcome(scan, Trial(scene, scan.organs), spec, np.random.default_rng(1))
    assert found.size_agrees
    assert found.hu_agrees
    assert found.measured["shape"] == found.asked["shape"] == "Round-like"
    assert found.asked["density"] == found.measured["density"] == "Hypodense"
    assert not replace(found, measured_mm=30.0).size_agrees
    assert not replace(found, measured_hu=40.0).hu_agrees


def test_the_table_of_agreement_counts_what_disagrees(scan, scene):
    spec = LesionSpec("liver_cyst", long_axis_mm=24.0, shape="Round-like", phase=scan.phase)
    right = outcome(scan, Trial(scene, scan.organs), spec, np.random.default_rng(1))
    wrong = replace(right, measured={**right.measured, "shape": "Irregular"})
    refused = (("liver_cyst", "phantom", "No room.", 4),)
    text = "\n".join(agreement_lines(Agreement((right, wrong), refused)))
    row = next(line for line in text.splitlines() if line.startswith("| Liver cyst"))
    assert row.split("|")[2:4] == [" 2 ", " **50** "]
    assert "| liver_cyst | shape | Round-like | Irregular | 1 of 2 |" in text
    assert "Beside the 2 requests that the generator fulfilled it refused 4" in text


def test_agreement_holds_as_many_lesions_as_wanted_or_says_what_was_refused(scan, tmp_path):
    found = measure_agreement([scan], 1, 0, silent, keep=tmp_path)
    made = Counter(o.type for o in found.outcomes)
    refused = {type_ for type_, *_ in found.refused}
    assert max(made.values()) == 1
    assert all(made[type_] == 1 or type_ in refused for type_ in catalog().lesion_types)
    assert len(made) >= 12
    # What is kept is not measured again: a changed file is what comes back.
    one = next(tmp_path.glob("liver_cyst*.json"))
    one.write_text('{"outcomes": [], "refused": [["liver_cyst", "phantom", "Kept.", 7]]}')
    types = ("liver_cyst", "gallstone")
    again = measure_agreement([scan], 1, 0, silent, keep=tmp_path, types=types)
    assert ("liver_cyst", "phantom", "Kept.", 7) in again.refused
    assert again.outcomes == tuple(o for o in found.outcomes if o.type == "gallstone")


def test_a_ball_is_smooth_and_round_and_a_bumpy_body_is_not():
    ball, bumpy = (shape_figures(body(15, bumps, 1.0)) for bumps in (0.0, 0.15))
    assert ball.sphericity > 0.95
    assert ball.elongation > 0.98
    assert ball.ellipsoid_fit > 0.97
    assert bumpy.roughness > 2 * ball.roughness
    assert bumpy.solidity < ball.solidity
    with pytest.raises(PastaError, match="empty"):
        shape_figures(sitk.Image(4, 4, 4, sitk.sitkUInt8))


@settings(max_examples=5, deadline=None)
@given(st.floats(0.7, 1.6))
def test_shape_figures_do_not_depend_on_size(scale):
    one, other = shape_figures(body(14, 0.1, 1.0)), shape_figures(body(14 * scale, 0.1, scale))
    for name in NAMES:
        if name != "log_volume":
            assert getattr(other, name) == pytest.approx(getattr(one, name), abs=0.02)
    assert other.log_volume - one.log_volume == pytest.approx(3 * np.log(scale), abs=0.01)


def test_a_large_mask_is_looked_at_with_fewer_voxels_and_keeps_its_volume():
    mask = body(36, 0.1, 1.0)
    coarse = resampled(mask, sampling(mask))
    assert max(coarse.GetSize()) <= 52
    assert shape_figures(coarse).log_volume == pytest.approx(
        shape_figures(mask).log_volume, abs=0.03
    )


def test_ellipsoids_have_the_radius_asked_for_and_differ():
    rng = np.random.default_rng(0)
    rows = as_table([shape_figures(deformed_ellipsoid(15.0, (1, 1, 2), rng)) for _ in range(12)])
    ball = np.log(4 / 3 * np.pi * 1.5**3)
    assert np.median(rows[:, 0]) == pytest.approx(ball, abs=0.4)
    assert rows[:, NAMES.index("elongation")].std() > 0.02


def test_a_free_mask_has_the_long_axis_asked_for():
    mask = free_mask(40.0, (1.0, 1.0, 2.0), np.random.default_rng(3))
    volume = float(np.exp(shape_figures(mask).log_volume))
    assert 0.2 * 33.5 < volume < 1.2 * 33.5  # ml of a ball of that diameter


def test_distances_are_zero_for_the_same_masks_and_grow_with_a_shift():
    real = np.random.default_rng(0).normal(1, 0.1, (60, len(NAMES)))
    assert joint_distance(real, real) == pytest.approx(0, abs=1e-6)
    near, far = joint_distance(real + 0.1, real), joint_distance(real + 0.3, real)
    assert 0.3 < near < far
    assert all(d.shift == pytest.approx(3, abs=0.5) for d in distances(real + 0.3, real))


def test_real_masks_are_compared_with_ours_and_with_ellipsoids(shared_data):
    shared_data("tumour_masks_kits19")
    sets = shape_sets(shared_data("tumour_masks_sts").parent, 3, 0, silent)
    assert [len(s.real) for s in sets] == [3, 3]
    for shapes in sets:
        assert len(shapes.ours) + shapes.refused == len(shapes.ellipsoids) == 6
        assert [c.family for c in compare(shapes, 0)] == ["ours", "ellipsoids"]


def test_the_area_under_the_curve_counts_ties_half():
    assert area_under_curve(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0
    assert area_under_curve(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
    assert area_under_curve(np.array([0.0, 2.0]), np.array([1.0, 1.0])) == 0.5


def test_noise_power_tells_untouched_tissue_from_weaker_noise():
    lesions = places(12, np.random.default_rng(0))
    assert np.median([r.power for r in noise_ratios(lesions)]) == pytest.approx(1, abs=0.12)
    weaker = [
        replace(p, after=np.rint(100 + 0.7 * (p.before - 100)).astype(np.int16)) for p in lesions
    ]
    found = noise_ratios(weaker)
    assert np.median([r.power for r in found]) == pytest.approx(0.49, abs=0.08)
    assert np.median([r.fine for r in found]) == pytest.approx(0.49, abs=0.05)
    assert np.median([r.untouched for r in found]) == pytest.approx(1, abs=0.12)


def test_the_classifier_finds_faults_and_nothing_where_nothing_was_done():
    untouched = judge_seam(places(32, np.random.default_rng(1)), 0, silent)
    area = {score.what: score.auc for score in untouched.scores if score.scans == "all"}
    # The same crops twice: all scores are tied.
    for kind in ("ours", "ours with mass effect"):
        assert area[kind] == pytest.approx(0.5, abs=0.01), kind  # rounding may part some ties
    assert area["control: noise without grain"] > 0.8
    assert area["control: noise 30 % weaker"] > 0.6


def test_a_hidden_lesion_has_the_hu_of_the_tissue_that_it_replaces(scan):
    found = hidden_lesions([scan], 3, 0, silent)
    assert found
    for lesion in found:
        assert lesion.before.shape == lesion.after.shape == CROP
        assert np.array_equal(lesion.before[0, 0], lesion.after[0, 0])
        inside = lesion.mask
        assert lesion.after[inside].mean() == pytest.approx(lesion.before[inside].mean(), abs=3)
    assert any(not np.array_equal(lesion.before, lesion.pushed) for lesion in found)


def test_the_command_writes_a_report_with_pictures_of_torsos_only(
    scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(evaluation, "torso_scan", lambda name, spec: replace(scan, name=name))
    out, work = tmp_path / "out", tmp_path / "work"
    options = ["--quick", "--lesions", "1", "--places", "3", "-o", str(out), "--work", str(work)]
    assert commands.main(["evaluate", *options]) == 0
    text = (out / "pastagen.md").read_text(encoding="utf-8")
    for heading in ("## 1 Asked", "| Liver cyst |", "| ours | torso |", "## 3 Shapes", "![Contact"):
        assert heading in text
    assert sorted(p.name for p in out.iterdir()) == ["pastagen.md", "pastagen_gallery.png"]
    assert sorted(p.name for p in work.glob("*.json")) == ["agreement.json", "seam.json"]
    assert np.ptp(np.asarray(Image.open(out / "pastagen_gallery.png").convert("L"))) > 100
    # The report is written from what is there; without test data there are no shapes to measure.
    (work / "seam.json").unlink()
    assert commands.main(["evaluate", *options, "--only", "shapes"]) == 0
    text = (out / "pastagen.md").read_text(encoding="utf-8")
    assert "| Liver cyst |" in text
    assert "| ours |" not in text


def test_what_is_wrong_with_the_input_is_said_in_a_sentence(tmp_path: Path, capsys):
    assert commands.main(["evaluate", "--data", str(tmp_path / "none"), "-o", str(tmp_path)]) == 1
    assert "is no folder" in capsys.readouterr().err
    (tmp_path / "seam.json").write_text("{}")
    options = ["-o", str(tmp_path), "--work", str(tmp_path), "--only"]
    with pytest.raises(SystemExit):
        commands.main(["evaluate", *options, "nonsense"])


def test_commands_are_listed_and_an_unknown_one_is_refused(capsys):
    assert commands.main(["--help"]) == 0
    assert "evaluate" in capsys.readouterr().out
    assert commands.main(["nonsense"]) == 2
    for name in commands.COMMANDS:
        with pytest.raises(SystemExit) as stop:
            commands.main([name, "--help"])
        assert stop.value.code == 0
