"""Organs and lesions as a DICOM segmentation (SEG) of a CT series, by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from PASTALib import __version__
from PASTALib.catalog import Code, LesionType, Structure, catalog
from PASTALib.ct import Segmentation
from PASTALib.dicom_writing import MANUFACTURER, need_pydicom, unique_id
from PASTALib.errors import PastaError
from PASTALib.files import written_atomically
from PASTALib.segments import LesionInstance, Segment, SegmentList, list_segments
from PASTALib.synthetic import SYNTHETIC
from PASTALib.terminology import SIDES

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom.dataset import Dataset


def write_dicom_seg(
    segmentation: Segmentation,
    images: Sequence[Dataset],
    path: Path,
    *,
    instances: sitk.Image | None = None,
    lesions: Sequence[LesionInstance] = (),
    program: str = "PASTAGen",
) -> None:
    """Write a segmentation with one binary segment for each structure and lesion.

    Names, codes and colors are the catalogue's. A segmentation of a synthetic series is marked as
    synthetic, too. The same input gives the same UIDs.

    Args:
        segmentation: organs and lesions on the voxels of `images`.
        images: the CT series in the order of the array's slices.
        path: file to write.
        instances: labels of single lesions, see `PASTALib.segments.list_segments`.
        lesions: the lesions in `instances`.
        program: what made the segments, for the header.

    Raises:
        PastaError: there is nothing to write, a package is missing, the images have another
            number than the slices, or the file cannot be written.
    """
    need_pydicom()
    listed = list_segments(segmentation, instances, lesions)
    if not listed.segments:
        raise PastaError("The segmentation is empty; there is nothing to write as DICOM.")
    if len(images) != segmentation.organs.GetDepth():
        raise PastaError(
            f"The series has {len(images)} images and the segmentation "
            f"{segmentation.organs.GetDepth()} slices; give the series that was segmented."
        )
    seg = _dataset(listed, images, program)
    try:
        with written_atomically(path) as temporary:
            seg.save_as(temporary, enforce_file_format=True)
    except OSError as error:
        raise PastaError(f"'{path}' could not be written ({error.strerror}).") from error


def _dataset(listed: SegmentList, images: Sequence[Dataset], program: str) -> Dataset:
    try:
        from highdicom.content import AlgorithmIdentificationSequence
        from highdicom.seg import Segmentation as DicomSegmentation
    except ImportError as error:
        raise PastaError(
            "Writing DICOM SEG needs the Python package highdicom; install it with 'pip install "
            "highdicom'."
        ) from error
    from pydicom.sr.codedict import codes

    algorithm = AlgorithmIdentificationSequence(
        name=program, version=__version__, family=codes.DCM.ArtificialIntelligence
    )
    first = images[0]
    synthetic = first.get("SyntheticData", "NO") == "YES"
    described = [
        _description(number, segment, algorithm, first.SeriesInstanceUID)
        for number, segment in enumerate(listed.segments, start=1)
    ]
    voxels = _voxels(listed)
    facts = ("seg", first.SeriesInstanceUID, program, *(segment.id for segment in listed.segments))
    seg = DicomSegmentation(
        source_images=list(images),
        pixel_array=voxels,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=unique_id("series", *facts),
        series_number=int(first.get("SeriesNumber") or 0) + 100,
        sop_instance_uid=unique_id("instance", *facts, voxels.sum(axis=(0, 1, 2)).tolist()),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=program,
        software_versions=__version__,
        device_serial_number="0",
        content_label=SYNTHETIC if synthetic else "SEGMENTATION",
        content_description=first.get("SeriesDescription", ""),
        series_description=f"Segmentation of {first.get('SeriesDescription', '')}"[:64],
    )
    if synthetic:
        seg.SyntheticData = "YES"
        seg.ContributingEquipmentSequence = first.ContributingEquipmentSequence
    return seg


def _voxels(listed: SegmentList) -> np.ndarray:
    """uint8 ``[z, y, x, segment]``, 1 inside."""
    layers = [sitk.GetArrayViewFromImage(layer) for layer in listed.layers]
    stacked = np.zeros((*layers[0].shape, len(listed.segments)), np.uint8)
    for number, segment in enumerate(listed.segments):
        stacked[..., number] = layers[segment.layer] == segment.label
    return stacked


def _description(
    number: int, segment: Segment, algorithm: Sequence[Dataset], series: str
) -> SegmentDescription:
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription

    item = catalog().structures.get(segment.key) or catalog().lesion_types[segment.key]
    described = SegmentDescription(
        segment_number=number,
        segment_label=segment.name[:64],
        segmented_property_category=_coded(item.category),
        segmented_property_type=_coded(item.type),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=unique_id("segment", series, segment.id),
        tracking_id=segment.id[:64],
        anatomic_regions=[_coded(item.region)] if isinstance(item, LesionType) else None,
        display_color=CIELabColor.from_rgb(*segment.color),
    )
    if isinstance(item, Structure) and item.type_modifier is not None:
        kind = described.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [_coded(item.type_modifier)]
    if segment.side is not None:
        region = described.AnatomicRegionSequence[0]
        region.AnatomicRegionModifierSequence = [_coded(SIDES[segment.side])]
    return described


def _coded(code: Code) -> CodedConcept:
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)
