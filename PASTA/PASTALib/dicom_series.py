"""Finds the series in DICOM files and picks the CT that is worth analyzing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from PASTALib.dicom_header import Slice, dicom_files, read_header, without_identity
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken

AXIAL_COSINE = 0.8
"""Slices count as axial up to 37 degrees between their normal and the patient's long axis."""
SAME_PLACE_MM = 0.01
_SPLITTERS = (
    "0020|0012",  # acquisition number
    "0020|0100",  # temporal position
    "0018|1060",  # trigger time
    "0008|0032",  # acquisition time
    "0008|0008",  # image type
    "0018|1210",  # convolution kernel
)


@dataclass(frozen=True)
class Series:
    """Images of one series that stack to one volume, in their order along the normal.

    Attributes:
        uid: Series Instance UID; ``#2`` and so on is added where one UID holds several volumes.
        study: Study Instance UID.
        number: series number, as shown by viewers.
        modality: such as ``CT``.
        description: series description without anything that names the patient.
        image_type: values of the tag Image Type.
        slices: ordered along the normal.
    """

    uid: str
    study: str
    number: str
    modality: str
    description: str
    image_type: tuple[str, ...]
    slices: tuple[Slice, ...]

    @property
    def plane(self) -> str:
        """``axial``, ``coronal``, ``sagittal`` or ``oblique``."""
        cosines = np.abs(self.slices[0].normal)
        if cosines.max() < AXIAL_COSINE:
            return "oblique"
        return ("sagittal", "coronal", "axial")[int(cosines.argmax())]

    @property
    def count(self) -> int:
        """Number of slices."""
        return sum(item.size[2] for item in self.slices)

    @cached_property
    def spacing_mm(self) -> float:
        """Median distance of the slices; 0 for a single slice."""
        places = np.unique([round(item.place, 2) for item in self.slices])
        return float(np.median(np.diff(places))) if places.size > 1 else 0.0

    @cached_property
    def extent_mm(self) -> float:
        """Distance of the first and the last slice."""
        return self.slices[-1].place - self.slices[0].place

    @property
    def kernel(self) -> str:
        """Convolution kernel as the scanner names it."""
        tags = self.slices[0].tags
        return without_identity(tags.get("0018|1210", "").split("\\")[0], tags)

    def why_not(self) -> str | None:
        """Why this series cannot be analyzed, or None if it can."""
        kinds = {kind.upper() for kind in self.image_type}
        if self.modality != "CT":
            return f"its modality is {self.modality or 'not stated'}, not CT"
        if "LOCALIZER" in kinds:
            return "it is a localizer"
        if kinds & {"MIP", "MINIP", "MAX_IP", "MIN_IP", "PROJECTION IMAGE", "SCREENSAVE"}:
            return "it is a projection, not a stack of slices"
        if self.plane != "axial":
            return f"it is {self.plane}, not axial"
        if self.count < 2:
            return "it holds a single slice"
        return None

    def __str__(self) -> str:
        """One line for a list of series; names no patient."""
        spacing = f", {self.spacing_mm:g} mm apart" if self.spacing_mm else ""
        kernel = f", kernel {self.kernel}" if self.kernel else ""
        return (
            f"series {self.number or '?'} '{self.description}': {self.count} {self.plane} "
            f"{self.modality} slices{spacing}{kernel}"
        )


def _stackable(item: Slice) -> tuple[object, ...]:
    """What images of one volume share."""
    return (
        item.tags.get("0020|000d", ""),
        item.tags.get("0020|000e", ""),
        item.size[:2],
        tuple(np.round(item.row, 2) + 0.0),
        tuple(np.round(item.column, 2) + 0.0),
        tuple(round(mm, 3) for mm in item.pixel_mm),
        item.path if item.size[2] > 1 else None,
    )


def _has_doubles(slices: Sequence[Slice]) -> bool:
    places = np.sort([item.place for item in slices])
    return bool((np.diff(places) < SAME_PLACE_MM).any())


def _split(slices: list[Slice]) -> list[list[Slice]]:
    """Split images that lie at the same places into volumes, by the first tag that does so."""
    if not _has_doubles(slices):
        return [slices]
    for tag in _SPLITTERS:
        parts: dict[str, list[Slice]] = defaultdict(list)
        for item in slices:
            parts[item.tags.get(tag, "")].append(item)
        sizes = [len(part) for part in parts.values()]
        volumes = 1 < len(parts) <= len(slices) // 2 and max(sizes) <= 2 * min(sizes)
        if volumes and not any(_has_doubles(part) for part in parts.values()):
            return [parts[key] for key in sorted(parts)]
    return [slices]


def series_of(files: Iterable[Path], cancel: CancelToken | None = None) -> list[Series]:
    """Series in DICOM files, in the order of their numbers. Files without an image are left out."""
    groups: dict[tuple[object, ...], list[Slice]] = defaultdict(list)
    for path in files:
        if cancel is not None:
            cancel.check()
        item = read_header(path)
        if item is not None:
            groups[_stackable(item)].append(item)
    found = []
    volumes: Counter[str] = Counter()
    for group in groups.values():
        for part in _split(group):
            tags = part[0].tags
            uid = tags.get("0020|000e", "")
            volumes[uid] += 1
            found.append(
                Series(
                    uid=uid if volumes[uid] == 1 else f"{uid}#{volumes[uid]}",
                    study=tags.get("0020|000d", ""),
                    number=tags.get("0020|0011", ""),
                    modality=tags.get("0008|0060", ""),
                    description=without_identity(tags.get("0008|103e", ""), tags),
                    image_type=tuple(tags.get("0008|0008", "").split("\\")),
                    slices=tuple(sorted(part, key=lambda item: (item.place, item.path.name))),
                )
            )
    return sorted(found, key=lambda s: (int(s.number) if s.number.isdigit() else 1 << 30, s.uid))


def list_series(folder: Path) -> list[Series]:
    """Series in a folder and its subfolders."""
    return series_of(dicom_files(folder))


def choose_series(
    series: Sequence[Series], where: str, uid: str | None = None
) -> tuple[Series, str]:
    """The series to analyze, and a sentence that says which one and why.

    Without a UID: among the axial CT series, those that cover at least 80 % of the longest; of
    these original images before derived ones, then a soft before a sharp kernel, then the
    thinnest slices down to 1 mm.

    Raises:
        PastaError: none fits, or the images belong to several studies.
    """
    if uid is not None:
        for item in series:
            if uid in (item.uid, item.number):
                return item, f"Series chosen by the user: {item}."
        known = ", ".join(item.uid or "(no UID)" for item in series) or "none"
        raise PastaError(f"{where} holds no series '{uid}'; it holds {known}.")
    usable = [item for item in series if item.why_not() is None]
    if not usable:
        reasons = "; ".join(f"{item}: {item.why_not()}" for item in series) or "no image"
        raise PastaError(f"{where} holds no axial CT series ({reasons}); give another folder.")
    if len({item.study for item in usable}) > 1:
        raise PastaError(
            f"{where} mixes {len({item.study for item in usable})} studies; put each into a "
            "folder of its own, or name a series with --series (see --list-series)."
        )
    if len(usable) == 1:
        only = (
            f"the only axial CT series of {len(series)}" if len(series) > 1 else "the only series"
        )
        return usable[0], f"Used {usable[0]} ({only})."
    longest = max(item.extent_mm for item in usable)

    def preference(item: Series) -> tuple[bool, bool, bool, float, int]:
        return (
            item.extent_mm < 0.8 * longest,
            "DERIVED" in item.image_type,
            is_sharp(item.kernel),
            max(item.spacing_mm, 1.0),
            -item.count,
        )

    best = min(usable, key=preference)
    others = "; ".join(str(item) for item in usable if item is not best)
    return best, (
        f"Used {best}: of {len(usable)} axial CT series the one that covers most with original, "
        f"soft-kernel, thin slices (others: {others})."
    )


def is_sharp(kernel: str) -> bool:
    """Whether a kernel is one for lung or bone: Siemens B/Br 55 and up, or named so by others."""
    name = kernel.upper()
    siemens = re.match(r"[A-Z]+(\d{2})", name)
    if siemens:
        return int(siemens.group(1)) >= 55
    return any(word in name for word in ("BONE", "LUNG", "EDGE", "SHARP", "DETAIL")) or name in (
        "YC", "YD", "YE", "L", "E",
    )  # fmt: skip
