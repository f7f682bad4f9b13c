"""What the rest of the library knows of a CT, and of a segmentation of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import SimpleITK as sitk


@dataclass(frozen=True)
class Estimate:
    """A value that was read or estimated, with how sure we are (0 to 1) and where it is from."""

    value: str
    confidence: float
    source: str


UNKNOWN = Estimate("unknown", 0.0, "not determined")


@dataclass(frozen=True)
class CT:
    """A checked CT.

    Attributes:
        image: 3D image in HU, int16 unless it was read with fractions (`exact`); arrays of it are
            ``[z, y, x]``, points are LPS mm.
        name: short name for files and titles; holds no patient data.
        source: what the image was read from, for messages.
        phase: ``non_contrast``, ``arterial``, ``portal_venous`` or ``unknown``.
        region: body regions that are seen, such as ``chest, abdomen``.
        notes: what was found or repaired on reading, one sentence each.
        technique: reported acquisition facts, such as ``kernel`` or ``slice thickness``.
        synthetic: whether the image is known to hold synthetic content.
    """

    image: sitk.Image
    name: str
    source: str = ""
    phase: Estimate = UNKNOWN
    region: Estimate = UNKNOWN
    notes: tuple[str, ...] = ()
    technique: dict[str, str] = field(default_factory=dict)
    synthetic: bool = False


@dataclass(frozen=True)
class Segmentation:
    """Organs and lesions in the geometry of the CT.

    Attributes:
        organs: uint8 catalogue labels of structures; an organ includes the lesions inside it.
        lesions: uint8 catalogue labels of lesion types, 0 where there is none.
        probability: uint8, summed probability of all lesion types times 255, also where there is
            no lesion; 0 where a lesion was dropped because it lay outside its organ.
        types: what the model says voxel by voxel, before each lesion was given one type; None where
            that is the same as `lesions`.
        phase: contrast phase by the HU of the organs, where finding lesions asked for it.
    """

    organs: sitk.Image
    lesions: sitk.Image
    probability: sitk.Image
    types: sitk.Image | None = None
    phase: Estimate | None = None
