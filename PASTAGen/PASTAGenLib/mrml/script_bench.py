"""A case in the making for scripts: everything is done at once, and what fails raises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTAGenLib.mrml import bench_views
from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.mrml.engines import DirectEngine, Wish
from PASTALib.errors import PastaError

if TYPE_CHECKING:
    from PASTAGenLib.found import Outcome
    from PASTAGenLib.mrml.bench_nodes import BenchNodes

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

    def draw_preset(self, name: str, seed: int = 1) -> dict[str, Any]:
        """Try the lesion of a bundled preset out, such as "Bosniak I cyst"; see `draw`."""
        from PASTAGenLib.presets import read_presets

        presets = {preset.name: preset for preset in read_presets()[0]}
        if name not in presets:
            raise PastaError(f"There is no preset '{name}'; use one of {', '.join(presets)}.")
        return self.draw(presets[name].type, seed, **presets[name].asked)

    def without_lesions(self, on: bool = True) -> None:
        """Show the CT without its lesions, or with them again."""
        bench_views.show_without(self._made(), on)

    def difference(self, shown: bool = True) -> None:
        """Color what the lesions changed, or no longer."""
        nodes = self._made()
        if shown:
            bench_views.show_difference(nodes, self.boxes)
        else:
            bench_views.hide_difference(nodes.volume.GetScene())

    def surfaces(self, shown: bool = True) -> None:
        """Show the lesions in 3D, or no longer."""
        bench_views.show_3d(self._made(), shown)

    def _made(self) -> BenchNodes:
        if self.nodes is None:
            raise PastaError("The case has no lesion yet; keep one first.")
        return self.nodes

    def export(self, folder: str | Path, formats: Sequence[str] = ALL_FORMATS) -> tuple[Path, ...]:
        """Write the case; returns files and folders."""
        name = self._made().volume.GetName()
        lesions = [(kept.patch.plan, kept.wish) for kept in self.lesions if kept.shown]
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
        from PASTAGenLib.positions import position_of
        from PASTAGenLib.production.jobs import make_many, recipe_for
        from PASTALib.mrml.case import ct_of
        from PASTALib.mrml.dicom_facts import patient_position
        from PASTALib.progress import silent

        bench = self._open()
        position = position_of(patient_position(bench.volume))
        recipe = recipe_for(recipe_entry(lesion_type, asked, count), layout, seed, position)
        image = ct_of(bench.volume, exact=True).image
        return make_many(image, bench.labels, recipe, Path(folder), silent)

    def test_model(self, model: str = "pasta-s", device: str = "auto") -> tuple[Outcome, ...]:
        """Run PASTA on the case; adds its findings to the scene, and says what it found."""
        from PASTAGenLib.mrml.model_outcomes import outcomes_of
        from PASTALib.mrml.analyze import analyze_volume

        self.discard()
        return outcomes_of(self, analyze_volume(self._made().volume, model=model, device=device))


def open_bench(volume: Any, organs: Any) -> ScriptBench:
    """A case in the making of a CT and the segmentation of its organs."""
    bench = ScriptBench()
    bench.take(volume, organs)
    return bench


def _raise(sentence: str) -> None:
    raise PastaError(sentence)
