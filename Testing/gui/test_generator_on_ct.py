"""The panel of PASTAGen on real CT: other axes, thick slices, a bent scan, missing organs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gui.making import PATIENCE_S, bend, choose, drawn, hu, preview

pytestmark = pytest.mark.slicer


@pytest.fixture(scope="module")
def ct_and_organs(shared_data: Callable[[str], Path]) -> tuple[sitk.Image, sitk.Image]:
    """The upper half of a real abdomen at 3 mm, and its organs by catalogue labels."""
    from PASTALib.organ_input import read_organs
    from PASTALib.reading import read_ct

    ct = read_ct(shared_data("totalsegmentator/example_ct.nii.gz")).image
    labels = shared_data("totalsegmentator/example_seg_total117.nii.gz")
    organs = read_organs(labels, ct, "totalsegmentator_v2").labels
    size = ct.GetSize()
    corner, edges = [0, 0, size[2] // 2], [size[0], size[1], size[2] - size[2] // 2]
    return (
        sitk.RegionOfInterest(ct, edges, corner),
        sitk.RegionOfInterest(organs, edges, corner),
    )


def oblique(image: sitk.Image) -> sitk.Image:
    turn = np.reshape(sitk.Euler3DTransform((0.0,) * 3, 0.2, -0.3, 0.4).GetMatrix(), (3, 3))
    turned = sitk.Image(image)
    turned.SetDirection((turn @ np.reshape(image.GetDirection(), (3, 3))).ravel().tolist())
    return turned


def left_handed(image: sitk.Image) -> sitk.Image:
    return sitk.Flip(image, [True, False, False])


def thick(image: sitk.Image) -> sitk.Image:
    return image[:, :, ::2]


def as_it_is(image: sitk.Image) -> sitk.Image:
    return image


def opened(scene, panel, ct: sitk.Image, labels: sitk.Image):
    """The CT and its organs in the scene, chosen in the panel."""
    from PASTALib.ct import Segmentation
    from PASTALib.mrml.segmentations import add_segmentation
    from PASTALib.mrml.volumes import add_volume

    none = sitk.Image(labels.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(labels)
    volume = add_volume(scene, ct, "Abdomen")
    organs = add_segmentation(scene, Segmentation(labels, none, none), "Organs", volume=volume)
    panel.input.choose(volume, organs)
    return volume


@pytest.mark.parametrize("changed", [as_it_is, oblique, left_handed, thick])
def test_a_liver_tumor_is_kept_in_a_real_scan_of_any_axes(
    changed: Callable[[sitk.Image], sitk.Image], host, scene, generator, ct_and_organs
):
    from PASTALib.catalog import catalog
    from PASTALib.mrml.volumes import image_of

    ct, labels = (changed(image) for image in ct_and_organs)
    volume = opened(scene, generator, ct, labels)
    choose(generator.ui.typeSelector, "liver_tumor")
    generator.ui.sizeSpinBox.value = 24.0
    preview(host, generator)
    generator.ui.keepButton.click()
    made = hu(generator.desk.nodes.volume)
    different = made != hu(volume)
    assert different.any()
    assert np.allclose(image_of(generator.desk.nodes.volume).GetDirection(), ct.GetDirection())
    x, y, z = generator.desk.nodes.lesions.GetSegmentCenterRAS("L1")
    index = labels.TransformPhysicalPointToIndex((-x, -y, z))
    assert labels[index] == catalog().label("liver")
    assert generator.desk.preview is None or generator.desk.preview.finished
    reach = np.argwhere(different) * np.array(ct.GetSpacing())[::-1]
    assert (np.ptp(reach, axis=0) < 24 + 60).all()  # the lesion and its surroundings, no more


def test_organs_that_do_not_cover_the_scan_take_lesions_where_they_are(
    host, scene, generator, ct_and_organs
):
    ct, labels = ct_and_organs
    array = sitk.GetArrayFromImage(labels)
    array[:, :, array.shape[2] // 2 :] = 0  # half of the patient was not outlined
    half = sitk.GetImageFromArray(array)
    half.CopyInformation(labels)
    opened(scene, generator, ct, half)
    choose(generator.ui.typeSelector, "kidney_cyst")
    generator.ui.sizeSpinBox.value = 15.0
    preview(host, generator)
    center = generator.desk.preview.patch.truth["center"]
    assert half[half.TransformPhysicalPointToIndex(center)] != 0


def test_a_bent_scan_is_hardened_only_when_asked(host, scene, generator, ct_and_organs):
    volume = opened(scene, generator, *ct_and_organs)
    ui = generator.ui
    assert ui.hardenButton.isHidden()
    before = hu(volume)
    transform = bend(scene, volume)
    generator.refresh()
    assert not ui.hardenButton.isHidden()
    assert "press Harden" in ui.previewButton.toolTip
    assert not ui.previewButton.enabled
    ui.hardenButton.click()
    assert ui.hardenButton.text == "Cancel"
    host.process_events(lambda: ui.hardenButton.text == "Harden", PATIENCE_S)
    copy = generator.input.volume
    assert copy.GetName() == "Abdomen hardened"
    assert copy.GetParentTransformNode() is None
    assert volume.GetParentTransformNode() is transform
    assert np.array_equal(hu(volume), before)
    assert hu(copy).min() == before.min()
    assert ui.hardenButton.isHidden()
    # the organs were not under the transform; in the copy they have to be brought where they belong
    assert ui.previewButton.enabled or "press Fit" in ui.previewButton.toolTip


def test_organs_on_another_grid_are_fitted_when_asked(host, scene, generator, ct_and_organs):
    from PASTALib.mrml.organs import organ_map
    from PASTALib.mrml.segmentations import segment_keys

    ct, labels = ct_and_organs
    opened(scene, generator, ct, labels[::2, ::2, ::2])
    ui, given = generator.ui, generator.input.organs
    assert ui.outlineButton.text == "Fit"
    assert not ui.previewButton.enabled
    assert "press Fit" in ui.previewButton.toolTip
    ui.outlineButton.click()
    assert ui.outlineButton.text == "Cancel"
    ui.outlineButton.click()
    assert ui.statusLabel.text == "Cancelled."
    assert generator.input.organs is given
    ui.outlineButton.click()
    host.process_events(lambda: ui.outlineButton.text == "Outline", PATIENCE_S)
    fitted = generator.input.organs
    assert fitted is not given
    assert segment_keys(fitted) == segment_keys(given)
    before = sitk.GetArrayFromImage(organ_map(given, generator.input.volume))
    assert np.array_equal(sitk.GetArrayFromImage(organ_map(fitted, generator.input.volume)), before)
    assert ui.previewButton.enabled
    choose(ui.typeSelector, "liver_tumor")
    preview(host, generator)


def test_the_bundled_model_outlines_the_organs_of_a_real_scan(
    host, scene, generator, ct_and_organs
):
    from PASTALib.mrml.segmentations import segment_keys

    volume = opened(scene, generator, *ct_and_organs)
    ui = generator.ui
    ui.organsSelector.setCurrentNode(None)
    assert ui.previewButton.toolTip.startswith("Choose a segmentation of the organs")
    ui.outlineButton.click()
    assert ui.outlineButton.text == "Cancel"
    host.process_events(lambda: ui.outlineButton.text == "Outline", PATIENCE_S)
    assert "check them" in ui.statusLabel.text
    organs = generator.input.organs
    assert organs.GetName() == f"Organs of {volume.GetName()}"
    assert {"liver", "spleen", "lung_right"} <= set(segment_keys(organs).values())
    choose(ui.typeSelector, "liver_cyst")
    ui.previewButton.click()
    drawn(host, generator)
    assert generator.desk.preview.finished, ui.statusLabel.text
