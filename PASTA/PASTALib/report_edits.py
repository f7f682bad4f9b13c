"""Changes by a reader, kept in the report itself: the new value, the old one, who and when."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.report import Edit, Finding, Report

TEXTS = ("title", "impression", "negatives", "limitations")
"""Parts of the report that a reader may rewrite as they stand."""
EDITABLE = (
    *TEXTS,
    "findings/<id>/type",
    "findings/<id>/sentence",
    "findings/<id>/review",
    "findings/<id>/attributes/<key>",
)


def edited(
    report: Report,
    path: str,
    new: Any,
    *,
    who: str,
    when: datetime | None = None,
    reason: str = "",
) -> Report:
    """The report with one change and the record of it.

    What depends on the change follows: an attribute or a type that a reader sets is certain and
    has the provenance ``reader``. Sentences are left as they are; a reader changes them by another
    edit.

    Args:
        report: the report before.
        path: one of `EDITABLE`, with a finding's id and an attribute's key.
        new: the new value: a string, or a list of sentences for the impression and its like.
        who: the reader.
        when: time of the change; now by default.
        reason: why, in the reader's words.

    Raises:
        PastaError: there is no such place, or the value is not allowed there.
    """
    parts = path.split("/")
    if parts[0] in TEXTS and len(parts) == 1:
        old = getattr(report, path)
        if path != "title":
            new = [new] if isinstance(new, str) else list(new)
        update: dict[str, Any] = {path: new if path == "title" else tuple(new)}
    elif parts[0] == "findings" and len(parts) >= 3:
        finding = report.finding(parts[1])
        old, changed = _edit_finding(finding, parts[2:], new, path)
        update = {"findings": tuple(changed if f is finding else f for f in report.findings)}
    else:
        raise PastaError(f"'{path}' cannot be edited; use one of {', '.join(EDITABLE)}.")
    record = Edit(
        who=who,
        when=when or datetime.now(timezone.utc),
        path=path,
        old=list(old) if isinstance(old, tuple) else old,
        new=new,
        reason=reason,
    )
    return report.model_copy(update={**update, "edits": (*report.edits, record)})


def _edit_finding(finding: Finding, parts: list[str], new: Any, path: str) -> tuple[Any, Finding]:
    """The old value, and the finding with the new one."""
    match parts:
        case ["type"]:
            known = catalog().lesion_types
            if new not in known:
                raise PastaError(f"'{new}' is not a lesion type; use one of {', '.join(known)}.")
            update = {
                "type": new,
                "name": known[new].name,
                "malignant": known[new].malignant,
                "type_confidence": 1.0,
                "provenance": "reader",
                "statements": (),  # they followed from the old type
            }
            return finding.type, finding.model_copy(update=update)
        case ["sentence"]:
            return finding.sentence, finding.model_copy(update={"sentence": str(new)})
        case ["review"]:
            allowed = ("open", "confirmed", "dismissed")
            if new not in allowed:
                raise PastaError(f"A review is one of {', '.join(allowed)}, not '{new}'.")
            return finding.review, finding.model_copy(update={"review": new})
        case ["attributes", key] if key in finding.attributes:
            values = catalog().attributes[key].values
            if new not in values:
                raise PastaError(
                    f"'{new}' is not a value of {key}; use one of: {'; '.join(values)}."
                )
            entry = finding.attributes[key]
            changed = entry.model_copy(
                update={"value": new, "confidence": 1.0, "provenance": "reader", "evidence": ""}
            )
            attributes = {**finding.attributes, key: changed}
            return entry.value, finding.model_copy(update={"attributes": attributes})
        case _:
            raise PastaError(f"'{path}' cannot be edited; use one of {', '.join(EDITABLE)}.")
