"""A synthetic case as DICOM: the CT as a new series, the lesion and its organ as a segmentation."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import SyntheticCase
from PASTALib.catalog import catalog
from PASTALib.ct import CT, Segmentation
from PASTALib.dicom_seg import write_dicom_seg
from PASTALib.dicom_writing import SyntheticStudy, write_ct_series
from PASTALib.files import folder_written_atomically
from PASTALib.synthetic import SYNTHETIC

SERIES, SEGMENTATION = "ct", "seg.dcm"


def study_of(case: SyntheticCase) -> SyntheticStudy:
    """The headers of a case: a made-up patient for each plan."""
    name = sha256(case.plan.to_json().encode()).hexdigest()[:12].upper()
    kind = catalog().lesion_types[case.truth.type].name.lower()
    return SyntheticStudy(f"{SYNTHETIC}-{name}", f"{kind} inserted by PASTAGen")


def write_dicom(case: SyntheticCase, folder: Path, technique: dict[str, str] | None = None) -> None:
    """Write a case as a DICOM series (folder ``ct``) and a segmentation (``seg.dcm``).

    Args:
        case: the case.
        folder: must not exist, or be empty.
        technique: acquisition facts of the scan, as in `PASTALib.ct.CT.technique`.

    Raises:
        PastaError: pydicom or highdicom is missing, or the folder cannot be written.
    """
    ct = CT(case.ct, "synthetic", technique=technique or {}, synthetic=True)
    with folder_written_atomically(folder) as temporary:
        images = write_ct_series(ct, temporary / SERIES, study_of(case))
        shown = Segmentation(_organ_of(case), case.lesion_mask, case.fraction)
        write_dicom_seg(shown, images, temporary / SEGMENTATION)


def _organ_of(case: SyntheticCase) -> sitk.Image:
    """The organ map without what is no part of the lesion's organ."""
    labels = sitk.GetArrayFromImage(case.organs)
    labels[~np.isin(labels, catalog().organ_labels(case.truth.organ))] = 0
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(case.organs)
    return image
