"""The report as HTML: complete by itself, safe, and honest about what it is."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from PASTALib.drafting import draft_report
from PASTALib.lesions import find_lesions
from PASTALib.pictures import draw_pictures
from PASTALib.report import Report
from PASTALib.report_edits import edited
from PASTALib.report_html import percent, render_html
from report_case import MODEL, a_case

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Checker(HTMLParser):
    """Follows the tags; collects text and sources."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value or "" for key, value in attrs if key in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def drawn() -> tuple[Report, dict[str, bytes]]:
    ct, segmentation = a_case()
    lesions = find_lesions(ct, segmentation)
    return draft_report(ct, segmentation, lesions, MODEL), draw_pictures(ct, segmentation, lesions)


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(drawn):
    checker = Checker(render_html(*drawn))
    assert checker.open == []
    assert "script" not in checker.tags
    assert "link" not in checker.tags
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in checker.sources)
    assert sum(source.startswith("data:") for source in checker.sources) == 6


def test_everything_a_reader_needs_is_on_the_page(drawn):
    report, pictures = drawn
    html = render_html(report, pictures)
    for finding in report.findings:
        assert f'id="{finding.id}"' in html
        for entry in finding.attributes.values():
            assert entry.value in html
    for sentence in (*report.impression, *report.negatives):
        assert sentence in html
    assert "Research use only" in html
    assert "pasta-s 0.1.0" in html
    assert html.index("Impression") < html.index("Findings at a glance")


def test_text_from_outside_cannot_become_markup():
    ct, segmentation = a_case(name="<script>alert(1)</script>")
    report = draft_report(ct, segmentation, find_lesions(ct, segmentation), MODEL)
    report = edited(report, "findings/L1/sentence", "<b>bold</b> & more", who="<i>A</i>")
    html = render_html(report)
    assert "<script>" not in html
    assert "<b>bold" not in html
    assert "<i>A" not in html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in html


def test_a_synthetic_ct_is_marked_and_a_real_one_is_not(drawn):
    assert "SYNTHETIC" not in render_html(*drawn)
    synthetic = drawn[0].model_copy(update={"synthetic": True})
    assert render_html(synthetic).count("SYNTHETIC") == 2


def test_pictures_that_lack_leave_no_gap(drawn):
    report, pictures = drawn
    assert "<img" not in render_html(report)
    some = {"L1-axial": pictures["L1-axial"]}
    assert render_html(report, some).count("<img") == 1


def test_a_report_without_findings_renders():
    ct, segmentation = a_case(lesions={})
    html = render_html(draft_report(ct, segmentation, ()))
    assert Checker(html).open == []
    assert "Findings at a glance" not in html
    assert "No lesion found in the liver." in html


def test_edits_and_dismissed_findings_show(drawn):
    report = edited(drawn[0], "findings/L2/review", "dismissed", who="Reader B", reason="vessel")
    html = render_html(report)
    assert "dismissed by the reader" in html
    assert "Changes by readers" in html
    assert "Reader B" in html
    assert ", edited" in html


def test_it_prints_on_a4_without_a_break_in_a_finding(drawn):
    html = render_html(*drawn)
    assert "size: A4" in html
    assert re.search(r"@media print.*article[^}]*break-inside: avoid", html, re.DOTALL)


@pytest.mark.parametrize(
    ("fraction", "text"), [(0, "0 %"), (0.874, "87 %"), (0.999, "99 %"), (1, "100 %")]
)
def test_only_what_is_certain_is_a_hundred_percent(fraction, text):
    assert percent(fraction) == text
