"""Which organs a scan shows, whole or in part, so that "no lesion" is said only of what is seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.report import Finding, OrganSeen
from PASTALib.statements import first_upper

LEAST_ML = {
    "lung": 100.0,
    "liver": 40.0,
    "gallbladder": 1.0,
    "pancreas": 3.0,
    "bladder": 5.0,
    "esophagus": 1.5,
    "stomach": 8.0,
    "kidney": 8.0,
    "colorectum": 15.0,
    "bone": 15.0,
}
"""Smaller labels do not count as the organ: about a thirtieth of an adult organ (ml), so that a few
stray voxels never become "no lesion found"."""
EDGE_MM2 = 25.0
"""An organ is cut by the scan's edge where at least this much of it lies in an outermost layer."""
PLACE_SHOWN_BY = {
    "liver": ("gallbladder",),
    "gallbladder": ("liver",),
    "pancreas": ("liver", "spleen"),
    "stomach": ("liver", "spleen"),
    "esophagus": ("heart",),
    "bladder": ("hip_bone", "prostate"),
    "colorectum": ("hip_bone",),
    "kidney": ("kidney_right", "kidney_left"),
    "lung": ("lung_right", "lung_left", "heart"),
    "bone": (),
}
"""Structures of which one, being whole in the scan, means that the organ's place was scanned."""
PAIRED = ("lung", "kidney")
PLURAL_NAMES = {"bone": "Bones"}


def organs_seen(organs: sitk.Image) -> tuple[OrganSeen, ...]:
    """The ten organs (lungs and kidneys by side) and how much of each the scan shows.

    Args:
        organs: catalogue labels of structures, in the CT's geometry.
    """
    extents = _Extents(organs)
    known = catalog()
    rows = []
    for organ in known.organs.values():
        sides = [
            s.key for s in known.structures.values() if s.organ == organ.key and s.parent is None
        ]
        parts: list[str | None] = [*sides] if organ.key in PAIRED else [None]
        for structure in parts:
            labels = known.labels_of(structure) if structure else known.organ_labels(organ.key)
            volume = extents.volume_ml(labels)
            if volume >= LEAST_ML[organ.key]:
                status = "incomplete" if extents.cut(labels) else "complete"
            else:
                shown = any(
                    extents.whole(known.labels_of(key))
                    for key in PLACE_SHOWN_BY[organ.key]
                    if key != structure
                )
                status = "not_identified" if shown else "outside"
            name = known.structures[structure].name if structure else organ.name
            rows.append(
                OrganSeen.model_validate(
                    {
                        "organ": organ.key,
                        "structure": structure,
                        "name": PLURAL_NAMES.get(organ.key, name),
                        "status": status,
                        "volume_ml": round(volume, 1),
                    }
                )
            )
    return tuple(rows)


class _Extents:
    """Volume of each label and how much of it lies in the outermost layers of the image."""

    def __init__(self, organs: sitk.Image) -> None:
        array = sitk.GetArrayViewFromImage(organs)
        self._spacing = np.array(organs.GetSpacing()[::-1])
        self._voxel_mm3 = float(np.prod(self._spacing))
        self._counts = np.zeros(256, dtype=np.int64)
        for label, box in enumerate(ndimage.find_objects(array), start=1):
            if box is not None:
                self._counts[label] = np.count_nonzero(array[box] == label)
        self._edge_mm2 = np.zeros(256)
        for axis in range(3):
            face = self._voxel_mm3 / self._spacing[axis]
            for end in (0, -1):
                layer = np.take(array, end, axis=axis)
                counts = np.bincount(layer.ravel(), minlength=256)
                self._edge_mm2 = np.maximum(self._edge_mm2, counts * face)

    def volume_ml(self, labels: tuple[int, ...]) -> float:
        return float(self._counts[list(labels)].sum() * self._voxel_mm3 / 1000)

    def cut(self, labels: tuple[int, ...]) -> bool:
        return float(self._edge_mm2[list(labels)].sum()) >= EDGE_MM2

    def whole(self, labels: tuple[int, ...]) -> bool:
        return self.volume_ml(labels) >= 5.0 and not self.cut(labels)


def negatives(
    organs: Iterable[OrganSeen], findings: Iterable[Finding], can_find: Collection[str]
) -> tuple[str, ...]:
    """A sentence for each organ (or side) without a finding, and for each that was not assessed.

    Args:
        organs: from `organs_seen`.
        findings: what was found.
        can_find: lesion types that the model looks for.
    """
    taken = places_of(findings)
    rest: dict[tuple[str, str], list[OrganSeen]] = {}
    for organ in organs:
        if (organ.structure or organ.organ) not in taken:
            rest.setdefault((organ.organ, organ.status), []).append(organ)
    return tuple(_negative(sides, can_find) for sides in rest.values())


def places_of(findings: Iterable[Finding]) -> set[str]:
    """Organs with findings and, of paired organs, the sides; keys as in `OrganSeen`."""
    return {key for finding in findings for key in _places(finding)}


def _places(finding: Finding) -> set[str]:
    """The organ, and the side of it; both sides where the side is not known."""
    known = catalog()
    places = {finding.location.organ}
    structure = finding.location.structure
    if structure is not None:
        places |= {structure, known.structures[structure].parent or structure}
    elif finding.location.organ in PAIRED:
        places |= {s.key for s in known.structures.values() if s.organ == finding.location.organ}
    return places


def _negative(sides: list[OrganSeen], can_find: Collection[str]) -> str:
    """Of one organ, or of both sides of one in the same status."""
    organ = sides[0]
    several = organ.organ == "bone" or len(sides) > 1
    name = _organ_name(sides)
    are, were = ("are", "were") if several else ("is", "was")
    types = catalog().lesions_of(organ.organ)
    missing = [t.name.lower() for t in types if t.key not in can_find]
    if organ.status == "outside":
        return f"{first_upper(name)} {are} not in the scan and {were} not assessed."
    if organ.status == "not_identified":
        return (
            f"{first_upper(name)} {were} not identified although the scan covers the place "
            "(absent, collapsed or missed by the segmentation); not assessed."
        )
    if len(missing) == len(types):
        return (
            f"{first_upper(name)} {were} not assessed: the model does not look for lesions there."
        )
    if organ.organ == "bone":
        sentence = "No lesion found in the bones that the scan shows"
    elif organ.status == "incomplete":
        sentence = f"No lesion found in the part of {name} that the scan shows"
    else:
        sentence = f"No lesion found in {name}"
    if missing:
        sentence += f" (the model does not look for {' or '.join(missing)})"
    return f"{sentence}."


def _organ_name(sides: list[OrganSeen]) -> str:
    if len(sides) > 1:
        return f"the {sides[0].organ}s"
    return f"the {sides[0].name.lower()}"
