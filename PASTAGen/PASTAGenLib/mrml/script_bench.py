"""A case in the making for scripts: everything is done at once, and what fails raises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.mrml.engines import DirectEngine, Wish
from PASTALib.errors import PastaError

if TYPE_CHECKING:
    from PASTAGenLib.found import Outcome

ALL_FORMATS = ("case", "nifti", "seg.nrrd", "nnunet", "pastagen", "dicom")


class ScriptBench(BenchDesk):
    """See `BenchDesk` for what else can be done. All methods raise `PastaError`."""

    def __init__(self) -> None:
        self.engine: DirectEngine
        super().__init__(DirectEngine())
        self.failed.connect(_raise)

    def draw(self, lesion_type: str, seed: int = 1, **asked: Any) -> dict[str, Any]:
        """Try a lesion out; returns its measured facts.

        Args:
            lesion_type: of the catalogue.
            seed: of what is left to chance.
            asked: fields of `LesionSpec`, such as ``long_axis_mm=20.0``.
        """
        self.ask(Wish(lesion_type, asked, seed))
        assert self.preview is not None
        assert self.preview.patch is not None
        return self.preview.patch.truth

    def export(self, folder: str | Path, formats: Sequence[str] = ALL_FORMATS) -> tuple[Path, ...]:
        """Write the case; returns files and folders."""
        if self.nodes is None:
            raise PastaError("The case has no lesion yet; keep one first.")
        lesions = [(kept.patch.plan, kept.wish) for kept in self.lesions if kept.shown]
        name = self.nodes.volume.GetName()
        return self.engine.export(self._open(), name, lesions, Path(folder), formats)

    def make_many(
        self,
        lesion_type: str,
        count: int,
        folder: str | Path,
        seed: int = 1,
        layout: str = "pastagen",
        **asked: Any,
    ) -> dict[str, Any]:
        """Make many cases in this scan; the same call goes on where it was stopped.

        Returns counts, the ``folder`` of the cases and the ``sheet`` with their pictures.
        """
        from PASTAGenLib.choices import recipe_entry
        from PASTAGenLib.production.jobs import make_many, recipe_for
        from PASTALib.mrml.case import ct_of
        from PASTALib.progress import silent

        bench = self._open()
        recipe = recipe_for(recipe_entry(lesion_type, asked, count), layout, seed)
        image = ct_of(bench.volume).image
        return make_many(image, bench.labels, recipe, Path(folder), silent)

    def test_model(self, model: str = "pasta-s", device: str = "auto") -> tuple[Outcome, ...]:
        """Run PASTA on the case; adds its findings to the scene, and says what it found."""
        from PASTAGenLib.mrml.model_outcomes import outcomes_of
        from PASTALib.mrml.analyze import analyze_volume

        self.discard()
        if self.nodes is None:
            raise PastaError("The case has no lesion yet; keep one first.")
        return outcomes_of(self, analyze_volume(self.nodes.volume, model=model, device=device))


def _raise(sentence: str) -> None:
    raise PastaError(sentence)
