"""The segments of a segmentation: what each is called, colored and coded, and where its voxels are.

One list for every form that a segmentation leaves in: a ``.seg.nrrd`` file and a segmentation
node of 3D Slicer's scene. A segment's id is its catalogue key (``liver``) or the id of the lesion
(``L1``), never its place in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import LesionType, Structure, catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError
from PASTALib.terminology import terminology

ORGAN_LAYER = 0
LESION_LAYER = 1


class LesionInstance(Protocol):
    """What is used of a lesion to make a segment of it."""

    @property
    def id(self) -> str:
        """Short name in the study, such as ``L1``; the id of the segment."""

    @property
    def type(self) -> str:
        """Catalogue key of the lesion type."""

    @property
    def side(self) -> str | None:
        """``left``, ``right`` or None."""

    @property
    def instance(self) -> int:
        """Label number in the instance map."""


@dataclass(frozen=True)
class Segment:
    """One segment.

    Attributes:
        id: catalogue key, or the lesion's id.
        name: what a reader sees.
        key: catalogue key of the structure or lesion type.
        color: RGB, 0 to 255.
        terminology: Slicer's seven-field string.
        layer: `ORGAN_LAYER` or `LESION_LAYER`; layers overlap, segments of one layer do not.
        label: label number of its voxels in the layer.
        extent: first and last index with a voxel of it: i0, i1, j0, j1, k0, k1.
        side: ``left`` or ``right`` for a lesion in one of a pair of organs.
    """

    id: str
    name: str
    key: str
    color: tuple[int, int, int]
    terminology: str
    layer: int
    label: int
    extent: tuple[int, int, int, int, int, int]
    side: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags to keep with the segment; the key survives a new name."""
        return {"PASTA.Key": self.key, "TerminologyEntry": self.terminology}


@dataclass(frozen=True)
class SegmentList:
    """The label images of the layers, each in the CT's geometry or cut out of it, and the segments.

    A layer without segments may be None.
    """

    layers: tuple[sitk.Image | None, ...]
    segments: tuple[Segment, ...]


def list_segments(
    segmentation: Segmentation,
    instances: sitk.Image | None = None,
    lesions: Sequence[LesionInstance] = (),
) -> SegmentList:
    """List the segments of all labels that occur.

    Args:
        segmentation: organs and lesions.
        instances: label of each lesion's voxels; with it, there is one segment per lesion,
            without it one per lesion type.
        lesions: the lesions in `instances`.

    Raises:
        PastaError: a label number is neither in the catalogue nor in `lesions`, or the images do
            not share one geometry.
    """
    by_label = catalog().by_label
    lesion_image = segmentation.lesions if instances is None else instances
    _check_same_geometry(segmentation.organs, lesion_image)

    segments = []
    for label, extent in _extents(segmentation.organs).items():
        item = by_label.get(label)
        if not isinstance(item, Structure):
            raise PastaError(f"Label {label} of the organ map is not a structure of the catalogue.")
        segments.append(_segment(item.key, item.name, item, ORGAN_LAYER, label, extent))

    of_instance = {lesion.instance: lesion for lesion in lesions}
    for label, extent in _extents(lesion_image).items():
        if instances is None:
            item = by_label.get(label)
            if not isinstance(item, LesionType):
                raise PastaError(f"Label {label} of the lesion map is not a lesion type.")
            segments.append(_segment(item.key, item.name, item, LESION_LAYER, label, extent))
            continue
        lesion = of_instance.get(label)
        if lesion is None:
            raise PastaError(f"Label {label} of the instance map belongs to no listed lesion.")
        segments.append(lesion_segment(lesion.id, lesion.type, label, extent, lesion.side))
    has_lesions = any(segment.layer == LESION_LAYER for segment in segments)
    layers = (segmentation.organs, lesion_image) if has_lesions else (segmentation.organs,)
    return SegmentList(layers, tuple(segments))


def segment_list(
    layers: Sequence[sitk.Image | None], rows: Sequence[dict[str, Any]]
) -> SegmentList:
    """A list that came over the worker's pipe: label images, and each segment's fields."""
    segments = [
        Segment(**{**row, "color": tuple(row["color"]), "extent": tuple(row["extent"])})
        for row in rows
    ]
    return SegmentList(tuple(layers), tuple(segments))


def lesion_segment(
    lesion_id: str,
    lesion_type: str,
    label: int = 1,
    extent: tuple[int, int, int, int, int, int] = (0, -1, 0, -1, 0, -1),
    side: str | None = None,
) -> Segment:
    """The segment of one lesion; without an extent it is empty."""
    item = catalog().lesion_types[lesion_type]
    name = f"{lesion_id} {item.name}"
    return _segment(lesion_id, name, item, LESION_LAYER, label, extent, side)


def _segment(
    segment_id: str,
    name: str,
    item: Structure | LesionType,
    layer: int,
    label: int,
    extent: tuple[int, int, int, int, int, int],
    side: str | None = None,
) -> Segment:
    coded = terminology(item, side)
    return Segment(segment_id, name, item.key, item.color, coded, layer, label, extent, side)


def _extents(labels: sitk.Image) -> dict[int, tuple[int, int, int, int, int, int]]:
    """First and last index (i0, i1, j0, j1, k0, k1) of each label that occurs."""
    from scipy import ndimage  # here: it costs 0.2 s, which opening a module must not

    array = sitk.GetArrayViewFromImage(labels)
    if not np.issubdtype(array.dtype, np.integer):
        raise PastaError("A label map must hold whole numbers.")
    found = ndimage.find_objects(array)
    extents = {}
    for label, box in enumerate(found, start=1):
        if box is not None:
            k, j, i = box
            extents[label] = (i.start, i.stop - 1, j.start, j.stop - 1, k.start, k.stop - 1)
    return extents


def _check_same_geometry(first: sitk.Image, second: sitk.Image) -> None:
    if first.GetDimension() != 3 or first.GetSize() != second.GetSize():
        raise PastaError(
            f"Organ map {first.GetSize()} and lesion map {second.GetSize()} differ in size."
        )
    for name in ("GetSpacing", "GetOrigin", "GetDirection"):
        if not np.allclose(getattr(first, name)(), getattr(second, name)(), atol=1e-4):
            raise PastaError("Organ map and lesion map do not lie in the same place.")
