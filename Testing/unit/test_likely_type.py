"""The type that is proposed for a lesion that a reader pointed at."""

from __future__ import annotations

import numpy as np
import pytest

from PASTALib.catalog import catalog
from PASTALib.geometry import Geometry
from PASTALib.gestures.likely import likely_type
from PASTALib.region import Region

ORGANS = {"liver": 110, "kidney_left": 180, "lung_left": -850, "gallbladder": 12, "pancreas": 100}
"""HU of structures in a portal venous scan."""


@pytest.mark.parametrize(
    ("structure", "hu", "kind"),
    [
        ("liver", 65, "liver_tumor"),
        ("liver", 10, "liver_cyst"),
        ("kidney_left", 12, "kidney_cyst"),
        ("kidney_left", 90, "kidney_tumor"),
        ("kidney_left", 900, "kidney_stone"),
        ("lung_left", 60, "lung_tumor"),
        ("gallbladder", 180, "gallstone"),
        ("pancreas", 15, "pancreas_cyst"),
        ("pancreas", 60, "pancreas_tumor"),
    ],
)
@pytest.mark.parametrize("included", [True, False])
def test_organ_and_hu_tell_the_type(structure, hu, kind, included):
    image = np.full((24, 24, 24), 30, np.int16)
    organs = np.zeros(image.shape, np.uint8)
    organs[4:20, 4:20, 4:20] = catalog().label(structure)
    image[organs > 0] = ORGANS[structure]
    mask = np.zeros(image.shape, bool)
    mask[9:15, 9:15, 9:15] = True
    image[mask] = hu
    if not included:  # an organ that was outlined without its lesion
        organs[mask] = 0
    region = Region.of(mask, Geometry.isotropic(mask.shape, 2.0))
    assert likely_type(region, image, organs, "portal_venous") == kind


def test_where_no_organ_is_near_none_is_proposed():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    region = Region.of(mask, Geometry.isotropic(mask.shape, 2.0))
    empty = np.zeros(mask.shape, np.uint8)
    assert likely_type(region, empty.astype(np.int16), empty, "unknown") is None
