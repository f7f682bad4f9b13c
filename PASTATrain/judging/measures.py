"""One scan compared with its truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.measure import equivalent_diameter
from PASTATrain.judging.predictions import Blob, Labeled
from PASTATrain.judging.rows import FindingRow, LesionRow, StructureRow
from PASTATrain.manifest import Entry

FOUND_DICE = 0.1
"""Least Dice of a finding with a lesion to count as finding it, as in `PASTATrain.evaluation`."""


def outlines(
    truth: np.ndarray, found: np.ndarray, spacing: Sequence[float], tolerance_mm: float
) -> tuple[float, float, float]:
    """Dice, normalized surface Dice and 95th percentile Hausdorff distance (mm), by MONAI.

    Args:
        truth: boolean mask ``[z, y, x]``, not empty.
        found: boolean mask of the same shape. Where it is empty, the result is 0, 0 and NaN.
        spacing: mm, z, y, x.
        tolerance_mm: surfaces this close count as the same.
    """
    if not found.any():
        return 0.0, 0.0, float("nan")
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice

    box = _box_of(truth | found)
    one, other = (torch.from_numpy(mask[box].copy())[None, None].float() for mask in (found, truth))
    steps = list(spacing)
    dice = compute_dice(one, other)
    surface = compute_surface_dice(
        one, other, [tolerance_mm], include_background=True, spacing=steps
    )
    distance = compute_hausdorff_distance(
        one, other, include_background=True, percentile=95, spacing=steps
    )
    return float(dice), float(surface), float(distance)


def _box_of(mask: np.ndarray) -> tuple[slice, ...]:
    """Bounding box of a mask with two voxels around it."""
    sides = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        sides.append(slice(max(0, used[0] - 2), used[-1] + 3))
    return tuple(sides)


def structure_rows(
    entry: Entry, truth: Labeled, found: Labeled, spacing: Sequence[float], tolerance_mm: float
) -> Iterator[StructureRow]:
    """A row for every structure (parts as their whole) and lesion type that the truth holds."""
    book = catalog()
    keys: dict[str, None] = {}
    for label in np.unique(truth.organs[truth.organs > 0]):
        structure = book.structures[book.by_label[int(label)].key]
        keys[structure.parent or structure.key] = None
    for key in keys:
        labels = book.labels_of(key)
        masks = (np.isin(truth.organs, labels), np.isin(found.organs, labels))
        yield StructureRow(entry.name, entry.patient, key, *outlines(*masks, spacing, tolerance_mm))
    for key, kind in book.lesion_types.items():
        mask = truth.lesions == kind.label
        if mask.any():
            figures = outlines(mask, found.lesions == kind.label, spacing, tolerance_mm)
            yield StructureRow(entry.name, entry.patient, key, *figures)


def common(one: Blob, other: Blob) -> int:
    """Voxels that two lesions share."""
    low = np.maximum(one.start, other.start)
    high = np.minimum(np.add(one.start, one.mask.shape), np.add(other.start, other.mask.shape))
    if np.any(high <= low):
        return 0
    parts = [
        blob.mask[tuple(slice(a - s, b - s) for a, b, s in zip(low, high, blob.start, strict=True))]
        for blob in (one, other)
    ]
    return int((parts[0] & parts[1]).sum())


def lesion_rows(
    case: str,
    patient: str,
    truth: Sequence[Blob],
    found: Sequence[Blob],
    spacing: Sequence[float],
) -> tuple[list[LesionRow], list[FindingRow]]:
    """A row for every true lesion and for every finding.

    A finding counts as a hit of a lesion from a Dice of `FOUND_DICE` on, of whatever type it is;
    it is false only where it touches no lesion at all.

    Args:
        case: name of the scan.
        patient: who it is of.
        truth: the lesions that are in it.
        found: the findings, in the same geometry.
        spacing: mm, z, y, x.
    """
    shared = [[common(lesion, finding) for finding in found] for lesion in truth]
    voxel = float(np.prod(spacing))
    lesions = []
    for number, lesion in enumerate(truth):
        size = int(lesion.mask.sum())
        overlaps = [
            2 * n / (size + int(finding.mask.sum()))
            for n, finding in zip(shared[number], found, strict=True)
        ]
        diameter = equivalent_diameter(size * voxel)
        base = (case, patient, number, lesion.type, diameter)
        if max(overlaps, default=0.0) < FOUND_DICE:
            lesions.append(LesionRow(*base, found=False, true_attributes=lesion.attributes))
            continue
        best = found[int(np.argmax(overlaps))]
        lesions.append(
            LesionRow(
                *base,
                found=True,
                dice=max(overlaps),
                right_type=best.type == lesion.type,
                confidence=best.confidence,
                true_attributes=lesion.attributes,
                found_attributes=best.attributes,
            )
        )
    findings = [
        FindingRow(
            case,
            patient,
            finding.type,
            finding.confidence,
            any(row[column] for row in shared),
            equivalent_diameter(int(finding.mask.sum()) * voxel),
        )
        for column, finding in enumerate(found)
    ]
    return lesions, findings
