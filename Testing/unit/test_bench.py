"""Lesions on the workbench: drawn as the generator draws them, kept, hidden, ordered, restored."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from bench_case import SPACING, in_scene
from generator_phantom import phantom

from labelled_images import OBLIQUE
from PASTAGenLib.apply import insert
from PASTAGenLib.choices import choices_of, drawn_values, places_for, recipe_entry, spec_of
from PASTAGenLib.found import outcomes
from PASTAGenLib.presets import Preset, presets_of, read_presets, save_preset
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.workbench import Workbench
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

slicer = pytest.importorskip("slicer")

from PASTAGenLib.mrml.bench_nodes import PREVIEW, benches_in  # noqa: E402
from PASTAGenLib.mrml.ghost import why_not  # noqa: E402
from PASTAGenLib.mrml.script_bench import ScriptBench  # noqa: E402
from PASTALib.ct import Segmentation  # noqa: E402
from PASTALib.mrml.organs import organ_map  # noqa: E402
from PASTALib.mrml.scene import open_scene  # noqa: E402
from PASTALib.mrml.segmentations import add_segmentation, segment_keys  # noqa: E402
from PASTALib.mrml.volumes import add_volume, image_of, voxels_of_volume  # noqa: E402

pytestmark = pytest.mark.slicer
LEFT_HANDED = np.diag([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def carrier():
    return open_scene()


@pytest.fixture
def scene(carrier):
    carrier.scene.Clear(0)
    return carrier.scene


@pytest.fixture
def desk(scene):
    desk = ScriptBench()
    desk.take(*in_scene(scene, *phantom(SPACING)))
    return desk


def changed(desk) -> int:
    """Voxels in which the synthetic volume differs from the original."""
    both = [voxels_of_volume(node) for node in (desk.nodes.original, desk.nodes.volume)]
    return int((both[0] != both[1]).sum())


@pytest.mark.parametrize("direction", [np.reshape(OBLIQUE, (3, 3)), LEFT_HANDED])
def test_the_preview_is_the_lesion_that_the_generator_inserts(scene, direction):
    ct, organs = phantom(SPACING, direction)
    desk = ScriptBench()
    desk.take(*in_scene(scene, ct, organs))
    desk.draw("liver_cyst", seed=4, long_axis_mm=22.0)
    case = insert(ct, organs, LesionSpec("liver_cyst", long_axis_mm=22.0, seed=4))
    made = image_of(desk.nodes.volume)
    assert np.array_equal(sitk.GetArrayViewFromImage(made), sitk.GetArrayViewFromImage(case.ct))
    assert np.allclose(made.GetDirection(), ct.GetDirection())
    lesion = organ_map_of_lesion(desk, PREVIEW)
    assert np.array_equal(lesion, sitk.GetArrayViewFromImage(case.lesion_mask) > 0)
    desk.discard()
    assert changed(desk) == 0
    assert desk.nodes.segment_ids() == []


def organ_map_of_lesion(desk, segment_id):
    from PASTALib.mrml.labelmaps import region_of
    from PASTALib.mrml.volumes import grid_of

    grid = grid_of(desk.nodes.volume)
    region = region_of(desk.nodes.lesions, segment_id, grid)
    mask = np.zeros(grid.shape_zyx, bool)
    mask[region.slices] = region.mask
    return mask


def test_a_sketch_lies_where_the_lesion_will_be():
    bench = Workbench(*phantom(SPACING))
    spec = LesionSpec("liver_tumor", long_axis_mm=24.0, surface="Well-defined margin", seed=3)
    sketch = bench.sketch((), spec)
    drawn = bench.draw((), spec)
    assert sketch.truth == {}
    if sketch.plan == drawn.plan:  # the first one was measured as it was meant
        assert np.array_equal(sketch.mask, drawn.mask)
    fresh = Workbench(*phantom(SPACING)).draw((), spec)  # without a sketch before it
    assert fresh.plan == drawn.plan
    assert np.array_equal(fresh.hu, drawn.hu)


def test_lesions_are_kept_hidden_ordered_deleted_and_all_of_it_undone(desk):
    desk.draw("liver_cyst", seed=5, long_axis_mm=16.0)
    assert desk.keep() == "L1"
    one = changed(desk)
    desk.draw("kidney_cyst", seed=6, long_axis_mm=12.0)
    assert desk.keep() == "L2"
    both = voxels_of_volume(desk.nodes.volume).copy()
    assert changed(desk) > one > 0
    desk.hide("L2")
    assert changed(desk) == one
    assert desk.nodes.segment_ids() == ["L1"]
    desk.hide("L2")
    assert np.array_equal(voxels_of_volume(desk.nodes.volume), both)
    desk.move("L2", -1)
    assert [kept.id for kept in desk.lesions] == ["L2", "L1"]
    desk.delete("L1")
    assert [row["id"] for row in desk.nodes.read()["lesions"]] == ["L2"]
    titles = [desk.undo() for _ in range(6)]
    assert titles[0] == "Delete L1"
    assert titles[-1] == "Keep liver cyst L1"
    assert changed(desk) == 0
    assert desk.undo() is None
    desk.redo()
    desk.redo()
    assert np.array_equal(voxels_of_volume(desk.nodes.volume), both)
    assert segment_keys(desk.nodes.lesions) == {"L1": "liver_cyst", "L2": "kidney_cyst"}


def test_a_lesion_is_edited_where_it_is(desk):
    desk.draw("liver_cyst", seed=5, long_axis_mm=16.0)
    lesion = desk.keep()
    center = desk.lesion(lesion).patch.plan.blob.center
    before = voxels_of_volume(desk.nodes.volume).copy()
    wish = desk.edit(lesion)
    desk.discard()
    assert np.array_equal(voxels_of_volume(desk.nodes.volume), before)
    desk.edit(lesion)
    facts = desk.draw("liver_cyst", wish.seed, **{**wish.asked, "long_axis_mm": 24.0})
    assert np.linalg.norm(np.subtract(facts["center"], center)) < 5
    assert desk.keep() == lesion
    assert desk.lesion(lesion).patch.truth["long_axis_mm"] == pytest.approx(24, abs=3)
    assert desk.undo() == f"Edit {lesion}"
    assert np.array_equal(voxels_of_volume(desk.nodes.volume), before)


def test_the_organs_of_the_result_hold_the_lesion(desk):
    desk.draw("liver_cyst", seed=5, long_axis_mm=16.0, protrudes=True)
    desk.keep()
    patch = desk.lesions[0].patch
    organs = sitk.GetArrayFromImage(organ_map(desk.nodes.organs, desk.nodes.volume))
    from PASTAGenLib.boxes import slices

    inside = organs[slices(patch.plan.box)][patch.mask]
    assert set(np.unique(inside)) == {catalog().label("liver")}


def test_a_lesion_is_placed_into_a_real_scan(scene, shared_data):
    from PASTALib.organ_input import read_organs
    from PASTALib.reading import read_ct

    ct = read_ct(shared_data("totalsegmentator/example_ct.nii.gz"))
    masks = shared_data("totalsegmentator/example_seg_total117.nii.gz")
    organs = read_organs(masks, ct.image, "totalsegmentator_v2").labels
    desk = ScriptBench()
    desk.take(*in_scene(scene, ct.image, organs))
    assert "liver" in desk.places["liver"]
    facts = desk.draw("liver_cyst", seed=2, long_axis_mm=24.0)
    assert facts["long_axis_mm"] == pytest.approx(24, abs=3)
    desk.keep()
    with pytest.raises(PastaError, match="not in the liver"):  # there is one already
        desk.draw("liver_tumor", seed=3, long_axis_mm=20.0, center=facts["center"])
    desk.nearest()
    assert desk.keep() == "L2"
    both = [kept.patch.mask.sum() for kept in desk.lesions]
    assert sum(organ_map_of_lesion(desk, key).sum() for key in ("L1", "L2")) == sum(both)
    assert not (organ_map_of_lesion(desk, "L1") & organ_map_of_lesion(desk, "L2")).any()


def test_an_impossible_place_is_told_and_the_nearest_possible_one_is_offered(desk):
    labels = desk.bench.labels
    kidney = organ_center(labels, "kidney_left")
    with pytest.raises(PastaError, match="not in the liver"):
        desk.draw("liver_tumor", seed=1, long_axis_mm=14.0, center=kidney)
    desk.nearest()
    found = desk.preview.wish.asked["center"]
    assert desk.preview.finished
    liver = organ_center(labels, "liver")
    assert np.linalg.norm(np.subtract(found, kidney)) < np.linalg.norm(np.subtract(liver, kidney))
    ras = (-kidney[0], -kidney[1], kidney[2])
    assert "left kidney" in why_not(labels, "liver_tumor", ras)
    assert why_not(labels, "kidney_cyst", ras) == ""
    assert "outside" in why_not(labels, "kidney_cyst", (5000.0, 0.0, 0.0))


def organ_center(labels, key):
    index = np.argwhere(sitk.GetArrayViewFromImage(labels) == catalog().label(key))
    middle = index[len(index) // 2][::-1].tolist()
    return labels.TransformIndexToPhysicalPoint(middle)


def test_the_copy_stays_under_the_transform_of_the_original(scene):
    import vtk

    volume, organs = in_scene(scene, *phantom(SPACING))
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 30.0)
    transform.SetMatrixTransformToParent(matrix)
    for node in (volume, organs):
        node.SetAndObserveTransformNodeID(transform.GetID())
    desk = ScriptBench()
    desk.take(volume, organs)
    desk.draw("liver_cyst", seed=4, long_axis_mm=18.0)
    desk.keep()
    assert desk.nodes.volume.GetTransformNodeID() == transform.GetID()
    assert volume.GetTransformNodeID() == transform.GetID()
    assert image_of(desk.nodes.volume).GetOrigin() == pytest.approx(image_of(volume).GetOrigin())
    x, y, z = desk.nodes.lesions.GetSegmentCenterRAS("L1")
    truth = desk.lesions[0].patch.truth["center"]
    assert np.allclose((-x, -y, z), truth, atol=5)


def test_the_self_test_passes(scene):
    from PASTAGenLib.mrml.self_test import run

    class Logic:
        def sample(self, seed):
            return in_scene(scene, *phantom(SPACING))

        def desk(self, volume, organs):
            desk = ScriptBench()
            desk.take(volume, organs)
            return desk

    assert run(Logic()) == "Test passed"


def test_organ_masks_need_not_cover_the_scan(scene):
    ct, organs = phantom(SPACING)
    part = organs[:, :, 10:28]
    volume = add_volume(scene, ct, "Phantom")
    none = sitk.Image(part.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(part)
    node = add_segmentation(scene, Segmentation(part, none, none), "Part")
    desk = ScriptBench()
    desk.take(volume, node)
    desk.draw("liver_cyst", seed=4, long_axis_mm=14.0)
    desk.keep()
    assert desk.nodes.volume.GetImageData().GetDimensions() == ct.GetSize()
    assert "urinary_bladder" not in desk.places["bladder"]


def test_a_case_of_the_scene_is_taken_up_again(scene, desk):
    desk.draw("liver_cyst", seed=5, long_axis_mm=16.0)
    desk.keep()
    desk.draw("kidney_cyst", seed=6, long_axis_mm=12.0)
    desk.keep()
    desk.hide("L1")
    nodes = benches_in(scene)[0]
    again = ScriptBench()
    again.take(nodes.original, nodes.given, nodes)
    assert [(kept.id, kept.shown) for kept in again.lesions] == [("L1", False), ("L2", True)]
    assert again.lesion("L2").wish == desk.lesion("L2").wish
    desk.hide("L1")
    both = voxels_of_volume(nodes.volume).copy()
    desk.hide("L1")
    again.hide("L1")
    assert np.array_equal(voxels_of_volume(nodes.volume), both)


@pytest.mark.parametrize("kind", list(catalog().lesion_types))
def test_what_a_form_offers_can_be_asked_for(kind):
    choices = choices_of(kind)
    for field, values in (
        ("subtype", choices.subtypes), ("shape", choices.shapes), ("density", choices.densities),
        ("heterogeneity", choices.heterogeneities), ("surface", choices.surfaces),
        ("invasion", choices.invasions),
    ):  # fmt: skip
        for value in values:
            assert getattr(spec_of(kind, {field: value}, 1), field) == value
    assert spec_of(kind, {"features": list(choices.features)[:1]}, 1).features is not None
    assert places_for(kind, ["a", "b"])[:2] == ("a", "b")
    entry = recipe_entry(kind, {"long_axis_mm": 10.0, "center": [0, 0, 0]}, 3)
    assert entry == {"type": kind, "count": 3, "long_axis_mm": 10.0}


def test_features_are_told_by_the_names_that_they_are_asked_for_by():
    bench, wanted = Workbench(*phantom(SPACING)), ("capsule", "necrosis")
    spec = LesionSpec("liver_tumor", long_axis_mm=30.0, subtype="hcc", features=wanted, seed=2)
    patch = bench.draw((), spec)
    assert set(patch.truth["features"]) == set(wanted)
    assert set(drawn_values(patch.plan, patch.truth)["features"]) == set(wanted)


def test_scripts_look_at_a_case_as_the_buttons_do(scene, desk):
    with pytest.raises(PastaError, match="no lesion yet"):
        desk.difference()
    with pytest.raises(PastaError, match="There is no preset 'Wart'"):
        desk.draw_preset("Wart")
    assert desk.draw_preset("Liver cyst, 15 mm", seed=4)["type"] == "liver_cyst"
    desk.keep()
    desk.without_lesions()
    assert not desk.nodes.lesions.GetDisplayNode().GetVisibility()
    desk.without_lesions(False)
    assert desk.nodes.lesions.GetDisplayNode().GetVisibility()
    desk.difference()
    assert voxels_of_volume(scene.GetFirstNodeByName("SYNTHETIC difference")).any()
    desk.difference(False)
    assert scene.GetFirstNodeByName("SYNTHETIC difference") is None
    desk.surfaces()
    assert desk.nodes.lesions.GetSegmentation().ContainsRepresentation("Closed surface")


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(PastaError, match="'size' is not a property"):
        spec_of("liver_cyst", {"size": 10}, 1)


def test_presets_are_read_saved_and_refused(tmp_path):
    presets, problems = read_presets()
    assert len(presets) >= 10
    assert problems == []
    mine = Preset("My cyst, 9 mm", "liver_cyst", {"long_axis_mm": 9.0})
    assert presets_of(save_preset(mine, tmp_path)) == [mine]
    (tmp_path / "broken.json").write_text('{"name": "x", "type": "wart", "asked": {}}')
    presets, problems = read_presets(tmp_path)
    assert presets[-1] == mine
    assert len(problems) == 1
    assert "wart" in problems[0]


def test_what_was_drawn_is_told_by_field():
    bench = Workbench(*phantom(SPACING))
    patch = bench.draw((), LesionSpec("liver_tumor", long_axis_mm=24.0, seed=3))
    values = drawn_values(patch.plan, patch.truth)
    assert values["long_axis_mm"] == pytest.approx(24, abs=2.5)
    assert values["density"] == patch.truth["attributes"]["density"]
    assert set(values) <= {f for f in LesionSpec.__dataclass_fields__}


def test_found_and_missed_are_told_apart():
    from PASTALib.geometry import Geometry
    from PASTALib.region import Region

    grid = Geometry((20, 20, 20), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))

    def cube(start):
        return Region.of(np.ones((6, 6, 6), bool), grid, start)

    class Found:
        type = "liver_cyst"

        class size:
            class long_axis:
                length_mm = 8.0

    class Report:
        def finding(self, key):
            assert key == "F1"
            return Found

    rows = outcomes(
        {"L1": (cube((1, 1, 1)), 6.0), "L2": (cube((12, 12, 12)), 6.0)},
        Report(),
        {"F1": cube((1, 1, 3))},
    )
    assert (rows[0].finding, rows[0].dice, rows[0].size_error_mm) == ("F1", pytest.approx(2 / 3), 2)
    assert rows[1].finding is None
