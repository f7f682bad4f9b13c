"""The reading desk for scripts: measures at once in this process, and exports, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.mrml.case import latest_case
from PASTALib.mrml.desk import Desk
from PASTALib.mrml.labelmaps import regions_of
from PASTALib.mrml.measuring import DirectMeasurer
from PASTALib.mrml.segmentations import segment_keys
from PASTALib.mrml.volumes import grid_of

if TYPE_CHECKING:
    from PASTALib.study import Study

ALL_FORMATS = ("json", "html", "pdf", "csv", "nifti", "seg.nrrd")


class ScriptDesk(Desk):
    """A desk that does everything at once. See `Desk` for what can be done with findings."""

    def __init__(self, who: str = "") -> None:
        self._measurer: DirectMeasurer
        super().__init__(DirectMeasurer(), who)

    def export(self, folder: str | Path, formats: Sequence[str] = ALL_FORMATS) -> tuple[Path, ...]:
        """Write report and segmentation into a folder; returns the files.

        Raises:
            PastaError: an unknown format, or the folder cannot be written to.
        """
        from PASTALib.export import export_study

        _, report = self._open()
        return export_study(self._study(), report, Path(folder), formats)

    def export_corrections(self, folder: str | Path) -> Path:
        """Write the case for training, see `PASTALib.corrections`; returns its folder."""
        import numpy as np
        import SimpleITK as sitk

        from PASTALib.corrections import write_corrections
        from PASTALib.study import number_of

        nodes, report = self._open()
        study = self._study()
        array = np.zeros(study.ct.image.GetSize()[::-1], np.uint16)
        for lesion, region in regions_of(nodes.original, grid_of(nodes.volume)).items():
            array[region.slices][region.mask] = number_of(lesion)
        original = sitk.GetImageFromArray(array)
        original.CopyInformation(study.ct.image)
        types = segment_keys(nodes.original)
        return write_corrections(study, report, original, types, self.seconds, Path(folder))

    def _study(self) -> Study:
        """The study with the outlines as they are drawn now."""
        nodes, report = self._open()
        self._measurer.measure(nodes, report, self.outlines(), lambda _: None, lambda _: None)
        return self._measurer.study(nodes, report)


def open_desk(scene: Any, volume: Any = None, who: str = "") -> ScriptDesk:
    """A desk with the latest case of a scene, or of one volume in it.

    Raises:
        PastaError: there is none.
    """
    desk = ScriptDesk(who)
    desk.take(latest_case(scene, volume))
    return desk
