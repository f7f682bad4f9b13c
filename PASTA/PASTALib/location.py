"""Where a lesion is: structure, side, and part as far as the labels allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from PASTALib.catalog import LesionType, catalog
from PASTALib.region import Region
from PASTALib.surroundings import Surroundings

Side = Literal["left", "right"]
MIDLINE_MM = 10.0
"""A lesion closer than this to the spine's midline is given no side."""
MIDLINE_STRUCTURES = ("vertebrae", "sacrum")
SIDED_BY_MIDLINE = ("ribs", "hip_bone", "limb_bones")


@dataclass(frozen=True)
class Location:
    """Where a lesion is.

    Attributes:
        organ: one of the ten organs.
        structure: catalogue key of the labelled structure that holds most of it; None if the
            segmentation shows none of its organ there.
        side: left or right of the patient; None for a single organ or if it is not known.
        part: lobe, vertebra or third; None if the labels do not tell.
    """

    organ: str
    structure: str | None
    side: Side | None
    part: str | None

    @property
    def text(self) -> str:
        """Such as ``left kidney, lower third``."""
        known = catalog()
        name = known.organs[self.organ].name.lower()
        if self.side:
            name = f"{self.side} {name}"
        return f"{name}, {self.part}" if self.part else name


def locate(region: Region, lesion_type: LesionType, around: Surroundings) -> Location:
    """Location of a region that holds a lesion of that type."""
    known = catalog()
    own = known.organ_labels(lesion_type.organ)
    label = _majority(region, own, around)
    if label is None:
        return Location(lesion_type.organ, None, None, None)
    structure = next(s for s in known.structures.values() if s.label == label)
    side, part = structure.side, structure.part
    if structure.key in SIDED_BY_MIDLINE:
        side = _side_of_midline(region, around)
    if lesion_type.organ == "kidney":
        part = _kidney_third(region, structure.key, around)
    return Location(lesion_type.organ, structure.key, side, part)


def _majority(region: Region, own: tuple[int, ...], around: Surroundings) -> int | None:
    """Most frequent label of `own` inside the region or, if there is none, near its box."""
    inside = around.organs[region.slices][region.mask]
    for labels in (inside, around.organs[region.grown(3.0).slices].ravel()):
        counts = np.bincount(labels, minlength=256)[list(own)]
        if counts.any():
            return own[int(np.argmax(counts))]
    return None


def _centroid(region: Region) -> np.ndarray:
    index = np.argwhere(region.mask).mean(axis=0) + np.array(region.start)
    return region.geometry.points_of_zyx(index)


def _side_of_midline(region: Region, around: Surroundings) -> Side | None:
    """Side of the spine's midline at the lesion's level; LPS x grows to the patient's left."""
    labels = tuple(k for key in MIDLINE_STRUCTURES for k in catalog().labels_of(key))
    axis = region.geometry.slice_axis
    near = region.grown(20.0).slices
    box = tuple(near[a] if a == axis else slice(None) for a in range(3))
    index = np.argwhere(np.isin(around.organs[box], labels)).astype(float)
    if len(index) == 0:
        return None
    index[:, axis] += near[axis].start
    offset = float(_centroid(region)[0] - region.geometry.points_of_zyx(index)[:, 0].mean())
    if abs(offset) < MIDLINE_MM:
        return None
    return "left" if offset > 0 else "right"


def _kidney_third(region: Region, structure: str, around: Surroundings) -> str | None:
    """Third of the kidney by the lesion's center along the kidney's extent in patient z.

    Not given if the kidney is cut by the border of the scan, or if the lesion spans more than two
    thirds of the kidney.
    """
    labels = catalog().labels_of(structure)
    box = around.box(labels)
    axis = region.geometry.slice_axis
    if box is None or box[axis].start == 0 or box[axis].stop == around.organs.shape[axis]:
        return None
    points = region.geometry.points_of_zyx(
        np.argwhere(np.isin(around.organs[box], labels)) + np.array([b.start for b in box])
    )
    low, high = np.percentile(points[:, 2], [0.5, 99.5])
    own = region.geometry.points_of_zyx(np.argwhere(region.mask) + np.array(region.start))[:, 2]
    if high <= low or np.ptp(own) > 2 / 3 * (high - low):
        return None
    relative = (own.mean() - low) / (high - low)
    if relative > 2 / 3:
        return "upper third"
    return "lower third" if relative < 1 / 3 else "middle third"
