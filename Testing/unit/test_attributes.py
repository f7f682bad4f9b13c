"""Attributes, contacts, margin and place on constructed images with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.attributes import shape
from PASTALib.catalog import catalog
from PASTALib.ct import CT, Estimate
from PASTALib.geometry import Geometry
from PASTALib.lesions import Lesion, measure_lesion
from PASTALib.margin import measure_edge
from PASTALib.measure import measure
from PASTALib.region import Region

SHAPE = (44, 72, 72)
LIVER, BILE, TISSUE = 110.0, 8.0, -100.0


def grid(spacing: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, y, x = (np.arange(n) * spacing for n in SHAPE)
    return z[:, None, None], y[None, :, None], x[None, None, :]


def ball(radius: float, center: tuple[float, float, float] = (22, 36, 36)) -> np.ndarray:
    z, y, x = grid()
    return (z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2 <= radius**2


def lesion_in(
    inside: np.ndarray,
    lesion_type: str = "liver_tumor",
    *,
    delta: float = -40.0,
    blur_mm: float = 0.45,
    noise: float = 8.0,
    texture: float = 0.0,
    tissue: float = LIVER,
    structure: str = "liver",
    phase: str = "portal_venous",
    others: dict[str, np.ndarray] | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Lesion:
    """A lesion in a block of one tissue, `delta` HU apart, measured on its true mask."""
    rng = np.random.default_rng(3)
    organs = np.full(SHAPE, catalog().label(structure), np.uint8)
    for key, where in (others or {}).items():
        organs[where & ~inside] = catalog().label(key)
    pattern = ndimage.gaussian_filter(rng.normal(0, 1, SHAPE), 2.0)
    pattern *= texture / pattern.std()
    sharp = np.where(inside, delta + pattern, 0.0)
    hu = tissue + ndimage.gaussian_filter(sharp, [blur_mm / s for s in spacing[::-1]])
    hu += rng.normal(0, noise, SHAPE)

    def as_image(array: np.ndarray) -> sitk.Image:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(spacing)
        return image

    ct = CT(as_image(np.round(hu).astype(np.int16)), "block", phase=Estimate(phase, 1.0, "test"))
    return measure_lesion(ct, as_image(organs), as_image(inside.astype(np.uint8)), lesion_type)


def test_every_value_is_one_of_the_catalogues_strings_with_numbers_as_evidence() -> None:
    attributes = lesion_in(ball(9)).attributes
    assert list(attributes) == list(catalog().attributes)
    for key, found in attributes.items():
        assert found.value in catalog().attributes[key].values
        assert 0 < found.confidence < 1
        assert any(letter.isdigit() for letter in found.evidence) or "none" in found.evidence
        assert found.evidence.endswith(".")


@pytest.mark.parametrize(
    ("delta", "phase", "value"),
    [
        (-40, "portal_venous", "Hypodense"),
        (-14, "non_contrast", "Hypodense"),
        (-9, "non_contrast", "Isodense"),
        (0, "portal_venous", "Isodense"),
        (5, "arterial", "Isodense"),
        (11, "portal_venous", "Hyperdense"),
        (45, "arterial", "Hyperdense"),
    ],
)
def test_density_follows_the_difference_to_the_organ(delta: float, phase: str, value: str) -> None:
    found = lesion_in(ball(10), delta=delta, phase=phase)
    assert found.attributes["density"].value == value
    assert found.reference.measured
    assert found.reference.median == pytest.approx(LIVER, abs=1)
    assert found.hu.mean - LIVER == pytest.approx(delta, abs=2 + 0.1 * abs(delta))


def test_density_is_sure_far_from_the_deadband_and_unsure_at_its_edge() -> None:
    sure = lesion_in(ball(10), delta=-40).attributes["density"].confidence
    unsure = lesion_in(ball(10), delta=-8).attributes["density"].confidence
    assert sure > 0.95
    assert 0.3 < unsure < 0.75


@pytest.mark.parametrize(
    ("lesion_type", "structure", "tissue", "hu", "value", "reference"),
    [
        ("lung_tumor", "lung_left", -840, 60, "Isodense", "muscle"),
        ("lung_tumor", "lung_left", -840, -600, "Hypodense", "muscle"),
        ("gallstone", "gallbladder", BILE, 400, "Hyperdense", "gallbladder"),
        ("bladder_cancer", "urinary_bladder", 6, 60, "Hyperdense", "urinary bladder"),
        ("bone_metastasis", "vertebra_L3", 150, 60, "Hypodense", "vertebra L3"),
        ("bone_metastasis", "vertebra_L3", 150, 650, "Hyperdense", "vertebra L3"),
        ("gastric_cancer", "stomach", 10, 95, "Hyperdense", "muscle"),
    ],
)
def test_density_has_a_reference_that_fits_the_organ(
    lesion_type: str, structure: str, tissue: float, hu: float, value: str, reference: str
) -> None:
    found = lesion_in(
        ball(10), lesion_type, delta=hu - tissue, tissue=tissue, structure=structure, noise=6
    )
    assert found.attributes["density"].value == value
    assert found.reference.name == reference


@pytest.mark.parametrize("noise", [5.0, 12.0, 25.0])
def test_noise_alone_does_not_make_a_lesion_heterogeneous(noise: float) -> None:
    found = lesion_in(ball(10), noise=noise)
    assert found.attributes["heterogeneity"].value == "Homogeneous"


@pytest.mark.parametrize("noise", [5.0, 12.0, 25.0])
def test_texture_above_the_noise_makes_it_heterogeneous(noise: float) -> None:
    found = lesion_in(ball(12), noise=noise, texture=25.0)
    assert found.attributes["heterogeneity"].value == "Heterogeneous"


@pytest.mark.parametrize(
    ("blur_mm", "value"),
    [(0.45, "Well-defined margin"), (0.8, "Well-defined margin"), (1.8, "Ill-defined margin")],
)
@pytest.mark.parametrize("delta", [-60.0, 80.0])
def test_the_margin_is_told_from_the_blur_of_the_edge(
    blur_mm: float, value: str, delta: float
) -> None:
    surface = lesion_in(ball(11), delta=delta, blur_mm=blur_mm).attributes["surface"]
    assert surface.value == value


def test_a_wrong_mask_edge_does_not_blur_a_sharp_margin() -> None:
    """The image's edge is found although the mask is 1 mm too large on one side."""
    shifted = lesion_in(ball(11) | ball(11, (22, 36, 37)), delta=-60)
    assert shifted.attributes["surface"].value == "Well-defined margin"


def test_a_lesion_like_its_surroundings_has_no_sure_margin() -> None:
    surface = lesion_in(ball(10), delta=0.0, noise=15).attributes["surface"]
    assert surface.value == "Ill-defined margin"
    assert surface.confidence <= 0.6


def test_a_ball_is_round_and_a_star_is_irregular() -> None:
    z, y, x = grid()
    dz, dy, dx = z - 22, y - 36, x - 36
    angle = np.arctan2(dy + 0 * dz, dx + 0 * dz)
    star = np.hypot(dy, dx) <= 10 + 5 * np.cos(5 * angle)
    star = star & (np.abs(dz) <= 8)
    assert lesion_in(ball(10)).attributes["shape"].value == "Round-like"
    assert lesion_in(star).attributes["shape"].value == "Irregular"


@pytest.mark.filterwarnings("error")
def test_a_lesion_of_one_voxel_has_no_edge_to_measure() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    region = Region.of(mask, Geometry.isotropic(mask.shape, 3.0))
    hu, organs = np.zeros(mask.shape, np.int16), mask.astype(np.uint8)
    assert measure_edge(region, hu, 10.0, organs=organs, organ_labels=(1,)) is None


def test_most_real_kidney_tumors_are_round_and_sarcomas_less_often(shared_data) -> None:
    def share_round(folder: str, label: int) -> float:
        kind, values = catalog().lesion_types["kidney_tumor"], []
        for path in sorted(shared_data(folder).glob("*.nii.gz"))[:24]:
            mask = sitk.ReadImage(str(path)) == label
            region = Region.of(sitk.GetArrayViewFromImage(mask) != 0, Geometry.of(mask))
            values.append(shape(region, kind, measure(region), None).value)
        return float(np.mean([value == "Round-like" for value in values]))

    kidney, sarcoma = share_round("tumour_masks_kits19", 2), share_round("tumour_masks_sts", 1)
    print(f"round-like: kidney tumors {kidney:.2f}, sarcomas {sarcoma:.2f}")
    assert 0.5 <= kidney <= 0.9
    assert 0.3 <= sarcoma <= kidney


def test_a_small_stone_is_punctate_and_a_small_liver_tumor_is_not() -> None:
    stone = lesion_in(ball(3), "kidney_stone", delta=800, structure="kidney_left")
    tumor = lesion_in(ball(3.6))
    assert stone.attributes["shape"].value == "Punctate, nodular"
    assert tumor.attributes["shape"].value == "Round-like"


def test_a_lesion_that_is_all_partial_volume_has_the_margin_that_is_usual_for_its_type() -> None:
    bone, cyst = (
        lesion_in(ball(2.6), kind, delta=delta, structure=structure).attributes["surface"]
        for kind, delta, structure in (
            ("bone_metastasis", 300, "vertebra_L3"),
            ("liver_cyst", -100, "liver"),
        )
    )
    assert (bone.value, cyst.value) == ("Ill-defined margin", "Well-defined margin")
    assert bone.confidence == cyst.confidence == 0.5
    assert "Too few voxels" in bone.evidence


def test_a_plaque_on_the_outer_wall_of_a_hollow_organ_is_wall_thickening() -> None:
    z, y, x = grid()
    radius = np.sqrt((y - 36) ** 2 + (x - 36) ** 2) + 0 * z
    plaque = (radius > 16) & (radius <= 24) & (x > 38) & (np.abs(z - 22) <= 14)
    found = lesion_in(
        plaque,
        "gastric_cancer",
        structure="stomach",
        tissue=10,
        delta=80,
        others={"back_muscle": radius > 24},
    )
    assert found.attributes["shape"].value == "Wall thickening"


def test_contact_with_a_neighbor_is_measured_in_mm_and_mm2() -> None:
    z, y, x = grid()
    everywhere = np.ones(SHAPE, bool)
    block = (np.abs(z - 22) <= 10) & (np.abs(y - 36) <= 10) & (np.abs(x - 36) <= 10)
    area = 21.0 * 21.0
    for gap, touched in ((0, True), (2, True), (4, False)):
        stomach = everywhere & (x > 46 + gap)
        found = lesion_in(block, others={"stomach": stomach})
        if not touched:
            assert found.contacts == ()
            continue
        (contact,) = found.contacts
        assert contact.structure == "stomach"
        assert contact.area_mm2 == pytest.approx(area, rel=0.1)
        assert contact.fraction == pytest.approx(1 / 6, rel=0.05)


def test_a_touching_slice_counts_however_thick_it_is() -> None:
    z, y, x = grid()
    block = (np.abs(z - 20) <= 3) & (np.abs(y - 36) <= 10) & (np.abs(x - 36) <= 10)
    spleen = (z > 23) & (y > -1) & (x > -1)
    found = lesion_in(block, others={"spleen": spleen}, spacing=(1.0, 1.0, 5.0))
    assert [contact.structure for contact in found.contacts] == ["spleen"]
    assert found.contacts[0].fraction == pytest.approx(441 / (2 * 441 + 4 * 21 * 35), rel=0.05)


def test_a_wide_contact_is_a_close_relationship_and_a_touch_is_not() -> None:
    _, _, x = grid()
    everywhere = np.ones(SHAPE, bool)
    wide = lesion_in(ball(10), others={"stomach": everywhere & (x > 40)})
    touch = lesion_in(ball(10), others={"stomach": everywhere & (x > 47.5)})
    assert wide.attributes["invasion"].value.startswith("Close")
    assert touch.attributes["invasion"].value.startswith("No close")


def test_parts_of_the_lesions_own_organ_are_no_contact() -> None:
    _, _, x = grid()
    everywhere = np.ones(SHAPE, bool)
    found = lesion_in(
        ball(8),
        "lung_tumor",
        structure="lung_upper_lobe_left",
        tissue=-840,
        delta=880,
        others={"lung_lower_lobe_left": everywhere & (x > 40)},
    )
    assert found.contacts == ()
    assert found.location.text == "left lung, upper lobe"


def test_a_rib_lesion_gets_its_side_from_the_spine() -> None:
    z, y, x = grid()
    spine = (np.hypot(y - 60, x - 10) <= 6) & (z > -1)
    found = lesion_in(
        ball(6), "bone_metastasis", structure="ribs", tissue=150, others={"vertebrae": spine}
    )
    assert (found.side, found.part) == ("left", "rib")


def test_a_lesion_outside_its_organ_has_no_structure_but_is_measured() -> None:
    found = lesion_in(ball(8), "kidney_tumor")
    assert found.structure is None
    assert found.location.text == "kidney"
    assert not found.reference.measured
    assert found.organ_hu is None
