"""The folder with the results of one case, and the file in it that says the case is finished."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.pictures import draw_pictures
from PASTALib.report import Finding, write_report
from PASTALib.report_html import render_html
from PASTALib.writing import write_labels, write_seg_nrrd

if TYPE_CHECKING:
    from PASTALib.analysis import Analysis

FORMATS = ("nifti", "seg.nrrd", "json", "html", "csv")
DONE = "done.json"
ERROR = "error.txt"
_OWN_FILES = (
    "segmentation.nii.gz", "lesion_instances.nii.gz", "segmentation.seg.nrrd", "lesions.csv",
    "report.json", "report.html",
)  # fmt: skip


def merged_labels(segmentation: Segmentation) -> sitk.Image:
    """One uint8 map of catalogue labels: lesion types over the organs that hold them."""
    lesions = segmentation.lesions
    return sitk.Maximum(lesions, sitk.Mask(segmentation.organs, lesions == 0))


def _columns() -> dict[str, Callable[[Finding], object]]:
    """Columns of ``lesions.csv``: lengths in mm, volume in ml, HU, center in LPS mm."""
    return {
        "id": lambda x: x.id,
        "type": lambda x: x.type,
        "name": lambda x: x.name,
        "malignant": lambda x: "yes" if x.malignant else "no",
        "review": lambda x: x.review,
        "organ": lambda x: x.location.organ,
        "structure": lambda x: x.location.structure or "",
        "side": lambda x: x.location.side or "",
        "part": lambda x: x.location.part or "",
        "long_axis_mm": lambda x: f"{x.size.long_axis.length_mm:.1f}",
        "short_axis_mm": lambda x: f"{x.size.short_axis.length_mm:.1f}",
        "slice": lambda x: x.size.slice_index,
        "diameter_3d_mm": lambda x: f"{x.size.diameter_3d.length_mm:.1f}",
        "volume_ml": lambda x: f"{x.size.volume_ml:.3f}",
        "sphericity": lambda x: f"{x.size.sphericity:.2f}",
        "hu_mean": lambda x: f"{x.density.mean:.0f}",
        "hu_sd": lambda x: f"{x.density.sd:.0f}",
        **{key: partial(_attribute, key) for key in catalog().attributes},
        "confidence": lambda x: f"{x.confidence:.2f}",
        "type_confidence": lambda x: f"{x.type_confidence:.2f}",
        "x_mm": lambda x: f"{x.location.center[0]:.1f}",
        "y_mm": lambda x: f"{x.location.center[1]:.1f}",
        "z_mm": lambda x: f"{x.location.center[2]:.1f}",
    }


def _attribute(key: str, finding: Finding) -> str:
    return finding.attributes[key].value if key in finding.attributes else ""


def lesions_csv(findings: Iterable[Finding]) -> str:
    """Text of ``lesions.csv``, one line a lesion."""
    columns = _columns()
    rows = [{name: str(of(finding)) for name, of in columns.items()} for finding in findings]
    return csv_text(rows, columns)


def csv_text(rows: Collection[Mapping[str, str]], columns: Collection[str]) -> str:
    """Rows as CSV text with a header line, also where there are no rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def prepare(folder: Path) -> None:
    """Make the folder, and remove what an earlier or killed run of this program left in it.

    Raises:
        PastaError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The mark goes first: a run that is killed in between must not look finished.
        for name in (DONE, ERROR, *_OWN_FILES):
            (folder / name).unlink(missing_ok=True)
        for left in folder.glob(".*.part-*"):
            left.unlink()
    except OSError as error:
        raise PastaError(
            f"Results cannot be written to '{folder}' ({error.strerror}); choose another folder."
        ) from error


def write_case(analysis: Analysis, folder: Path, formats: Collection[str] = FORMATS) -> None:
    """Write the results of one case.

    ``nifti``: ``segmentation.nii.gz`` (catalogue labels, lesions over organs) and
    ``lesion_instances.nii.gz``; ``seg.nrrd``: the same for 3D Slicer; ``json`` and ``html``: the
    report; ``csv``: ``lesions.csv``.

    Raises:
        PastaError: the folder cannot be written to.
    """
    if "nifti" in formats:
        write_labels(merged_labels(analysis.segmentation), folder / "segmentation.nii.gz")
        write_labels(analysis.instances, folder / "lesion_instances.nii.gz")
    if "seg.nrrd" in formats:
        write_seg_nrrd(
            analysis.segmentation,
            folder / "segmentation.seg.nrrd",
            name=analysis.ct.name,
            instances=analysis.instances,
            lesions=analysis.lesions,
        )
    if "csv" in formats:
        write_text(folder / "lesions.csv", lesions_csv(analysis.report.findings))
    if "json" in formats:
        write_report(analysis.report, folder / "report.json")
    if "html" in formats:
        pictures = draw_pictures(analysis.ct, analysis.segmentation, analysis.lesions)
        write_text(folder / "report.html", render_html(analysis.report, pictures))


def summary_of(analysis: Analysis) -> dict[str, Any]:
    """What a line of the batch's summary says of a finished case."""
    kinds = catalog().lesion_types
    largest = max(
        analysis.lesions, key=lambda lesion: lesion.measurements.long_axis.length_mm, default=None
    )
    return {
        "phase": analysis.ct.phase.value,
        "phase_confidence": round(analysis.ct.phase.confidence, 2),
        "region": analysis.ct.region.value,
        "lesions": len(analysis.lesions),
        "malignant": sum(kinds[lesion.type].malignant for lesion in analysis.lesions),
        "largest": f"{largest.type} {largest.measurements.long_axis.length_mm:.0f} mm"
        if largest
        else "",
        "types": ", ".join(
            f"{count} {key}"
            for key in kinds
            if (count := sum(lesion.type == key for lesion in analysis.lesions))
        ),
        "notes": " ".join(analysis.ct.notes),
        "steps": analysis.seconds,
    }


def mark_done(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``done.json``, the last file of a finished case."""
    write_text(folder / DONE, json.dumps(facts, indent=1) + "\n")


def mark_failed(folder: Path, message: str) -> None:
    """Write ``error.txt``, the only file of a failed case that matters."""
    write_text(folder / ERROR, message.rstrip() + "\n")


def finished(folder: Path) -> dict[str, Any] | None:
    """What ``done.json`` says, or None where the case is not finished."""
    try:
        facts = json.loads((folder / DONE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def remove_if_empty(folder: Path) -> None:
    """Remove the folder of a case that was skipped, unless something else lies in it."""
    if folder.is_dir() and not any(folder.iterdir()):
        shutil.rmtree(folder)


def fingerprint(path: Path) -> str:
    """SHA-256 over names, sizes and times of a file or of all files of a folder.

    Changes when an input changes, without reading gigabytes. Holds no readable name.
    """
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        facts = file.stat()
        name = file.relative_to(path) if file != path else ""
        digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def options_hash(options: Mapping[str, Any]) -> str:
    """SHA-256 of the options that change results."""
    return hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()
