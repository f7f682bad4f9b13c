"""Writes DICOM CT series for tests, with whatever is wrong in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

PATIENT = "Mustermann^Erika"
PATIENT_ID = "PID4711"


def write_series(
    folder: Path,
    voxels: np.ndarray,
    *,
    positions: Sequence[Sequence[float]] | None = None,
    spacing: tuple[float, float] = (1.0, 1.0),
    step: float = 2.5,
    axes: Sequence[float] = (1, 0, 0, 0, 1, 0),
    uid: str = "1.2.3.4",
    study: str = "1.2.3",
    tags: Mapping[str, str] | None = None,
    rescale: bool = True,
    stem: str = "im",
) -> list[Path]:
    """Write ``[z, y, x]`` HU as one file per slice; returns the files in that order.

    `positions` are LPS mm of the first voxel of every slice; by default slices lie `step` apart
    along z. Without `rescale`, the files hold HU + 1024 and say nothing of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.KeepOriginalImageUIDOn()
    paths = []
    for index, pixels in enumerate(voxels):
        stored = pixels if rescale else pixels + 1024
        image = sitk.GetImageFromArray(stored[None].astype(np.int16 if rescale else np.uint16))
        image.SetSpacing((*spacing, step))
        place = positions[index] if positions is not None else (0.0, 0.0, index * step)
        header = {
            "0008|0008": "ORIGINAL\\PRIMARY\\AXIAL",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"{uid}.{index + 1}",
            "0008|0060": "CT",
            "0008|103e": "Abdomen",
            "0010|0010": PATIENT,
            "0010|0020": PATIENT_ID,
            "0018|0050": str(step),
            "0020|000d": study,
            "0020|000e": uid,
            "0020|0011": "1",
            "0020|0013": str(index + 1),
            "0020|0032": "\\".join(f"{mm:.6f}" for mm in place),
            "0020|0037": "\\".join(f"{cosine:.9f}" for cosine in axes),
            **({"0028|1052": "0", "0028|1053": "1"} if rescale else {}),
            **(tags or {}),
        }
        for key, value in header.items():
            image.SetMetaData(key, value)
        path = folder / f"{stem}{index:03d}.dcm"
        writer.SetFileName(str(path))
        writer.Execute(image)
        paths.append(path)
    return paths
