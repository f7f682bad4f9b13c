"""How long a gesture takes until the slice shows it: ``python Testing/benchmarks/gestures.py``.

Clicks with the mouse in the axial view of the test host, on tumors of several sizes in a CT of
512 x 512 x 300 voxels, with a real worker, warm. Then a worker alone outlines many times, to see
whether its memory grows. Writes ``gestures.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / name) for name in ("PASTA", "PASTAGen", "Testing")]

RADII_MM = (5, 10, 20, 30, 40)
CENTER = (-62.0, -12.0, 172.0)
"""Of the tumor, LPS mm: in the painted liver."""
FINER, MATRIX = 4, 512
PATIENCE_S = 600.0
MEMORY_AT = (10, 50, 100, 250, 500)


@dataclass
class Row:
    """Seconds of the gestures on a tumor of one radius.

    Attributes:
        radius_mm: of the tumor.
        outline: from the mouse button to the outline in the scene.
        drawn: the same until the axial slice is drawn again.
        worker: processor time of the worker, with the measures that follow.
    """

    radius_mm: int
    outline: list[float]
    drawn: list[float]
    worker: list[float]


def add_case(scene: Any, radius_mm: float) -> Any:
    """A CT of 1 mm voxels with a tumor in the liver that nobody has outlined, and its report."""
    import SimpleITK as sitk

    from PASTALib.ct import Segmentation
    from PASTALib.drafting import draft_report
    from PASTALib.mrml.case import add_findings
    from PASTALib.mrml.volumes import add_volume
    from PASTALib.segments import list_segments
    from report_case import MODEL, a_case

    ct, segmentation = a_case(lesions={"liver_tumor": (CENTER, radius_mm, 25, 0.9)})

    def finer(coarse: sitk.Image, outside: int) -> np.ndarray:
        array = sitk.GetArrayFromImage(coarse).repeat(FINER, 0).repeat(FINER, 1).repeat(FINER, 2)
        pad = [(0, 0), *[(0, MATRIX - n) for n in array.shape[1:]]]
        return np.pad(array, pad, constant_values=outside)

    def placed(array: np.ndarray) -> sitk.Image:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing([s / FINER for s in ct.image.GetSpacing()])
        image.SetOrigin(ct.image.GetOrigin())
        return image

    hu = finer(ct.image, -1000)
    noise = np.random.default_rng(1).normal(0, 8, hu.shape).astype(np.int16)
    hu[hu > -1000] += noise[hu > -1000]
    none = placed(np.zeros(hu.shape, np.uint8))
    organs = Segmentation(placed(finer(segmentation.organs, 0)), none, none)
    report = draft_report(ct, segmentation, [], MODEL)
    volume = add_volume(scene, placed(hu), "CT")
    return add_findings(volume, list_segments(organs, none, []), report)


def measure(host: Any, panel: Any, radius_mm: int, clicks: int) -> Row:
    """Begin a finding in the tumor, and correct it near its surface."""
    import psutil
    import slicer

    from PASTALib.mrml.views import jump_to

    nodes = add_case(host.scene, radius_mm)
    desk, center = panel.desk, np.array(CENTER) * [-1, -1, 1]
    desk.take(nodes)
    slicer.util.setSliceViewerLayers(background=nodes.volume)
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    view.forceRender()
    slicer.util.resetSliceViews()
    jump_to(host.scene, center)
    panel.gestures.begin()
    rng, row = np.random.default_rng(0), Row(radius_mm, [], [], [])

    def used() -> float:
        times = psutil.Process(panel.worker.process_id).cpu_times()
        return float(times.user + times.system)

    def click(point: np.ndarray, inside: bool) -> None:
        if panel.gestures.inside != inside:
            panel.gestures.flip()
        x, y, _ = view.convertRASToXYZ(tuple(point))
        before, start = used(), time.perf_counter()
        host.click(view, round(x), round(view.height - 1 - y))
        host.process_events(lambda: not desk.outlining, PATIENCE_S)
        row.outline.append(time.perf_counter() - start)
        view.forceRender()
        row.drawn.append(time.perf_counter() - start)
        host.process_events(lambda: not desk.pending, PATIENCE_S)
        row.worker.append(used() - before)

    host.process_events(lambda: panel.case._case is nodes, PATIENCE_S)  # it is handed over
    click(center, True)
    for values in (row.outline, row.drawn, row.worker):
        values.clear()  # it was not warm
    for number in range(clicks):
        angle, inside = rng.uniform(0, 2 * np.pi), number % 2 == 0
        away = radius_mm * (0.85 if inside else 1.2)
        click(center + away * np.array([np.cos(angle), np.sin(angle), 0]), inside)
    panel.gestures.stop()
    print(row, flush=True)
    return row


def memory(counts: tuple[int, ...]) -> list[tuple[int, float]]:
    """Resident memory of a worker in MB after so many gestures, each on the result of the last."""
    import psutil

    from organs_sent import put_organs
    from PASTALib.drafting import draft_report
    from PASTALib.geometry import Geometry
    from PASTALib.gestures.marks import Gesture
    from PASTALib.gestures.wish import Wish
    from PASTALib.worker.client import Worker
    from PASTALib.worker.messages import put_image
    from PASTALib.worker.wishes import put_wish, take_answer
    from report_case import MODEL, a_case

    ct, segmentation = a_case()
    geometry, found = Geometry.of(ct.image), []
    report = draft_report(ct, segmentation, [], MODEL).model_dump(mode="json")
    with Worker() as worker:
        image = put_image(ct.image, worker.folder)
        worker.run("open", {"key": "k", "name": "CT", "image": image})
        organs = put_organs(segmentation.organs, worker.folder)
        worker.run("resume", {"key": "k", "report": report, "organs": organs})
        before, rng = None, np.random.default_rng(0)
        for number in range(1, max(counts) + 1):
            move = rng.normal(size=3)
            place = np.array([-70.0, -20.0, 180.0]) + 15 * move / np.linalg.norm(move)
            gestures = (Gesture("point", ((-70.0, -20.0, 180.0),)),)
            gestures += (Gesture("point", (tuple(place),), inside=number % 2 == 0),)
            wish = put_wish(Wish(gestures, before), worker.folder)
            answer = worker.run("outline", {"key": "k", "wish": wish})
            before = take_answer(answer, worker.folder, geometry).region
            if number in counts:
                found.append((number, psutil.Process(worker.process.pid).memory_info().rss / 1e6))
                print(found[-1], flush=True)
    return found


def as_markdown(rows: list[Row], grown: list[tuple[int, float]]) -> str:
    """The report."""

    def two(values: list[float]) -> str:
        return f"{np.median(values):.2f} / {np.percentile(values, 95):.2f}"

    lines = [
        "# From a gesture to the slice",
        "",
        f"Clicks on tumors in a painted CT of {MATRIX} x {MATRIX} x 300 voxels, "
        f"{len(rows[0].drawn)} a radius, {platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}. *Outline* is the time from the mouse button to the outline in "
        "the scene, *slice* until the axial slice is drawn again, without a graphics card. "
        "*Worker* is its processor time with the measures that follow. Median / 95th percentile, "
        "seconds; the aim is 0.3 / 0.6. Made by `python Testing/benchmarks/gestures.py`.",
        "",
        "| Radius (mm) | outline | slice | worker, processor |",
        "|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.radius_mm} | {two(row.outline)} | {two(row.drawn)} | {two(row.worker)} |"
        for row in rows
    ]
    told = ", ".join(f"{megabytes:.0f} MB after {count}" for count, megabytes in grown)
    lines += ["", f"Resident memory of the worker over gestures in a row: {told}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=HERE / "gestures.md")
    parser.add_argument("-n", "--clicks", type=int, default=12)
    options = parser.parse_args()
    import host as test_host
    from PASTALib.files import write_text

    host = test_host.start()
    host.window.resize(1400, 1000)
    host.window.show()
    rows = []
    for radius in RADII_MM:
        host.clear()
        panel = host.load_module("PASTA").panel
        panel.parameters.device = "cpu"
        rows.append(measure(host, panel, radius, options.clicks))
        panel.worker.close()
    test_host.stop()
    write_text(options.output, as_markdown(rows, memory(MEMORY_AT)))


if __name__ == "__main__":
    main()
