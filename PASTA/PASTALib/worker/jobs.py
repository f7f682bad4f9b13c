"""The jobs of the module PASTA: open a scan, analyze it, measure edits, draw and export the report.

Images and masks come and go as in `PASTALib.worker.messages`, reports as their JSON. One scan is
open at a time; a job names it by its key, so that a late request never meets another scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.grid import ModelGrid
from PASTALib.progress import part_of
from PASTALib.report import Report
from PASTALib.segments import SegmentList, list_segments
from PASTALib.study import Outline, Study, described_as
from PASTALib.worker.messages import geometry_of, image_reference, put_array, take_array
from PASTALib.worker.server import Context, Job
from PASTALib.worker.warped import take_parts, take_warp

if TYPE_CHECKING:
    from PASTALib.model import Model

Arguments = dict[str, Any]
Result = dict[str, Any]

OVERLAPS = {"fast": 0.25, "accurate": 0.5}
"""Least part of a tile that it shares with the next; see the benchmark of inference."""


class AnalysisJobs:
    """The open scan, and the model, that stay between jobs."""

    def __init__(self) -> None:
        self._key = ""
        self._ct: CT | None = None
        self._study: Study | None = None
        self._model: tuple[tuple[str, str], Model] | None = None
        self._grid: tuple[Any, ModelGrid] | None = None

    def devices(self, _arguments: Arguments, _context: Context) -> Result:
        """Where a network can run: ``{"devices": [{"key", "name", "free_bytes"}]}``."""
        from PASTALib.devices import list_devices

        return {"devices": [asdict(device) for device in list_devices()]}

    def open(self, arguments: Arguments, context: Context) -> Result:
        """Check a CT and keep it: ``key, name, image, synthetic`` to ``notes``."""
        from PASTALib.checks import checked_ct

        image = context.take(arguments["image"])
        name = arguments["name"]
        self._ct, self._study, self._grid = None, None, None
        checked, notes = checked_ct(image, f"The volume '{name}'")
        self._ct = CT(
            checked,
            name,
            source="volume of the scene",
            notes=notes,
            synthetic=bool(arguments.get("synthetic")),
        )
        self._key = arguments["key"]
        return {"notes": list(notes)}

    def analyze(self, arguments: Arguments, context: Context) -> Result:
        """Find lesions: ``key, model, device, mode, organs`` to ``report, layers, segments``."""
        from PASTALib.analysis import analyze

        ct = self._opened(arguments)
        organs = _organs(arguments.get("organs"), ct, context)
        context.progress(0.0, "Loading the model")
        model = self._loaded(arguments["model"], arguments["device"])
        context.cancel.check()
        analysis = analyze(
            ct,
            model,
            organs=organs,
            grid=self._on_grid(ct, model, context),
            overlap=OVERLAPS[arguments.get("mode", "fast")],
            progress=part_of(context.progress, 0.05, 0.97),
            cancel=context.cancel,
        )
        listed = list_segments(analysis.segmentation, analysis.instances, analysis.lesions)
        result = {
            "report": analysis.report.model_dump(mode="json"),
            **segments_out(listed, context),
            "seconds": analysis.seconds,
        }
        context.cancel.check()
        self._study = Study(analysis.ct, analysis.segmentation.organs, analysis.lesions)
        return result

    def resume(self, arguments: Arguments, context: Context) -> Result:
        """Take up a case of a saved scene again: ``key, organs, phase``; `measure` follows."""
        ct = self._opened(arguments)
        organs = _organs(arguments["organs"], ct, context)
        assert organs is not None
        self._study = Study(described_as(ct, Report.model_validate(arguments["report"])), organs)
        return {}

    def measure(self, arguments: Arguments, context: Context) -> Result:
        """Measure what changed: ``key, report, outlines`` to ``findings, targets``.

        An outline is a `PASTALib.study.Outline` with the name of a file in place of its mask.
        """
        study = self._studied(arguments)
        outlines = [_outline(item, context) for item in arguments["outlines"]]
        measured = study.measure(Report.model_validate(arguments["report"]), outlines)
        return {
            "findings": [finding.model_dump(mode="json") for finding in measured.findings],
            "targets": measured.targets and measured.targets.model_dump(mode="json"),
        }

    def prepare(self, _arguments: Arguments, _context: Context) -> Result:
        """Load what `outline` needs, before somebody waits for it."""
        from PASTALib.gestures.answering import bundled_drawing

        bundled_drawing()
        return {}

    def outline(self, arguments: Arguments, context: Context) -> Result:
        """The outline that agrees with gestures: ``key, wish`` to ``region, type``.

        See `PASTALib.worker.wishes` for both.
        """
        from PASTALib.gestures.answering import answered
        from PASTALib.worker.wishes import put_answer, take_wish

        study = self._studied(arguments)
        geometry = Geometry.of(study.ct.image)
        wish = take_wish(arguments["wish"], context.folder, geometry)
        hu, organs = map(sitk.GetArrayViewFromImage, (study.ct.image, study.organs))
        answer = answered(wish, hu, geometry, organs, study.ct.phase.value)
        context.cancel.check()
        return put_answer(answer, context.folder)

    def page(self, arguments: Arguments, context: Context) -> Result:
        """The report as a page: ``key, report, path``; the file is written there."""
        from PASTALib.export import write_page

        report = Report.model_validate(arguments["report"])
        write_page(self._studied(arguments), report, Path(arguments["path"]))
        return {"path": arguments["path"]}

    def export(self, arguments: Arguments, context: Context) -> Result:
        """Write files: ``key, report, folder, formats`` to ``files``."""
        from PASTALib.export import export_study

        files = export_study(
            self._studied(arguments),
            Report.model_validate(arguments["report"]),
            Path(arguments["folder"]),
            arguments["formats"],
            progress=context.progress,
            cancel=context.cancel,
        )
        return {"files": [str(file) for file in files]}

    def corrections(self, arguments: Arguments, context: Context) -> Result:
        """Write a case for training: ``key, report, folder, original, seconds`` to ``folder``.

        ``original`` are the model's outlines, each with its type.
        """
        from PASTALib.corrections import write_corrections

        study = self._studied(arguments)
        original = [_outline(item, context) for item in arguments["original"]]
        folder = write_corrections(
            study,
            Report.model_validate(arguments["report"]),
            _pasted(original, study),
            {outline.id: outline.type for outline in original},
            arguments["seconds"],
            Path(arguments["folder"]),
        )
        return {"folder": str(folder)}

    def harden(self, arguments: Arguments, context: Context) -> Result:
        """Work a transform into an image: ``image, warp, grid, size`` to ``image``."""
        from PASTALib.bending import straightened

        image = context.take(arguments["image"])
        assert image is not None
        warp = take_warp(arguments["warp"], context.folder)
        hardened = straightened(
            image, warp, _grid(arguments), progress=context.progress, cancel=context.cancel
        )
        return {"image": context.put(hardened)}

    def fit_organs(self, arguments: Arguments, context: Context) -> Result:
        """Bring label maps onto the grid of a CT: ``organs, grid, size`` to ``organs``."""
        given = take_parts(arguments["organs"], context.folder)
        fitted = given.on(_grid(arguments), progress=context.progress, cancel=context.cancel)
        return {"organs": context.put(fitted)}

    def add_model(self, arguments: Arguments, _context: Context) -> Result:
        """Copy a model into the library, checked: ``source, library`` to ``place, name``."""
        from PASTALib.model_library import ModelLibrary

        entry = ModelLibrary(Path(arguments["library"])).add(Path(arguments["source"]))
        return {"place": entry.place, "name": entry.name}

    def verify_model(self, arguments: Arguments, _context: Context) -> Result:
        """Compare a model with its checksum: ``place`` to ``sentence``."""
        from PASTALib.model_library import verify

        return {"sentence": verify(arguments["place"])}

    def table(self) -> dict[str, Job]:
        """The jobs by name."""
        return {
            "devices": self.devices,
            "open": self.open,
            "analyze": self.analyze,
            "resume": self.resume,
            "measure": self.measure,
            "prepare": self.prepare,
            "outline": self.outline,
            "page": self.page,
            "export": self.export,
            "corrections": self.corrections,
            "harden": self.harden,
            "fit_organs": self.fit_organs,
            "add_model": self.add_model,
            "verify_model": self.verify_model,
        }

    def _opened(self, arguments: Arguments) -> CT:
        if self._ct is None or arguments["key"] != self._key:
            raise PastaError("The scan is not open in the worker any more; run again.")
        return self._ct

    def _studied(self, arguments: Arguments) -> Study:
        self._opened(arguments)
        if self._study is None:
            raise PastaError("The scan was not analyzed yet; run it first.")
        return self._study

    def _loaded(self, name: str, device: str) -> Model:
        from PASTALib.devices import choose_device
        from PASTALib.model import load_model

        wanted = (name, choose_device(device))
        if self._model is None or self._model[0] != wanted:
            self._model, self._grid = None, None  # before the next one needs the memory
            self._model = (wanted, load_model(*wanted))
        return self._model[1]

    def _on_grid(self, ct: CT, model: Model, context: Context) -> ModelGrid:
        from PASTALib.inference import grid_for

        key = (self._key, model.info.spacing_mm, model.info.patch)
        if self._grid is None or self._grid[0] != key:
            self._grid = None
            progress = part_of(context.progress, 0.02, 0.05)
            self._grid = (key, grid_for(ct, model.info, progress=progress, cancel=context.cancel))
        return self._grid[1]


def jobs() -> dict[str, Job]:
    """The table of this module's jobs."""
    return AnalysisJobs().table()


def segments_out(listed: SegmentList, context: Context) -> Result:
    """Segments and the label images of their layers, each cut to what its segments fill."""
    layers = []
    for number, layer in enumerate(listed.layers):
        extents = [row.extent for row in listed.segments if row.layer == number]
        layers.append(_cut(layer, extents, context.folder) if extents else None)
    return {"layers": layers, "segments": [asdict(row) for row in listed.segments]}


def _grid(arguments: Arguments) -> Geometry:
    """The grid that is wanted."""
    return geometry_of(arguments["grid"], arguments["size"][::-1])


def _organs(item: Arguments | None, ct: CT, context: Context) -> sitk.Image | None:
    """Organs that were given, on the grid of the CT."""
    if item is None:
        return None
    progress = lambda fraction, _: context.progress(  # noqa: E731
        0.0, f"Bringing the organs onto the grid of the CT, {100 * fraction:.0f} %"
    )
    given = take_parts(item, context.folder)
    return given.on(Geometry.of(ct.image), progress=progress, cancel=context.cancel)


def _cut(layer: sitk.Image, extents: Sequence[Sequence[int]], folder: Path) -> dict[str, Any]:
    low = np.min([extent[::2] for extent in extents], axis=0).tolist()
    high = (np.max([extent[1::2] for extent in extents], axis=0) + 1).tolist()
    box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    voxels = sitk.GetArrayViewFromImage(layer)[box]
    geometry = Geometry.of(layer).cropped((tuple(low), tuple(high)))
    if voxels.dtype != np.uint8 and voxels.max() < 256:
        voxels = voxels.astype(np.uint8)
    return image_reference(put_array(voxels, folder), geometry)


def _outline(item: Arguments, context: Context) -> Outline:
    mask = None if item["mask"] is None else take_array(item["mask"], context.folder) != 0
    return Outline(**{**item, "mask": mask, "start": tuple(item["start"])})


def _pasted(outlines: Sequence[Outline], study: Study) -> sitk.Image:
    """Label map of outlines over the whole CT, each with its number."""
    array = np.zeros(study.ct.image.GetSize()[::-1], np.uint16)
    for outline in outlines:
        assert outline.mask is not None
        box = tuple(slice(a, a + n) for a, n in zip(outline.start, outline.mask.shape, strict=True))
        array[box][outline.mask] = outline.number
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(study.ct.image)
    return image
