"""Finds the cases in what a user names: files, DICOM folders, and folders of such."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PASTALib.case_folder import DONE
from PASTALib.dicom_header import is_dicom_file, read_header
from PASTALib.errors import PastaError
from PASTALib.naming import case_name, is_image_file

LONGEST_NAME = 80
"""Longer names are cut: Windows allows 260 characters for a whole path."""
_NEVER_IMAGES = (
    ".json", ".csv", ".txt", ".md", ".html", ".pdf", ".png", ".jpg", ".jpeg", ".xml", ".zip",
    ".py", ".gz", ".tfm", ".h5", ".mrb", ".mrml", ".raw", ".zraw", ".tsv", ".log",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One CT to analyze.

    Attributes:
        name: name of its result folder, different from all others of the batch.
        path: file, or folder of a DICOM series.
        found: it was found in a folder rather than named, so it may turn out to be no CT.
    """

    name: str
    path: Path
    found: bool = False


def find_cases(inputs: Iterable[Path], out: Path | None = None) -> list[Case]:
    """Cases in files and folders, in a fixed order, with names that are unique.

    A folder is searched with its subfolders. DICOM files of one study are one case. Segmentations
    of Slicer (``.seg.nrrd``), hidden files, finished result folders and `out` are left out.

    Raises:
        PastaError: an input does not exist, or there is nothing in a folder.
    """
    cases: list[Case] = []
    for given in inputs:
        if not given.exists():
            raise PastaError(f"'{given}' does not exist; check the path.")
        if given.is_dir():
            inside = _cases_in(given, out)
            if not inside:
                raise PastaError(
                    f"'{given}' holds no CT (NIfTI, NRRD, MHA, MHD or DICOM); check the path."
                )
            cases += inside
        else:
            cases.append(Case(case_name(given), given))
    seen: dict[Path, Case] = {}
    for case in cases:  # the same input twice is one case, and counts as named if once named
        key = case.path.resolve()
        seen[key] = case if key not in seen or not case.found else seen[key]
    return _unique(list(seen.values()))


def _cases_in(folder: Path, out: Path | None) -> list[Case]:
    volumes: list[Path] = []
    dicom: list[Path] = []
    for place in _folders(folder, out):
        files = sorted(path for path in place.iterdir() if path.is_file())
        files = [path for path in files if not path.name.startswith(".")]
        volumes += [
            path
            for path in files
            if is_image_file(path) and not path.name.lower().endswith(".seg.nrrd")
        ]
        maybe = [p for p in files if not p.name.lower().endswith(_NEVER_IMAGES)]
        if any(is_dicom_file(path) for path in maybe if not is_image_file(path)):
            dicom.append(place)
    studies = _studies(dicom)
    alone = len(volumes) + len(studies) == 1  # a folder of one CT is as good as naming it
    paths = sorted([*volumes, *studies])
    return [Case(case_name(path), path, found=not alone) for path in paths]


def _folders(folder: Path, out: Path | None) -> list[Path]:
    """`folder` and those in it, without results of this program."""
    found = [folder]
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        is_out = out is not None and place.resolve() == out.resolve()
        if not is_out and not (place / DONE).is_file():
            found += _folders(place, out)
    return found


def _studies(folders: Sequence[Path]) -> list[Path]:
    """Folders that each hold one study: series of a study in sibling folders belong together."""
    by_study: dict[str, list[Path]] = defaultdict(list)
    study_of = {folder: _study(folder) for folder in folders}
    for folder, study in study_of.items():
        by_study[study or str(folder)].append(folder)
    cases = []
    for study, members in by_study.items():
        common = members[0]
        while not all(member.is_relative_to(common) for member in members):
            common = common.parent
        below = [folder for folder in folders if folder.is_relative_to(common)]
        whole = all((study_of[folder] or str(folder)) == study for folder in below)
        cases += [common] if whole else members
    return cases


def _study(folder: Path) -> str:
    """Study Instance UID of the first image of a folder."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and is_dicom_file(path):
            item = read_header(path)
            if item is not None:
                return item.tags.get("0020|000d", "")
    return ""


def _unique(cases: list[Case]) -> list[Case]:
    """Cases with names that differ, also where upper and lower case do not count."""
    named = [_renamed(case, case.name) for case in cases]
    counts = Counter(case.name.lower() for case in named)
    named = [
        _renamed(case, f"{case_name(case.path.resolve().parent)}_{case.name}")
        if counts[case.name.lower()] > 1
        else case
        for case in named
    ]
    used: Counter[str] = Counter()
    result = []
    for case in named:
        used[case.name.lower()] += 1
        times = used[case.name.lower()]
        result.append(case if times == 1 else replace(case, name=f"{case.name}_{times}"))
    return result


def _renamed(case: Case, name: str) -> Case:
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return replace(case, name=name)
