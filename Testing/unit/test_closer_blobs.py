"""Blobs by rule, more examples for the closer look."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from nodule_case import AXES, TILTED, lung_with_nodule
from PASTALib.catalog import catalog
from PASTALib.region import overlap
from PASTATrain.closer.blobs import BLOBS, blobs, overlooked


@pytest.mark.parametrize("direction", [TILTED, AXES, (-1, *AXES[1:])])
def test_a_nodule_is_found_by_rule_whatever_the_direction(direction: tuple[float, ...]):
    image, organs, nodule = lung_with_nodule(direction)
    found = list(blobs(image, organs > 0, BLOBS["lung_tumor"]))
    assert max(overlap(nodule, region) for region in found) > 0.7


def test_an_even_organ_has_no_blobs():
    image, organs, _ = lung_with_nodule()
    even = sitk.Cast(image * 0 - 850, sitk.sitkInt16)
    assert not list(blobs(even, organs > 0, BLOBS["lung_tumor"]))


def test_an_organ_that_is_not_there_has_no_blobs():
    image, organs, _ = lung_with_nodule()
    assert not list(blobs(image, np.zeros_like(organs, bool), BLOBS["lung_tumor"]))


def test_what_is_outlined_already_is_not_overlooked():
    image, organs, nodule = lung_with_nodule()
    lesions = np.zeros_like(organs)
    free = [c.region for c in overlooked(image, organs, lesions) if c.type == "lung_tumor"]
    assert max(overlap(nodule, region) for region in free) > 0.7
    lesions[nodule.slices][nodule.mask] = catalog().label("lung_tumor")
    left = [c.region for c in overlooked(image, organs, lesions)]
    assert not any(overlap(nodule, region) for region in left)
