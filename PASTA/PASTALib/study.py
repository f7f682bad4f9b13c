"""A CT with its organs and lesions as they are now: measured again wherever an outline changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import PHASE_NAMES, catalog
from PASTALib.ct import CT, Estimate, Segmentation
from PASTALib.drafting import draft_finding, draft_targets, setting_of
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.lesions import Lesion, instance_map, lesion_of
from PASTALib.organs_seen import organs_seen
from PASTALib.region import Region
from PASTALib.report import Finding, OrganSeen, Provenance, Report, TargetCandidates
from PASTALib.surroundings import Surroundings


@dataclass(frozen=True, eq=False)
class Outline:
    """The voxels and the type of one lesion, as a reader wants it to be.

    Attributes:
        id: such as ``L3``.
        type: catalogue key.
        mask: bool ``[z, y, x]`` of a box of the CT; None for those it has.
        start: array index ``(z, y, x)`` of the box's first voxel in the CT.
        confidence: that it is a lesion; 1 for what a reader drew.
        type_confidence: that it is of this type.
        found_by: who found it and says its type.
    """

    id: str
    type: str
    mask: np.ndarray | None = None
    start: tuple[int, int, int] = (0, 0, 0)
    confidence: float = 1.0
    type_confidence: float = 1.0
    found_by: Provenance = "reader"

    @property
    def number(self) -> int:
        """The number in the id."""
        return number_of(self.id)


def number_of(finding_id: str) -> int:
    """The number in an id such as ``L3``.

    Raises:
        PastaError: it has none.
    """
    digits = finding_id.lstrip("L")
    if not digits.isdecimal():
        raise PastaError(f"'{finding_id}' is not the id of a finding, such as L3.")
    return int(digits)


@dataclass(frozen=True)
class Measured:
    """All findings of a study as they are now."""

    findings: tuple[Finding, ...]
    targets: TargetCandidates | None


class Study:
    """The lesions of one CT and what they measure.

    The cost of a change goes with the changed lesions, not with the size of the CT: what depends
    on the organs alone is taken once.

    Attributes:
        ct: the CT.
        organs: catalogue labels of structures in its geometry.
        lesions: by id, in the order of the report.
    """

    def __init__(self, ct: CT, organs: sitk.Image, lesions: Iterable[Lesion] = ()) -> None:
        self.ct = ct
        self.organs = organs
        self.lesions: dict[str, Lesion] = {lesion.id: lesion for lesion in lesions}
        self._map = np.zeros(ct.image.GetSize()[::-1], np.uint8)
        for lesion in self.lesions.values():
            self._map[lesion.region.slices][lesion.region.mask] = 1
        self._around = Surroundings(ct, organs, organs)

    @cached_property
    def _organs_seen(self) -> tuple[OrganSeen, ...]:
        return organs_seen(self.organs)

    def measure(self, report: Report, outlines: Sequence[Outline]) -> Measured:
        """Make these the lesions of the study, and measure those that changed.

        Args:
            report: of this CT; its technique is what the rules about sizes need to know.
            outlines: all lesions there are now, in the order of the report.

        Raises:
            PastaError: a lesion is empty, of an unknown type, or has no mask and is not known.
        """
        known = self.lesions
        regions = {outline.id: self._region(outline) for outline in outlines}
        self._draw(regions)
        around = self._around.with_lesions(self._map)
        lesions = {}
        for outline in outlines:
            before = known.get(outline.id)
            region = regions[outline.id]
            if before is not None and before.region is region and before.type == outline.type:
                lesions[outline.id] = before
                continue
            lesions[outline.id] = lesion_of(
                region,
                outline.type,
                around,
                number=outline.number,
                confidence=outline.confidence,
                type_confidence=outline.type_confidence,
            )
        self.lesions = lesions
        every = tuple(lesions.values())
        setting = setting_of(report.technique, self._organs_seen, every)
        findings = tuple(
            draft_finding(lesions[o.id], setting, self.ct, o.found_by) for o in outlines
        )
        return Measured(findings, draft_targets(every, setting))

    def _region(self, outline: Outline) -> Region:
        if outline.type not in catalog().lesion_types:
            raise PastaError(f"'{outline.type}' is not a lesion type of the PASTA catalogue.")
        if outline.mask is None:
            before = self.lesions.get(outline.id)
            if before is None:
                raise PastaError(f"The outline of {outline.id} is not known; give its voxels.")
            return before.region
        region = Region.of(outline.mask, Geometry.of(self.ct.image), outline.start)
        if region is None:
            raise PastaError(f"{outline.id} has no voxel left; delete the finding instead.")
        return region

    def _draw(self, regions: Mapping[str, Region]) -> None:
        """Bring the map of all lesions up to date where one has changed."""
        for lesion in self.lesions.values():
            if regions.get(lesion.id) is not lesion.region:
                self._map[lesion.region.slices][lesion.region.mask] = 0
        for region in regions.values():
            self._map[region.slices][region.mask] = 1

    def segmentation(self) -> Segmentation:
        """Organs and lesions as catalogue labels; the probability is 1 in every lesion."""
        labels = np.zeros(self._map.shape, np.uint8)
        for lesion in self.lesions.values():
            labels[lesion.region.slices][lesion.region.mask] = catalog().label(lesion.type)
        images = [sitk.GetImageFromArray(array) for array in (labels, 255 * (labels > 0))]
        for image in images:
            image.CopyInformation(self.ct.image)
        return Segmentation(self.organs, images[0], sitk.Cast(images[1], sitk.sitkUInt8))

    def instances(self) -> sitk.Image:
        """uint16 map of the lesions' numbers."""
        return instance_map(self.ct.image, self.lesions.values())


def described_as(ct: CT, report: Report) -> CT:
    """`ct` with what its report tells of it: phase, region, notes."""
    keys = {name: key for key, name in PHASE_NAMES.items()}
    phase, region = report.technique.phase, report.technique.region
    return replace(
        ct,
        phase=Estimate(keys.get(phase.value, phase.value), phase.confidence, phase.source),
        region=Estimate(region.value, region.confidence, region.source),
        notes=report.technique.notes,
        technique=dict(report.technique.reported),
    )
