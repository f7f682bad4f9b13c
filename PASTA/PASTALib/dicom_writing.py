"""A synthetic CT as a DICOM series, such as for a PACS test node.

The headers are written anew: nothing of the patient, the study or the instances that the CT was
made from is in them. Every UID is derived from the voxels and the case, so that the same case
written twice is the same series, and no two cases share one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from PASTALib import __version__
from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.files import folder_written_atomically
from PASTALib.geometry import Geometry
from PASTALib.synthetic import SYNTHETIC

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileMetaDataset

MANUFACTURER = "PASTA for 3D Slicer"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_NAMESPACE = uuid.UUID("8d0b4f0e-6a57-5d3c-9a1c-2f2f0d0f6c11")
_LONGEST = {"LO": 64, "SH": 16}
_PATIENT_POSITIONS = ("HFS", "HFP", "FFS", "FFP", "HFDR", "HFDL", "FFDR", "FFDL")


def unique_id(*facts: object) -> str:
    """A UID that belongs to these facts: a name-based UUID in the form of DICOM PS3.5, B.2."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(map(str, facts))).int}"


@dataclass(frozen=True)
class SyntheticStudy:
    """What the headers of a synthetic case say besides its geometry.

    Attributes:
        patient_id: made up; never a patient's.
        what: what is synthetic, such as ``liver tumor inserted by PASTAGen``.
        series_number: as viewers show it.
    """

    patient_id: str
    what: str
    series_number: int = 1

    @property
    def comment(self) -> str:
        """The comment in every image."""
        return f"{SYNTHETIC} LESION: {self.what}. Not a patient's image; research use only."


def write_ct_series(ct: CT, folder: Path, study: SyntheticStudy) -> list[Dataset]:
    """Write a synthetic CT as one file per slice, ``0001.dcm`` and so on, all or none.

    Whole HU are stored as they are (16 bits, slope 1, intercept 0). Fractions are kept by a smaller
    slope: exactly where they are multiples of 1/16 HU, otherwise to the nearest step that 16 bits
    have for the range of the scan. The geometry is of any orientation and spacing: slices are the
    planes of the image's third axis.

    Args:
        ct: the CT; its technique gives the scanner's facts, its name and source are not used.
        folder: must not exist, or be empty.
        study: what the headers say.

    Returns:
        The headers with pixels in the order of the slices, as a segmentation refers to them.

    Raises:
        PastaError: pydicom is missing, the folder holds something, or it cannot be written.
    """
    images = ct_series(ct, study)
    try:
        with folder_written_atomically(folder) as temporary:
            for number, image in enumerate(images, start=1):
                image.save_as(temporary / f"{number:04d}.dcm", enforce_file_format=True)
    except OSError as error:
        raise PastaError(
            f"The DICOM series could not be written to '{folder}' ({error.strerror}); check the "
            "place and the free space."
        ) from error
    return images


def ct_series(ct: CT, study: SyntheticStudy) -> list[Dataset]:
    """The images of `write_ct_series`, not written.

    Raises:
        PastaError: pydicom is missing.
    """
    need_pydicom()
    from pydicom.dataset import Dataset
    from pydicom.valuerep import format_number_as_ds

    hu = sitk.GetArrayViewFromImage(ct.image)
    stored, slope, intercept = _stored(hu)
    geometry = Geometry.of(ct.image)
    voxels = sha256(np.ascontiguousarray(hu).tobytes()).hexdigest()
    series = unique_id("series", voxels, geometry, study)
    positions = geometry.points_of_xyz([(0, 0, k) for k in range(geometry.size[2])])
    common = _headers(ct, geometry, study, series, voxels)
    common.update(_pixel_headers(geometry))
    common.RescaleSlope, common.RescaleIntercept = map(format_number_as_ds, (slope, intercept))
    images = []
    for number, (plane, position) in enumerate(zip(stored, positions, strict=True), start=1):
        image = Dataset()
        image.update(common)
        image.SOPInstanceUID = unique_id("image", series, number)
        image.InstanceNumber = number
        image.ImagePositionPatient = [format_number_as_ds(float(mm)) for mm in position]
        image.PixelData = plane.astype("<i2", copy=False).tobytes()
        image.file_meta = _file_meta(image.SOPInstanceUID)
        images.append(image)
    return images


def _stored(hu: np.ndarray) -> tuple[np.ndarray, float, float]:
    """int16 numbers, and the slope and intercept that make HU of them.

    The coarsest slope of 1, 1/2 to 1/16 that keeps every value; where none does, the finest that
    16 bits have room for.
    """
    low, high = float(hu.min()), float(hu.max())
    if hu.dtype.kind != "f" and low >= -32768 and high <= 32767:
        return hu.astype(np.int16, copy=False), 1.0, 0.0
    best = None
    for slope in (2.0**-k for k in range(5)):
        intercept = 0.0 if max(-low, high) <= 32767 * slope else round(0.5 * (low + high))
        steps = (hu.astype(np.float64) - intercept) / slope
        if np.abs(steps).max() > 32767:
            break
        best = np.rint(steps).astype(np.int16), slope, float(intercept)
        if np.array_equal(steps, best[0]):
            break
    if best is None:
        raise PastaError(
            f"A CT with values from {low:g} to {high:g} cannot be written as DICOM, which has 16 "
            "bits for HU; clip it to -1024 to 3071."
        )
    return best


def need_pydicom() -> None:
    """Raise `PastaError` with the remedy where pydicom is missing."""
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise PastaError(
            "Writing DICOM needs the Python packages pydicom and highdicom; install them with "
            "'pip install pydicom highdicom'."
        ) from error


def _file_meta(instance: str) -> FileMetaDataset:
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CT_IMAGE_STORAGE
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = EXPLICIT_LITTLE_ENDIAN
    return meta


def _headers(
    ct: CT, geometry: Geometry, study: SyntheticStudy, series: str, voxels: str
) -> Dataset:
    """What all images say of patient, study, series, equipment and origin; nearly all made up."""
    from pydicom.dataset import Dataset

    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID = CT_IMAGE_STORAGE
    image.SyntheticData = "YES"
    # Patient and study: made up
    image.PatientName = f"{SYNTHETIC}^{study.patient_id}"[:64]
    image.PatientID = study.patient_id[: _LONGEST["LO"]]
    image.PatientBirthDate = image.PatientSex = ""
    image.PatientComments = study.comment
    image.PatientIdentityRemoved = "YES"
    image.DeidentificationMethod = "Header written anew; made up by PASTAGen"
    image.StudyInstanceUID = unique_id("study", voxels, geometry, study.patient_id)
    image.StudyDate = image.StudyTime = image.AccessionNumber = image.ReferringPhysicianName = ""
    image.StudyID = "1"
    image.StudyDescription = f"{SYNTHETIC} CT"
    # Series and frame of reference
    image.Modality = "CT"
    image.SeriesInstanceUID = series
    image.SeriesNumber = study.series_number
    image.SeriesDescription = f"{SYNTHETIC} LESION {study.what}"[: _LONGEST["LO"]]
    position = ct.technique.get("patient position", "").upper()
    image.PatientPosition = position if position in _PATIENT_POSITIONS else ""
    image.FrameOfReferenceUID = unique_id("frame of reference", voxels, geometry, study.patient_id)
    image.PositionReferenceIndicator = ""
    # Equipment
    image.Manufacturer = ct.technique.get("manufacturer", "")[: _LONGEST["LO"]]
    image.ManufacturerModelName = ct.technique.get("scanner", "")[: _LONGEST["LO"]]
    image.ContributingEquipmentSequence = [modifying_equipment(study.what)]
    # Image
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    image.ImageComments = study.comment
    image.DerivationDescription = f"{SYNTHETIC}: {study.what}"
    image.BurnedInAnnotation = "NO"
    image.LossyImageCompression = "00"
    image.AcquisitionNumber = None
    image.KVP = _number(ct.technique.get("tube voltage", ""))
    if ct.technique.get("kernel"):
        image.ConvolutionKernel = ct.technique["kernel"][: _LONGEST["SH"]]
    if ct.technique.get("contrast agent"):
        image.ContrastBolusAgent = ct.technique["contrast agent"][: _LONGEST["LO"]]
    return image


def _pixel_headers(geometry: Geometry) -> Dataset:
    """What all images say of their plane and of how the pixels are stored."""
    from pydicom.dataset import Dataset
    from pydicom.valuerep import format_number_as_ds

    def ds(value: float) -> str:
        return str(format_number_as_ds(float(value)))

    image = Dataset()
    direction = np.reshape(geometry.direction, (3, 3))
    image.ImageOrientationPatient = [ds(value) for value in direction[:, :2].T.ravel()]
    image.PixelSpacing = [ds(geometry.spacing[1]), ds(geometry.spacing[0])]
    image.SliceThickness = ds(geometry.spacing[2])
    image.SpacingBetweenSlices = ds(geometry.spacing[2])
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Columns, image.Rows, _ = geometry.size
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = 1
    image.RescaleType = "HU"
    image.WindowCenter, image.WindowWidth = "40", "400"
    return image


def modifying_equipment(what: str) -> Dataset:
    """The item of Contributing Equipment that says which program changed the image."""
    from pydicom.dataset import Dataset

    purpose = Dataset()
    purpose.CodeValue = "109103"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Modifying Equipment"
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [purpose]
    item.Manufacturer = MANUFACTURER
    item.ManufacturerModelName = "PASTAGen"
    item.SoftwareVersions = __version__
    item.ContributionDescription = f"{SYNTHETIC}: {what}"
    return item


def _number(text: str) -> str | None:
    """The number at the start of a text such as ``120 kV``."""
    first = text.split(maxsplit=1)[0] if text.split() else ""
    return first if first.replace(".", "", 1).isdigit() else None
