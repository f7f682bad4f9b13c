"""The report as PDF, A4, with the key images: what the HTML page says, for print and archive."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from PASTALib.files import written_atomically
from PASTALib.impression import volume_text
from PASTALib.report import Finding, Report
from PASTALib.report_html import percent, words
from PASTALib.statements import first_upper, mm

IMAGE_MM = 56.0
"""Width of a key image; three stand side by side."""
BLUE, GRAY, RED = "#1f4e79", "#666666", "#a01818"


def write_pdf(report: Report, path: Path, pictures: Mapping[str, bytes] | None = None) -> None:
    """Write a report as PDF.

    Args:
        report: the report.
        path: file to write, atomically.
        pictures: PNG bytes by the id that the report refers to; those that lack are left out.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm as millimeter
    from reportlab.platypus import SimpleDocTemplate

    story = [*_head(report), *_impression(report), *_table(report)]
    for finding in report.findings:
        story += _finding(finding, pictures or {})
    story += _foot(report)
    margin = 16 * millimeter
    with written_atomically(path) as temporary:
        document = SimpleDocTemplate(
            str(temporary),
            pagesize=A4,
            leftMargin=margin,
            rightMargin=margin,
            topMargin=margin,
            bottomMargin=margin,
            title=f"{report.title}: {report.study}",
            author=report.software,
            invariant=1,
        )
        document.build(story, onFirstPage=_margin(report), onLaterPages=_margin(report))


def _margin(report: Report) -> Any:
    """Draws what stands on every page."""

    def draw(canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 7)
        canvas.setFillColor(RED)
        canvas.drawString(45, 24, "Research use only. Not a medical device, not a diagnosis.")
        canvas.setFillColor(GRAY)
        canvas.drawRightString(document.pagesize[0] - 45, 24, f"Page {document.page}")
        if report.synthetic:
            canvas.setFont("Helvetica-Bold", 9)
            canvas.setFillColor(RED)
            canvas.drawRightString(
                document.pagesize[0] - 45, document.pagesize[1] - 30, "SYNTHETIC"
            )
        canvas.restoreState()

    return draw


def _text(text: str, size: float = 9, color: str = "black", bold: bool = False) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        "text",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=size,
        leading=1.3 * size,
        textColor=color,
        spaceAfter=0.3 * size,
    )
    return Paragraph(escape(text), style)


def _heading(text: str) -> Any:
    return _text(text, 12, BLUE, bold=True)


def _head(report: Report) -> list[Any]:
    technique = report.technique
    facts = (
        f"Study {report.study}. {first_upper(technique.region.value)}, phase "
        f"{technique.phase.value}, slices every {technique.slice_spacing_mm:g} mm. "
        f"{report.created:%Y-%m-%d %H:%M %Z}, {'edited' if report.edits else 'machine draft'}. "
        f"{report.software}."
    )
    return [_text(report.title, 17, BLUE, bold=True), _text(facts, 8, GRAY)]


def _impression(report: Report) -> list[Any]:
    lines = [_text(f"{n}. {line}", 10) for n, line in enumerate(report.impression, 1)]
    limits = [_text(" ".join(report.limitations), 8, GRAY)] if report.limitations else []
    return [_heading("Impression"), *lines, *limits]


def _table(report: Report) -> list[Any]:
    if not report.findings:
        return []
    from reportlab.platypus import Table

    titles = ("No.", "Place", "Type", "Size (mm)", "Volume", "HU", "Slice", "Conf.", "Review")
    rows: list[list[Any]] = [list(titles)]
    rows += [
        [
            f.id,
            _text(first_upper(f.location.text), 8),
            _text(f.name, 8),
            f"{mm(f.size.long_axis.length_mm)} x {mm(f.size.short_axis.length_mm)}",
            volume_text(f.size.volume_ml),
            f"{f.density.median:.0f}",
            str(f.size.slice_index + 1),
            percent(f.confidence),
            f.review,
        ]
        for f in report.findings
    ]
    style = [
        ("FONTSIZE", (0, 0), (-1, -1), 8),
        ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.7, BLUE),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, "#cccccc"),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ]
    widths = (26, 120, 84, 58, 48, 30, 34, 36, 56)
    return [_heading("Findings at a glance"), Table(rows, widths, repeatRows=1, style=style)]


def _finding(finding: Finding, pictures: Mapping[str, bytes]) -> list[Any]:
    from reportlab.platypus import KeepTogether, Spacer

    words = ", ".join(
        f"{a.name.lower()}: {a.value} ({a.provenance}, {percent(a.confidence)})"
        for a in finding.attributes.values()
    )
    review = "" if finding.review == "open" else f" ({finding.review} by the reader)"
    parts = [
        Spacer(1, 8),
        _text(f"{finding.id} {finding.name}{review}", 11, BLUE, bold=True),
        _text(finding.sentence),
        _text(first_upper(words) + ".", 8, GRAY),
        *_images(finding, pictures),
        *[_text(f"{s.title}: {s.text} {s.conditions}", 8) for s in finding.statements],
    ]
    return [KeepTogether(parts)]


def _images(finding: Finding, pictures: Mapping[str, bytes]) -> list[Any]:
    from reportlab.lib.units import mm as millimeter
    from reportlab.platypus import Image, Table

    width = IMAGE_MM * millimeter
    images = []
    for reference in finding.pictures:
        if reference.id in pictures:
            image = Image(io.BytesIO(pictures[reference.id]))
            image.drawHeight *= width / image.drawWidth
            image.drawWidth = width
            images.append(image)
    return [Table([images], [width + 6] * len(images), hAlign="LEFT")] if images else []


def _foot(report: Report) -> list[Any]:
    negatives = [_text(sentence) for sentence in report.negatives]
    edits = [
        _text(
            f"{e.when:%Y-%m-%d %H:%M} {e.who}: {e.path}: {words(e.old)} -> {words(e.new)}", 7, GRAY
        )
        for e in report.edits
    ]
    record = [_heading("Record of edits"), *edits] if edits else []
    return [
        _heading("Organs without a finding"),
        *(negatives or [_text("None.")]),
        *record,
        _text(report.disclaimer, 8, RED),
    ]
