"""Who draws the lesions of a case: this process; for the panel, the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from PASTALib.errors import PastaError
from PASTALib.mrml.dicom_facts import patient_position
from PASTALib.mrml.volumes import image_of

if TYPE_CHECKING:
    from pathlib import Path

    import SimpleITK as sitk

    from PASTAGenLib.insertion_plan import InsertionPlan
    from PASTAGenLib.workbench import Patch, Workbench
    from PASTALib.geometry import Vector

Answer = TypeVar("Answer")
Failed = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """A lesion that is asked for.

    Attributes:
        type: lesion type of the catalogue.
        asked: fields of `LesionSpec` that are not left to chance.
        seed: of all that is.
    """

    type: str
    asked: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class Bench:
    """A scan that lesions are put into.

    Attributes:
        volume: its node.
        organs: segmentation node.
        labels: the same as catalogue labels on the grid of the volume.
    """

    volume: Any
    organs: Any
    labels: sitk.Image = field(compare=False)


class Engine(Protocol):
    """Draws lesions. Each method calls `done` or, with a sentence, `failed`: at once or later."""

    def open(self, bench: Bench, done: Callable[[dict[str, Any]], None], failed: Failed) -> None:
        """Tell the ``places`` of a scan by organ, and its ``phase``."""

    def preview(
        self,
        bench: Bench,
        kept: Sequence[InsertionPlan],
        wish: Wish,
        shown: Callable[[Patch], None],
        failed: Failed,
    ) -> None:
        """Draw a lesion: `shown` is called with a sketch first where there is time for one.

        A preview that is under way is given up for it.
        """

    def compose(
        self,
        bench: Bench,
        plans: Sequence[InsertionPlan],
        done: Callable[[Sequence[Patch]], None],
        failed: Failed,
    ) -> None:
        """Put planned lesions in, one after another."""

    def nearest(
        self,
        bench: Bench,
        kept: Sequence[InsertionPlan],
        wish: Wish,
        done: Callable[[Vector], None],
        failed: Failed,
    ) -> None:
        """The place nearest to the wish's center that holds it, LPS mm."""

    def give_up(self) -> None:
        """Nobody waits for a preview any more."""


class DirectEngine:
    """Draws in this process, and blocks meanwhile: for scripts and tests."""

    def __init__(self) -> None:
        self._bench: Bench | None = None
        self._work: Workbench | None = None

    def workbench(self, bench: Bench) -> Workbench:
        """The workbench with a scan, made on first use.

        Raises:
            PastaError: volume or organs cannot be used.
        """
        from PASTAGenLib.positions import position_of
        from PASTAGenLib.workbench import Workbench, in_hu

        if self._work is None or self._bench != bench:
            self._work = Workbench(
                in_hu(image_of(bench.volume), f"The volume '{bench.volume.GetName()}'"),
                bench.labels,
                position_of(patient_position(bench.volume)),
            )
            self._bench = bench
        return self._work

    def open(self, bench: Bench, done: Callable[[dict[str, Any]], None], failed: Failed) -> None:
        """See `Engine`."""
        work = self.workbench(bench)
        done({"places": work.places(), "phase": work.phase})

    def preview(
        self,
        bench: Bench,
        kept: Sequence[InsertionPlan],
        wish: Wish,
        shown: Callable[[Patch], None],
        failed: Failed,
    ) -> None:
        """See `Engine`; without a sketch."""
        from PASTAGenLib.choices import spec_of

        def draw() -> Patch:
            spec = spec_of(wish.type, wish.asked, wish.seed)
            return self.workbench(bench).draw(tuple(kept), spec)

        _answer(draw, shown, failed)

    def compose(
        self,
        bench: Bench,
        plans: Sequence[InsertionPlan],
        done: Callable[[Sequence[Patch]], None],
        failed: Failed,
    ) -> None:
        """See `Engine`."""
        _answer(lambda: self.workbench(bench).compose(tuple(plans)), done, failed)

    def nearest(
        self,
        bench: Bench,
        kept: Sequence[InsertionPlan],
        wish: Wish,
        done: Callable[[Vector], None],
        failed: Failed,
    ) -> None:
        """See `Engine`."""
        from PASTAGenLib.choices import spec_of

        def find() -> Vector:
            spec = spec_of(wish.type, wish.asked, wish.seed)
            return self.workbench(bench).nearest(tuple(kept), spec)

        _answer(find, done, failed)

    def give_up(self) -> None:
        """See `Engine`; nothing is ever under way."""

    def export(
        self,
        bench: Bench,
        name: str,
        lesions: Sequence[tuple[InsertionPlan, Wish]],
        folder: Path,
        formats: Sequence[str],
    ) -> tuple[Path, ...]:
        """Write a case; returns the files.

        Raises:
            PastaError: there is no lesion, an unknown format, or the folder cannot be written to.
        """
        from PASTAGenLib.case_export import export_case

        plans = tuple(plan for plan, _ in lesions)
        asked = [{**wish.asked, "seed": wish.seed} for _, wish in lesions]
        return export_case(self.workbench(bench), plans, name, asked, folder, formats)


def _answer(work: Callable[[], Answer], done: Callable[[Answer], None], failed: Failed) -> None:
    """Hand on what the work gives, or the sentence of why it cannot be done."""
    try:
        answer = work()
    except PastaError as error:
        failed(str(error))
        return
    done(answer)
