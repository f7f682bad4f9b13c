"""How long each action of the panel holds Slicer's window: ``python Testing/benchmarks/gui.py``.

Runs the panel in the test host on a painted CT of 328 x 240 x 300 voxels with a real worker, and
writes ``gui.md``. Two times are told: of the longest single stretch in which the window could not
be drawn, as processor time of the window's thread (which other programs on the machine do not
change) and as wall time; and how long the user waits until the result is there.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / name) for name in ("PASTA", "PASTAGen", "Testing")]

FINER = 4
"""Voxels of the painted case are divided by this along each axis."""
LIMIT_S = 0.2
PATIENCE_S = 600.0


@dataclass
class Row:
    """One action: longest stretch (processor, wall), time to the result, worker's processor time.

    All in seconds.
    """

    action: str
    processor: float
    wall: float
    done: float
    worker: float


class Stretch:
    """Measures the longest stretch between two chances to draw the window."""

    def __init__(self, host: Any) -> None:
        from PySide6.QtCore import QEventLoop
        from PySide6.QtWidgets import QApplication

        self._step = lambda: QApplication.instance().processEvents(QEventLoop.AllEvents, 0)
        self._host = host
        self.worker = 0
        self.rows: list[Row] = []

    def measure(self, action: str, do: Callable[[], Any], until: Callable[[], bool]) -> None:
        """Do something and wait for its end, as the event loop does."""
        self._host.process_events()
        start, used = time.perf_counter(), self._used()
        longest = [0.0, 0.0]
        self._timed(do, longest)
        while not until():
            self._timed(self._step, longest)
            if time.perf_counter() - start > PATIENCE_S:
                raise TimeoutError(action)
            time.sleep(0.001)
        self._timed(self._step, longest)
        done = time.perf_counter() - start
        self.rows.append(Row(action, *longest, done, self._used() - used))
        print(self.rows[-1], flush=True)

    def _used(self) -> float:
        """Processor seconds of the worker so far."""
        import psutil

        if not self.worker:
            return 0.0
        times = psutil.Process(self.worker).cpu_times()
        return float(times.user + times.system)

    def _timed(self, step: Callable[[], Any], longest: list[float]) -> None:
        before = time.thread_time(), time.perf_counter()
        step()
        after = time.thread_time(), time.perf_counter()
        for index in range(2):
            longest[index] = max(longest[index], after[index] - before[index])


def large_case() -> tuple[Any, Any]:
    """The painted case with voxels of 1 mm: CT and segmentation."""
    import SimpleITK as sitk

    from PASTALib.ct import Segmentation
    from report_case import a_case

    ct, segmentation = a_case()

    def finer(image: sitk.Image) -> sitk.Image:
        array = sitk.GetArrayFromImage(image).repeat(FINER, 0).repeat(FINER, 1).repeat(FINER, 2)
        if image.GetPixelID() == sitk.sitkInt16:
            noise = np.random.default_rng(1).normal(0, 8, array.shape).astype(np.int16)
            array = np.where(array > -1000, array + noise, array).astype(np.int16)
        result = sitk.GetImageFromArray(array)
        result.SetSpacing([s / FINER for s in image.GetSpacing()])
        result.SetOrigin(image.GetOrigin())
        return result

    from dataclasses import replace

    images = (
        finer(i) for i in (segmentation.organs, segmentation.lesions, segmentation.probability)
    )
    return replace(ct, image=finer(ct.image)), Segmentation(*images)


def ball(panel: Any, finding_id: str, radius: float) -> Any:
    """Voxels of a ball around a finding."""
    from PASTALib.mrml.volumes import grid_of
    from PASTALib.region import Region

    grid = grid_of(panel.desk.nodes.volume)
    center = grid.indices_zyx([panel.desk.finding(finding_id).location.center])[0].astype(int)
    r = int(radius)
    z, y, x = np.ogrid[-r : r + 1, -r : r + 1, -r : r + 1]
    region = Region.of(z * z + y * y + x * x <= r * r, grid, tuple(int(c) - r for c in center))
    assert region is not None
    return region


def inside_tumor(truth: Any) -> tuple[float, float, float]:
    """RAS mm of the middle of the painted liver tumor."""
    import SimpleITK as sitk

    from PASTALib.catalog import catalog
    from PASTALib.geometry import Geometry

    mask = sitk.GetArrayViewFromImage(truth.lesions) == catalog().label("liver_tumor")
    place = Geometry.of(truth.lesions).points_of_zyx(np.argwhere(mask).mean(axis=0))
    return -float(place[0]), -float(place[1]), float(place[2])


def measure_all(host: Any, folder: Path) -> list[Row]:
    """All actions, one after the other."""
    from PASTALib.mrml.labelmaps import put_region
    from PASTALib.mrml.volumes import add_volume

    stretch = Stretch(host)
    now: Callable[[], bool] = lambda: True  # noqa: E731
    stretch.measure("Open the module", lambda: host.load_module("PASTA"), now)
    panel = host.load_module("PASTA").panel
    known = lambda: panel.ui.deviceSelector.itemText(1) != "CPU"  # noqa: E731 - it tells threads
    stretch.measure("Warm up, by itself", lambda: None, known)
    ct, truth = large_case()
    panel.parameters.device = "cpu"
    volume = add_volume(host.scene, ct.image, "CT")
    ui, desk = panel.ui, panel.desk
    idle = lambda: ui.runButton.text != "Cancel"  # noqa: E731
    panel.input.choose(volume)
    stretch.measure("Run to findings", ui.runButton.click, idle)
    stretch.worker = panel.worker.process_id
    stretch.measure("Run again (warm)", ui.runButton.click, idle)
    ui.runButton.click()
    host.process_events(lambda: ui.progressBar.value > 5, PATIENCE_S)
    stretch.measure("Cancel", ui.runButton.click, idle)

    def measured() -> bool:
        return not (desk.outlining or desk.pending or panel.correction._still.isActive())

    if not desk.report.findings:  # the painted tumor need not convince the model
        point = inside_tumor(truth)
        add = lambda: desk.new_finding("liver_tumor", point)  # noqa: E731
        stretch.measure("Add by a click", add, measured)
    first = max(desk.report.findings, key=lambda f: f.size.volume_ml).id

    stretch.measure("Choose a finding", lambda: panel.findings.table.choose([first]), now)
    stretch.measure("Accept", ui.acceptButton.click, now)
    stretch.measure("Undo", ui.undoButton.click, now)
    stretch.measure("Begin to edit", panel.findings.toggle_edit, now)
    for radius in (10, 20, 30):
        region = ball(panel, first, radius)

        def stroke(region: Any = region) -> None:
            put_region(desk.nodes.lesions, first, region)
            panel.correction._note(first)

        stretch.measure(f"A stroke, lesion of {2 * radius} mm", stroke, measured)
    stretch.measure("Undo the stroke", ui.undoButton.click, now)
    stretch.measure("Split", lambda: desk.split(first), measured)
    others = [f.id for f in desk.report.findings][:2]
    stretch.measure("Merge", lambda: desk.merge(others), measured)
    stretch.measure("Show organs", ui.organsButton.click, now)
    shown: list[Path] = []
    panel.report._open_page = shown.append
    stretch.measure("Preview", ui.previewButton.click, lambda: bool(shown))
    ui.exportFolder.directory = str(folder)
    wrote = lambda: ui.exportStatus.text.startswith("Wrote")  # noqa: E731
    stretch.measure("Export all files", ui.exportButton.click, wrote)
    stretch.measure("Save the scene's report", lambda: desk.nodes.write_report(desk.report), now)
    stretch.worker = 0
    stretch.measure("Close the scene", lambda: host.scene.Clear(0), now)
    panel.worker.close()
    return stretch.rows


def as_markdown(rows: list[Row]) -> str:
    """The table, with the machine that it was measured on."""
    lines = [
        "# How long each action holds the window",
        "",
        f"Painted CT of 328 x 240 x 300 voxels, test host, {platform.machine()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}. *Held* is the longest single "
        f"stretch without a chance to draw (aim: below {LIMIT_S} s); *result* is how long the user "
        "waits for it, 0.1 s of which a stroke has to be still; *worker* is its processor time, "
        "which is what a result takes on an idle machine. Made by "
        "`python Testing/benchmarks/gui.py`.",
        "",
        "| Action | held, processor (s) | held, wall (s) | result (s) | worker, processor (s) |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r.action} | {r.processor:.3f} | {r.wall:.3f} | {r.done:.2f} | {r.worker:.2f} |"
        for r in rows
    ]
    over = [row.action for row in rows if row.processor > LIMIT_S]
    lines += ["", f"Over the aim in processor time: {', '.join(over) if over else 'none'}."]
    return "\n".join(lines) + "\n"


def part_of_previews(path: Path) -> str:
    """What ``preview.py`` wrote into the same file, which stays."""
    from preview import HEADING

    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return f"\n{HEADING}{text.split(HEADING)[1]}" if HEADING in text else ""


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=HERE / "gui.md")
    options = parser.parse_args()
    import tempfile

    import host as test_host
    from PASTALib.files import write_text

    host = test_host.start()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_all(host, Path(folder))
    test_host.stop()
    write_text(options.output, as_markdown(rows) + part_of_previews(options.output))


if __name__ == "__main__":
    main()
