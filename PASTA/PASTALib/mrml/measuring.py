"""Who outlines and measures findings: here, in this process; in the panel, the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from PASTALib.mrml.case import CaseNodes, ct_of
from PASTALib.mrml.organs import organ_map

if TYPE_CHECKING:
    from PASTALib.gestures.wish import Answer, Wish
    from PASTALib.report import Report
    from PASTALib.study import Measured, Outline, Study
    from PASTALib.worker.failures import Failure


class Measurer(Protocol):
    """Outlines and measures the lesions of a case."""

    def outline(
        self,
        nodes: CaseNodes,
        report: Report,
        wish: Wish,
        done: Callable[[Answer], None],
        failed: Callable[[Failure], None],
    ) -> None:
        """Outline what a reader points at, and call `done` or `failed`: at once or later.

        A wish takes the place of an earlier one that is not answered yet, which then never is.
        """

    def measure(
        self,
        nodes: CaseNodes,
        report: Report,
        outlines: Sequence[Outline],
        done: Callable[[Measured], None],
        failed: Callable[[str], None],
    ) -> None:
        """Measure, and call `done` or, with a sentence, `failed`: at once or later."""


class KnownMasks:
    """The masks that the other side has already, so that only changed ones are handed over."""

    def __init__(self) -> None:
        self._masks: dict[str, Any] = {}

    def changed(self, outlines: Sequence[Outline]) -> list[Outline]:
        """The outlines, without the masks that are known; all are known from now on."""
        wanted = [
            replace(outline, mask=None)
            if outline.mask is not None and self._masks.get(outline.id) is outline.mask
            else outline
            for outline in outlines
        ]
        self._masks = {outline.id: outline.mask for outline in outlines}
        return wanted

    def forget(self) -> None:
        """The other side lost what it knew."""
        self._masks = {}


class DirectMeasurer:
    """Measures in this process, and blocks meanwhile: for scripts and tests."""

    def __init__(self) -> None:
        self._case: CaseNodes | None = None
        self._study: Study | None = None
        self._known = KnownMasks()

    def study(self, nodes: CaseNodes, report: Report) -> Study:
        """The study of a case, made on first use."""
        from PASTALib.study import Study, described_as

        if self._study is None or self._case is not nodes:
            self._known.forget()
            ct = described_as(ct_of(nodes.volume), report)
            self._study = Study(ct, organ_map(nodes.organs, nodes.volume))
            self._case = nodes
        return self._study

    def outline(
        self,
        nodes: CaseNodes,
        report: Report,
        wish: Wish,
        done: Callable[[Answer], None],
        failed: Callable[[Failure], None],
    ) -> None:
        """See `Measurer`; raises `PastaError` instead of calling `failed`."""
        import SimpleITK as sitk

        from PASTALib.geometry import Geometry
        from PASTALib.gestures.answering import answered

        study = self.study(nodes, report)
        hu, organs = map(sitk.GetArrayViewFromImage, (study.ct.image, study.organs))
        geometry = Geometry.of(study.ct.image)
        done(answered(wish, hu, geometry, organs, study.ct.phase.value))

    def measure(
        self,
        nodes: CaseNodes,
        report: Report,
        outlines: Sequence[Outline],
        done: Callable[[Measured], None],
        failed: Callable[[str], None],
    ) -> None:
        """See `Measurer`."""
        study = self.study(nodes, report)
        done(study.measure(report, self._known.changed(outlines)))
