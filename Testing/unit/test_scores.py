"""What is kept of the network's logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from PASTALib.catalog import catalog
from PASTALib.model import ModelInfo, Normalization
from PASTALib.scores import SCALE, ClassTable

CLASSES = ("background", "liver", "kidney_right", "kidney_left", "kidney_tumor", "kidney_cyst")


def table(classes=CLASSES, threshold=0.5):
    normalization = Normalization(-1000, 1000, 0, 100)
    return ClassTable(
        ModelInfo("m", "0", classes, 3.0, (16,) * 3, (4, 4), normalization, {}, threshold)
    )


def logits_of(*probabilities):
    return torch.tensor(probabilities).log().reshape(-1, 1, 1, 1)


def test_channels_are_sorted_into_structures_and_lesions_by_organ():
    found = table()
    assert found.structure_labels == tuple(catalog().label(key) for key in CLASSES[1:4])
    assert found.lesion_labels == tuple(catalog().label(key) for key in CLASSES[4:])
    assert found.organs == (([2, 3], [4, 5]),)


def test_the_lesions_of_an_organ_count_for_its_structures_in_proportion():
    scores = table().reduce(logits_of(0.3, 0.1, 0.02, 0.08, 0.3, 0.2))
    expected = np.log(np.array([0.1, 0.12, 0.48]) / 0.3)
    assert scores.organs.ravel() / SCALE == pytest.approx(expected, abs=0.01)
    assert scores.organ.item() == 3


def test_lesion_types_are_taken_together_against_all_other_classes():
    scores = table().reduce(logits_of(0.35, 0.1, 0.05, 0.05, 0.25, 0.2))
    assert scores.margin.item() / SCALE == pytest.approx(np.log(0.45 / 0.55), abs=0.01)
    assert scores.type.item() == 1
    assert scores.probability.item() == round(0.45 * 255)


def test_the_models_threshold_decides_what_is_a_lesion():
    of_voxel = (0.6, 0.1, 0.05, 0.05, 0.15, 0.05)
    assert table(threshold=0.5).reduce(logits_of(*of_voxel)).margin.item() < 0
    assert table(threshold=0.15).reduce(logits_of(*of_voxel)).margin.item() > 0


def test_a_model_without_lesions_finds_none():
    scores = table(CLASSES[:4]).reduce(logits_of(0.1, 0.6, 0.2, 0.1))
    assert scores.organ.item() == 1
    assert scores.margin.item() < 0
    assert scores.probability.item() == 0


def test_a_model_of_lesions_alone_finds_no_organ():
    scores = table(("background", "kidney_tumor")).reduce(logits_of(0.1, 0.9))
    assert scores.organ.item() == 0
    assert scores.margin.item() > 0
