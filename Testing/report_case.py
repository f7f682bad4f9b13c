"""A painted torso in millimeters and lesions by numbers, for the tests of the report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from PASTALib.attributes import AttributeValue
from PASTALib.catalog import catalog
from PASTALib.ct import CT, Estimate, Segmentation
from PASTALib.geometry import LPS_AXES, Geometry
from PASTALib.hu_statistics import HUStatistics, Reference
from PASTALib.lesions import Lesion
from PASTALib.location import Location
from PASTALib.measure import Axis, Measurements
from PASTALib.model import ModelInfo, Normalization
from PASTALib.region import Region

MODEL = ModelInfo(
    name="pasta-s",
    version="0.1.0",
    classes=("background", "liver", *catalog().lesion_types),
    spacing_mm=3.0,
    patch=(96, 96, 96),
    features=(16,),
    normalization=Normalization(-1000, 1000, 0, 500),
    sha256="ab" * 32,
)

SIZE, SPACING = (82, 60, 75), (4.0, 4.0, 4.0)
ORIGIN = (-162.0, -118.0, 0.0)
BODY = ((0, 0, 150), (140, 95, 400), 40)
ORGANS = {  # center LPS mm, semi-axes mm, HU
    "liver": ((-60, -10, 170), (55, 50, 60), 60),
    "kidney_left": ((60, 35, 120), (26, 26, 50), 35),
    "kidney_right": ((-60, 42, 60), (24, 24, 40), 35),
    "lung_right": ((-65, 0, 290), (45, 60, 60), -830),
    "lung_left": ((65, 0, 290), (45, 60, 60), -830),
    "vertebrae": ((0, 60, 150), (22, 22, 400), 180),
}
LESIONS = {  # center LPS mm, radius mm, HU, probability
    "liver_tumor": ((-70, -20, 180), 18, 25, 0.9),
    "kidney_cyst": ((66, 30, 120), 10, 5, 0.7),
}


def ellipsoid(center: tuple, semi_axes: tuple, geometry: Geometry) -> np.ndarray:
    """Voxels ``[z, y, x]`` whose center lies inside."""
    place = np.array(geometry.origin) - np.array(center)
    total = np.zeros(geometry.shape_zyx, dtype=np.float32)
    steps = geometry.steps_zyx
    z, y, x = np.ogrid[tuple(slice(n) for n in geometry.shape_zyx)]
    for axis in range(3):
        along = place[axis] + z * steps[axis, 0] + y * steps[axis, 1] + x * steps[axis, 2]
        total += np.float32((along / semi_axes[axis]) ** 2)
    return total <= 1


def a_case(
    direction: tuple[float, ...] = LPS_AXES,
    origin: tuple[float, float, float] = ORIGIN,
    lesions: dict | None = None,
    synthetic: bool = False,
    name: str = "painted",
) -> tuple[CT, Segmentation]:
    """A painted torso; the patient lies the same, however the image is turned."""
    geometry = Geometry(SIZE, SPACING, origin, tuple(map(float, direction)))
    shape = SIZE[::-1]
    hu = np.full(shape, -1000, dtype=np.int16)
    organs, found, probability = (np.zeros(shape, dtype=np.uint8) for _ in range(3))
    center, axes, value = BODY
    hu[ellipsoid(center, axes, geometry)] = value
    for key, (center, axes, value) in ORGANS.items():
        inside = ellipsoid(center, axes, geometry)
        hu[inside], organs[inside] = value, catalog().label(key)
    for key, (center, radius, value, sure) in (LESIONS if lesions is None else lesions).items():
        inside = ellipsoid(center, (radius,) * 3, geometry)
        hu[inside], found[inside] = value, catalog().label(key)
        probability[inside] = round(255 * sure)
    noise = np.random.default_rng(1).normal(0, 8, shape)
    hu = np.where(hu > -1000, np.round(hu + noise), hu).astype(np.int16)

    def image(array: np.ndarray) -> sitk.Image:
        return geometry.place(sitk.GetImageFromArray(array))

    phase = Estimate("portal_venous", 0.8, "painted")
    region = Estimate("chest, abdomen", 0.9, "painted")
    ct = CT(image(hu), name, phase=phase, region=region, synthetic=synthetic)
    return ct, Segmentation(image(organs), image(found), image(probability))


def a_lesion(
    lesion_type: str,
    long: float,
    short: float | None = None,
    *,
    longest: float | None = None,
    volume: float | None = None,
    hu: tuple[float, float, float] = (40, 50, 60),
    number: int = 1,
    cut: bool = False,
    confidence: float = 0.9,
    side: str | None = None,
    part: str | None = None,
) -> Lesion:
    """A lesion of given sizes (mm, mm3) and HU quartiles, without an image."""
    organ = catalog().lesion_types[lesion_type].organ
    low, median, high = hu
    short = long if short is None else short
    longest = long if longest is None else longest

    def axis(length: float) -> Axis:
        return Axis((0.0, 0.0, 0.0), (length, 0.0, 0.0), length)

    measurements = Measurements(
        volume_mm3=4.19 * (long / 2) ** 3 if volume is None else volume,
        equivalent_diameter_mm=long,
        long_axis=axis(long),
        short_axis=axis(short),
        slice_index=12,
        slice_axis=0,
        slice_tilt_degrees=0.0,
        diameter_3d=axis(longest),
        principal_diameters_mm=(longest, long, short),
        surface_mm2=3.14 * long**2,
        sphericity=0.9,
        solidity=0.95,
        centroid=(1.0, 2.0, 3.0),
        voxels=27,
        box_start=(10, 10, 10),
        box_size=(3, 3, 3),
    )
    statistics = HUStatistics(27, median, 10, low - 20, low - 10, low, median, high, high + 5, high)
    geometry = Geometry((50, 50, 50), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), LPS_AXES)
    start = (0, 10, 10) if cut else (10, 10, 10)
    return Lesion(
        id=f"L{number}",
        instance=number,
        type=lesion_type,
        location=Location(organ, None, side, part),  # type: ignore[arg-type]
        measurements=measurements,
        hu=statistics,
        organ_hu=None,
        reference=Reference("liver", 60.0, True, 2.0),
        contacts=(),
        attributes={
            key: AttributeValue(attribute.values[0], 0.8, "Painted.")
            for key, attribute in catalog().attributes.items()
        },
        confidence=confidence,
        type_confidence=1.0,
        region=Region(np.ones((3, 3, 3), dtype=bool), start, geometry),
    )


def with_value(lesion: Lesion, key: str, value: str) -> Lesion:
    """The lesion with another value of one attribute."""
    attributes = {**lesion.attributes, key: AttributeValue(value, 0.8, "Painted.")}
    return replace(lesion, attributes=attributes)
