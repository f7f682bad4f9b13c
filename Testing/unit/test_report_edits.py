"""A reader's changes are part of the report, with the old value, the reader and the time."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from PASTALib.drafting import draft_report
from PASTALib.errors import PastaError
from PASTALib.lesions import find_lesions
from PASTALib.report import Report
from PASTALib.report_edits import edited
from report_case import MODEL, a_case

NOON = datetime(2026, 5, 6, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def report() -> Report:
    ct, segmentation = a_case()
    return draft_report(ct, segmentation, find_lesions(ct, segmentation), MODEL)


def test_an_attribute_set_by_a_reader_is_certain_and_the_readers(report):
    new = edited(report, "findings/L1/attributes/shape", "Irregular", who="Reader A", when=NOON)
    entry = new.finding("L1").attributes["shape"]
    assert (entry.value, entry.confidence, entry.provenance) == ("Irregular", 1.0, "reader")
    (edit,) = new.edits
    assert (edit.old, edit.new, edit.who, edit.when) == (
        "Round-like",
        "Irregular",
        "Reader A",
        NOON,
    )
    assert report.finding("L1").attributes["shape"].value == "Round-like"
    assert report.edits == ()


def test_a_new_type_takes_its_name_and_drops_the_statements_of_the_old_one(report):
    finding = edited(report, "findings/L1/type", "liver_cyst", who="A").finding("L1")
    assert (finding.name, finding.malignant, finding.provenance) == ("Liver cyst", False, "reader")
    assert finding.statements == ()
    assert report.finding("L1").statements


def test_edits_add_up_in_their_order_and_survive_writing(report):
    new = edited(report, "impression", ["Nothing of note."], who="A", reason="checked")
    new = edited(new, "findings/L2/review", "dismissed", who="B")
    new = edited(new, "findings/L2/sentence", "A vessel.", who="B")
    assert [e.path for e in new.edits] == [
        "impression",
        "findings/L2/review",
        "findings/L2/sentence",
    ]
    assert new.impression == ("Nothing of note.",)
    assert new.edits[0].old == list(report.impression)
    assert Report.model_validate_json(new.model_dump_json()) == new


def test_a_single_sentence_may_be_given_as_a_string(report):
    assert edited(report, "limitations", "None.", who="A").limitations == ("None.",)
    assert edited(report, "title", "Report of A", who="A").title == "Report of A"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("findings/L1/attributes/shape", "Cubic", "not a value of shape"),
        ("findings/L1/attributes/colour", "Red", "cannot be edited"),
        ("findings/L1/type", "wart", "not a lesion type"),
        ("findings/L1/review", "maybe", "A review is one of"),
        ("findings/L9/type", "liver_cyst", "no finding 'L9'"),
        ("findings/L1", "x", "cannot be edited"),
        ("created", "x", "cannot be edited"),
        ("edits", [], "cannot be edited"),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_sentence(report, path, value, words):
    with pytest.raises(PastaError, match=words):
        edited(report, path, value, who="A")
