"""How long the live preview of PASTAGen takes, by radius: ``python Testing/benchmarks/preview.py``.

Runs the panel in the test host on the sample torso with a real worker, and writes the second part
of ``gui.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / name) for name in ("PASTA", "PASTAGen", "Testing")]

HEADING = "## Latency of the preview"
RADII_MM = (5, 10, 15, 20, 25, 30)
PATIENCE_S = 300.0
SPACINGS_MM = ((1.5, 1.5, 2.5), (0.8, 0.8, 1.0))
"""Usual slices, and thin ones of a high-resolution scan: ten times the voxels a lesion."""


@dataclass
class Row:
    """Seconds of the previews of one radius, by the clock and of the worker's processor."""

    radius_mm: int
    sketch: list[float]
    finished: list[float]
    sketch_cpu: list[float]
    finished_cpu: list[float]


def measure(host: Any, panel: Any, repeats: int) -> list[Row]:
    """Turn the knob of the size, wait for sketch and picture, and do it again with another seed."""
    import psutil

    from PASTAGenLib.mrml.engines import Wish

    def used() -> float:
        times = psutil.Process(panel.worker.process_id).cpu_times()
        return float(times.user + times.system)

    def ask(radius: int, seed: int) -> tuple[float, float, float, float]:
        wish = Wish("liver_tumor", {"long_axis_mm": 2.0 * radius}, seed)
        shown: list[tuple[float, float]] = []
        before, start = used(), time.perf_counter()
        old = panel.desk.preview and panel.desk.preview.patch

        def note() -> None:
            preview = panel.desk.preview
            if not shown and preview is not None and preview.patch is not old:
                shown.append((time.perf_counter() - start, used() - before))

        panel.desk.changed.connect(note)
        panel.desk.ask(wish)
        host.process_events(lambda: not panel.desk.busy, PATIENCE_S)
        panel.desk.changed.disconnect(note)
        sketch, sketch_cpu = shown[0] if shown else (np.nan, np.nan)
        return sketch, time.perf_counter() - start, sketch_cpu, used() - before

    panel.open()
    ask(10, 0)  # the scan is handed over, and PyTorch is warm
    rows = []
    for radius in RADII_MM:
        found = [ask(radius, seed) for seed in range(1, repeats + 1)]
        rows.append(Row(radius, *(list(column) for column in zip(*found, strict=True))))
        print(rows[-1], flush=True)
    return rows


INTRODUCTION = """\
Liver tumors in a synthetic torso, {repeats} seeds a radius, {cores} cores, load {load:.1f}.
*Sketch* is the time until the lesion is first seen in the slices, *finished* until it is painted,
measured and can be kept, also where the first was measured otherwise than it was meant and was
drawn anew.
*Processor* is the worker's processor time until then, which is what it takes on an idle machine.
Median / 95th percentile, seconds. Made by `python Testing/benchmarks/preview.py`.

The first stage is a sketch in the scan's own voxels, not a lesion at low resolution: a plan is
accepted only when its exact outline fits the organ, so that the outline is there as soon as the
place is known, and filling it costs next to nothing. Painting at half the resolution could begin
only then; it would show the lesion later than the sketch does, with an edge and a noise that are
not those of the finished one. What both would take is under each table.
"""


def stages(torso: Any, repeats: int) -> tuple[float, float, float]:
    """Processor seconds at the largest radius: of a plan with its outline, of outline and painting
    of the same at half the resolution, and of painting in full; medians, one thread.
    """
    import SimpleITK as sitk
    import torch

    from PASTAGenLib.insertion import apply_in, painted
    from PASTAGenLib.plan import placed_in
    from PASTAGenLib.scene import Scene
    from PASTAGenLib.spec import LesionSpec

    torch.set_num_threads(1)
    scene = Scene.of(torso.image, torso.organs)
    half = Scene.of(*(sitk.Shrink(image, (2, 2, 2)) for image in (torso.image, torso.organs)))
    shape = half.geometry.shape_zyx
    found = []
    for seed in range(repeats + 1):
        spec = LesionSpec("liver_tumor", long_axis_mm=2.0 * RADII_MM[-1])
        times = [time.process_time()]
        placed = placed_in(scene, spec, np.random.default_rng(seed))
        times.append(time.process_time())
        low, high = np.transpose(placed.plan.box)
        sides = zip(low // 2, np.minimum(-(-high // 2), shape), strict=True)
        z, y, x = ((int(first), int(last)) for first, last in sides)
        apply_in(half, replace(placed.plan, box=(z, y, x), grid_shape=shape))
        times.append(time.process_time())
        painted(scene, placed.plan, placed.outline, "cpu")
        times.append(time.process_time())
        found.append(np.diff(times))
    plan, halved, full = np.median(found[1:], axis=0)  # the first finds the organ
    return float(plan), float(halved), float(full)


def as_markdown(
    rows: list[Row],
    size: tuple[int, ...],
    spacing: tuple[float, ...],
    times: tuple[float, float, float],
) -> str:
    """The table of one scan; `times` are those of `stages`."""
    lines = [
        f"{' x '.join(map(str, size))} voxels of {' x '.join(map(str, spacing))} mm:",
        "",
        "| Radius (mm) | sketch | finished | sketch, processor | finished, processor |",
        "|---:|---:|---:|---:|---:|",
    ]

    def two(values: list[float]) -> str:
        return f"{np.nanmedian(values):.2f} / {np.nanpercentile(values, 95):.2f}"

    lines += [
        f"| {row.radius_mm} | {two(row.sketch)} | {two(row.finished)} | {two(row.sketch_cpu)} "
        f"| {two(row.finished_cpu)} |"
        for row in rows
    ]
    lines += [
        "",
        f"At {RADII_MM[-1]} mm, processor, one thread: plan with outline {times[0]:.2f} s; "
        f"outlined and painted at half the resolution {times[1]:.2f} s more; painted in full "
        f"{times[2]:.2f} s.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and write the part of the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=HERE / "gui.md")
    parser.add_argument("-n", "--repeats", type=int, default=7)
    options = parser.parse_args()
    import host as test_host
    from PASTAGenLib.mrml.organs import add_organs
    from PASTAGenLib.torso import TorsoSpec, build_torso
    from PASTALib.files import write_text
    from PASTALib.mrml.volumes import add_volume

    host = test_host.start()
    panel = host.load_module("PASTAGen").panel
    parts = []
    for spacing in SPACINGS_MM:
        torso = build_torso(TorsoSpec(seed=1, spacing=spacing))
        volume = add_volume(host.scene, torso.image, "Torso")
        panel.input.choose(volume, add_organs(torso.organs, volume))
        rows = measure(host, panel, options.repeats)
        times = stages(torso, options.repeats)
        parts.append(as_markdown(rows, torso.image.GetSize(), spacing, times))
    panel.worker.close()
    test_host.stop()
    introduction = INTRODUCTION.format(
        repeats=options.repeats, cores=os.cpu_count(), load=os.getloadavg()[0]
    )
    text = options.output.read_text(encoding="utf-8").split(HEADING)[0].rstrip()
    page = [text, HEADING, introduction.rstrip(), *parts]
    write_text(options.output, "\n\n".join(page) + "\n")


if __name__ == "__main__":
    main()
