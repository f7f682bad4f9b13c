"""What SimpleITK does not check in a NIfTI file: that it is whole, and that its axes are sheared.

ITK reads a truncated NIfTI without an error (the missing part holds whatever was in memory), and
it refuses sheared affines. So the header is read here, too.
"""

from __future__ import annotations

import gzip
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import SimpleITK as sitk

from PASTALib.errors import PastaError
from PASTALib.straighten import affine_of, is_sheared, shear_degrees, straightened

HEADER_BYTES = 348  # of NIfTI-1
_CHUNK = 1 << 22


@dataclass(frozen=True)
class NiftiHeader:
    """The parts of a NIfTI-1 header that matter here.

    Attributes:
        data_end: number of bytes of the (uncompressed) file up to the end of the voxels.
        qform_code: 0 where there is no quaternion orientation.
        sform: 4x4 affine, index to **LPS** mm, or None where there is none.
        order: byte order, ``<`` or ``>``.
    """

    data_end: int
    qform_code: int
    sform: np.ndarray | None
    order: str


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if compressed else path.open("rb")


def read_header(path: Path) -> NiftiHeader | None:
    """Read the header; None for anything else than a single-file NIfTI-1.

    Raises:
        PastaError: the file is damaged.
    """
    try:
        with _open(path) as file:
            raw = file.read(HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path) from error
    if len(raw) < HEADER_BYTES:
        raise damaged(path)
    order = "<" if struct.unpack("<i", raw[:4])[0] == HEADER_BYTES else ">"
    if struct.unpack(order + "i", raw[:4])[0] != HEADER_BYTES or raw[344:347] != b"n+1":
        return None
    dims = struct.unpack(order + "8h", raw[40:56])
    bits = struct.unpack(order + "h", raw[72:74])[0]
    offset = struct.unpack(order + "f", raw[108:112])[0]
    if not HEADER_BYTES <= offset < 1e9:  # also refuses NaN
        raise damaged(path)
    voxels = int(np.prod([max(n, 1) for n in dims[1 : 1 + max(dims[0], 0)]], dtype=np.int64))
    qform_code, sform_code = struct.unpack(order + "2h", raw[252:256])
    sform = None
    if sform_code > 0:
        sform = np.eye(4)
        sform[:3] = np.array(struct.unpack(order + "12f", raw[280:328])).reshape(3, 4)
        sform[:2] *= -1  # RAS to LPS
        if not np.isfinite(sform).all() or abs(np.linalg.det(sform[:3, :3])) < 1e-9:
            sform = None
    return NiftiHeader(int(offset) + voxels * bits // 8, qform_code, sform, order)


def damaged(path: Path) -> PastaError:
    """The error for a file that is empty, truncated or corrupt."""
    return PastaError(f"'{path}' is empty, truncated or damaged; copy or export it again.")


def check_whole(path: Path, header: NiftiHeader) -> None:
    """Raise `PastaError` if the file ends before its voxels do or its checksum is wrong.

    Reads a compressed file through once (0.5 s for 500 slices); the last four bytes of a gzip
    file give its length, but not whether the middle is sound.
    """
    try:
        with _open(path) as file:
            if isinstance(file, gzip.GzipFile):
                length = 0
                while chunk := file.read(_CHUNK):
                    length += len(chunk)
            else:
                length = path.stat().st_size
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path) from error
    if length < header.data_end:
        raise damaged(path)


def read_sheared(path: Path, header: NiftiHeader) -> tuple[sitk.Image, str]:
    """Read a NIfTI whose sform is sheared, resampled onto a grid with right angles.

    Returns:
        The image and a sentence about what was done.
    """
    assert header.sform is not None
    with tempfile.TemporaryDirectory(prefix="pasta-") as folder:
        plain = Path(folder) / "volume.nii"
        with _open(path) as source, plain.open("wb") as target:
            head = bytearray(source.read(HEADER_BYTES))
            head[252:256] = struct.pack(header.order + "2h", 0, 0)  # no qform, no sform
            target.write(head)
            while chunk := source.read(_CHUNK):
                target.write(chunk)
        voxels = sitk.ReadImage(str(plain))
    if voxels.GetDimension() != 3:
        raise PastaError(f"'{path}' is not a 3D volume; give a file that holds one 3D CT.")
    note = (
        f"The axes of the volume were sheared by {shear_degrees(header.sform):.1f} degrees; it "
        "was resampled onto a grid with right angles."
    )
    return straightened(voxels, header.sform), note


def orientation_notes(image: sitk.Image, header: NiftiHeader) -> list[str]:
    """Sentences about an orientation that is missing or contradicts itself."""
    if header.sform is None and header.qform_code <= 0:
        return ["The file states no orientation: check that left and right are not swapped."]
    if header.sform is None or header.qform_code <= 0:
        return []
    last = np.array([*(np.array(image.GetSize()) - 1), 1])
    used = affine_of(image)
    gap = max(
        np.linalg.norm((used - header.sform) @ corner) for corner in (last, np.array([0, 0, 0, 1]))
    )
    if gap > 2.0:
        return [
            f"The two orientations of the NIfTI header (sform and qform) differ by {gap:.0f} mm; "
            "the qform was used."
        ]
    return []


def has_sheared_sform(header: NiftiHeader) -> bool:
    """Whether the affine of the header is sheared."""
    return header.sform is not None and is_sheared(header.sform)
