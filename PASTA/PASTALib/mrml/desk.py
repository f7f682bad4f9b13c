"""The reading desk: one case, and everything that a reader may do with its findings.

Each method is one action of the panel and one line of a script. An action changes scene and report
at once, is one undo step, and hands the outlines to whoever measures them; sizes, attributes and
impression follow when the measures come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PASTALib.mrml.gesture_desk import GestureDesk
from PASTALib.mrml.segmentations import rename_segment
from PASTALib.segments import lesion_segment

if TYPE_CHECKING:
    from PASTALib.report import Point


class Desk(GestureDesk):
    """Everything that a reader may do with the findings of a case."""

    def accept(self, finding_id: str) -> None:
        """Agree with a finding."""
        self._edit(f"findings/{finding_id}/review", "confirmed", f"Accept {finding_id}")

    def reject(self, finding_id: str) -> None:
        """Dismiss a finding: it stays in the table, but leaves impression and segmentations."""
        self._edit(f"findings/{finding_id}/review", "dismissed", f"Reject {finding_id}")

    def reopen(self, finding_id: str) -> None:
        """Take acceptance or rejection back."""
        self._edit(f"findings/{finding_id}/review", "open", f"Reopen {finding_id}")

    def set_type(self, finding_id: str, lesion_type: str) -> None:
        """Give a finding another type, and with it another organ if the type says so."""
        nodes, _ = self._open()
        self._edit(f"findings/{finding_id}/type", lesion_type, f"Change type of {finding_id}")
        rename_segment(nodes.lesions, lesion_segment(finding_id, lesion_type))
        self._measure()

    def set_attribute(self, finding_id: str, key: str, value: str) -> None:
        """Set one of the five attributes."""
        self._edit(f"findings/{finding_id}/attributes/{key}", value, f"Set {key} of {finding_id}")

    def set_sentence(self, finding_id: str, text: str) -> None:
        """Write the finding's sentence."""
        self._edit(f"findings/{finding_id}/sentence", text, f"Write on {finding_id}")

    def set_impression(self, sentences: Sequence[str]) -> None:
        """Write the impression; from then on it is only changed by a reader."""
        self._edit("impression", list(sentences), "Write the impression")

    def draft_impression(self) -> None:
        """Have the impression drafted again; what a reader wrote is kept in the record."""
        from PASTALib.report_changes import with_new_impression

        _, report = self._open()
        self._do("Draft the impression", with_new_impression(report, who=self.who))

    def set_axes(self, finding_id: str, axes: Mapping[str, tuple[Point, Point]]) -> None:
        """Lay ``long_axis``, ``short_axis`` or both; end points in LPS mm."""
        from PASTALib.report_changes import with_axes

        _, report = self._open()
        changed = with_axes(report, finding_id, dict(axes), who=self.who)
        self._do(f"Move axis of {finding_id}", changed)

    def _edit(self, path: str, value: Any, title: str) -> None:
        from PASTALib.report_changes import redrafted
        from PASTALib.report_edits import edited

        _, report = self._open()
        self._do(title, redrafted(edited(report, path, value, who=self.who)))
