"""The classes of ``pasta-s`` and how catalogue labels become output channels."""

from __future__ import annotations

import numpy as np

from PASTALib.catalog import catalog

STRUCTURES = (
    "liver",
    "gallbladder",
    "pancreas",
    "spleen",
    "kidney_right",
    "kidney_left",
    "stomach",
    "duodenum",
    "small_bowel",
    "colorectum",
    "urinary_bladder",
    "esophagus",
    "lung_right",
    "lung_left",
    "heart",
    "aorta",
    "inferior_vena_cava",
    "vertebrae",
    "sacrum",
    "ribs",
    "sternum",
    "hip_bone",
    "limb_bones",
    "back_muscle",
)
CLASSES = ("background", *STRUCTURES, *catalog().lesion_types)
IGNORE = 255
"""Label of voxels whose class is not known; they take no part in the loss."""

MIRRORED = tuple(
    (CLASSES.index(key), CLASSES.index(key.replace("right", "left")))
    for key in STRUCTURES
    if "right" in key
)
"""Pairs of channels that change places when a scan is mirrored left to right."""


def channel_table() -> np.ndarray:
    """uint8 look-up table of 256 entries: catalogue label to output channel.

    Parts (lobes, single vertebrae) become their parent; structures that the model does not
    predict become background; `IGNORE` stays.
    """
    table = np.zeros(256, np.uint8)
    for key in STRUCTURES:
        table[list(catalog().labels_of(key))] = CLASSES.index(key)
    for key in catalog().lesion_types:
        table[catalog().label(key)] = CLASSES.index(key)
    table[IGNORE] = IGNORE
    return table
