"""What leaves a study: report and segmentation as files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from PASTALib.case_folder import lesions_csv, merged_labels
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.lesions import Lesion
from PASTALib.pictures import draw_pictures
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.report import Report, write_report
from PASTALib.report_html import render_html
from PASTALib.report_pdf import write_pdf
from PASTALib.study import Study
from PASTALib.writing import write_labels, write_seg_nrrd


@dataclass(frozen=True)
class Export:
    """One kind of file: its name, what a user calls it, and how it is written."""

    name: str
    title: str
    write: Callable[[Study, Report, Path], None]


def _pictures(study: Study) -> dict[str, bytes]:
    return draw_pictures(study.ct, study.segmentation(), tuple(study.lesions.values()))


def write_page(study: Study, report: Report, path: Path) -> None:
    """The report as one HTML file with its key images."""
    write_text(path, render_html(report, _pictures(study)))


def _pdf(study: Study, report: Report, path: Path) -> None:
    write_pdf(report, path, _pictures(study))


def _json(_study: Study, report: Report, path: Path) -> None:
    write_report(report, path)


def _csv(_study: Study, report: Report, path: Path) -> None:
    write_text(path, lesions_csv(report.findings))


def accepted_lesions(study: Study, report: Report) -> tuple[Lesion, ...]:
    """Lesions that no reader has rejected."""
    return tuple(study.lesions[f.id] for f in report.findings if f.review != "dismissed")


def _accepted(study: Study, report: Report) -> Study:
    return Study(study.ct, study.organs, accepted_lesions(study, report))


def _labels(study: Study, report: Report, path: Path) -> None:
    write_labels(merged_labels(_accepted(study, report).segmentation()), path)


def _instances(study: Study, report: Report, path: Path) -> None:
    write_labels(_accepted(study, report).instances(), path)


def _segments(study: Study, report: Report, path: Path) -> None:
    kept = _accepted(study, report)
    write_seg_nrrd(
        kept.segmentation(),
        path,
        name=study.ct.name,
        instances=kept.instances(),
        lesions=tuple(kept.lesions.values()),
    )


EXPORTS: dict[str, tuple[Export, ...]] = {
    "json": (Export("report.json", "Report for programs", _json),),
    "html": (Export("report.html", "Report as a page", write_page),),
    "pdf": (Export("report.pdf", "Report to print", _pdf),),
    "csv": (Export("lesions.csv", "Table of lesions", _csv),),
    "nifti": (
        Export("segmentation.nii.gz", "Labels", _labels),
        Export("lesion_instances.nii.gz", "Numbers of lesions", _instances),
    ),
    "seg.nrrd": (Export("segmentation.seg.nrrd", "Segmentation for 3D Slicer", _segments),),
}
"""Files by format. What a reader has rejected is in the report, marked, but in no segmentation."""


def export_study(
    study: Study,
    report: Report,
    folder: Path,
    formats: Collection[str],
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[Path, ...]:
    """Write the files of the wanted formats into a folder; each appears whole or not at all.

    Raises:
        PastaError: an unknown format, or the folder cannot be written to.
        Cancelled: asked to stop; files that are written already stay.
    """
    unknown = set(formats) - set(EXPORTS)
    if unknown:
        raise PastaError(
            f"'{sorted(unknown)[0]}' is not a format; use one of: {', '.join(EXPORTS)}."
        )
    wanted = [e for key in EXPORTS if key in formats for e in EXPORTS[key]]
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for export in wanted:
            if cancel is not None:
                cancel.check()
            progress(len(written) / len(wanted), f"Writing {export.name}")
            export.write(study, report, folder / export.name)
            written.append(folder / export.name)
    except OSError as error:
        raise PastaError(
            f"'{folder}' cannot be written to ({error.strerror}); choose another folder."
        ) from error
    progress(1.0, f"Wrote {len(written)} files")
    return tuple(written)
