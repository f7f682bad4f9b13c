"""How long the live preview of PASTAGen takes, by radius: ``python Testing/benchmarks/preview.py``.

Runs the panel in the test host on the sample torso with a real worker, and writes the second part
of ``gui.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / name) for name in ("PASTA", "PASTAGen", "Testing")]

HEADING = "## Latency of the preview"
RADII_MM = (5, 10, 15, 20, 25, 30)
PATIENCE_S = 300.0
SPACING_MM = (1.5, 1.5, 2.5)


@dataclass
class Row:
    """Seconds of the previews of one radius."""

    radius_mm: int
    sketch: list[float]
    finished: list[float]
    worker: list[float]


def measure(host: Any, panel: Any, repeats: int) -> list[Row]:
    """Turn the knob of the size, wait for sketch and picture, and do it again with another seed."""
    import psutil

    from PASTAGenLib.mrml.engines import Wish

    def used() -> float:
        times = psutil.Process(panel.worker.process_id).cpu_times()
        return float(times.user + times.system)

    def ask(radius: int, seed: int) -> tuple[float, float, float]:
        wish = Wish("liver_tumor", {"long_axis_mm": 2.0 * radius}, seed)
        shown: list[float] = []
        before, start = used(), time.perf_counter()
        old = panel.desk.preview and panel.desk.preview.patch

        def note() -> None:
            preview = panel.desk.preview
            if not shown and preview is not None and preview.patch is not old:
                shown.append(time.perf_counter() - start)

        panel.desk.changed.connect(note)
        panel.desk.ask(wish)
        host.process_events(lambda: not panel.desk.busy, PATIENCE_S)
        panel.desk.changed.disconnect(note)
        return shown[0] if shown else np.nan, time.perf_counter() - start, used() - before

    panel.open()
    ask(10, 0)  # the scan is handed over, and PyTorch is warm
    rows = []
    for radius in RADII_MM:
        found = [ask(radius, seed) for seed in range(1, repeats + 1)]
        sketch, finished, worker = (list(column) for column in zip(*found, strict=True))
        rows.append(Row(radius, sketch, finished, worker))
        print(rows[-1], flush=True)
    return rows


def as_markdown(rows: list[Row], size: tuple[int, ...], repeats: int) -> str:
    """The part of the report."""
    load = os.getloadavg()[0]
    lines = [
        HEADING,
        "",
        f"Liver tumors in a synthetic torso of {size[0]} x {size[1]} x {size[2]} voxels, {repeats} "
        f"seeds a radius, {os.cpu_count()} cores, load {load:.1f}. *Sketch* is the time until the "
        "lesion is first seen in the slices, *finished* until it is painted, measured and can be "
        "kept, also where the first was measured otherwise than it was meant and was drawn anew. "
        "*Worker* is its processor time. Median / 95th percentile, seconds. Made by "
        "`python Testing/benchmarks/preview.py`.",
        "",
        "| Radius (mm) | sketch | finished | worker, processor |",
        "|---:|---:|---:|---:|",
    ]

    def two(values: list[float]) -> str:
        return f"{np.nanmedian(values):.2f} / {np.nanpercentile(values, 95):.2f}"

    lines += [
        f"| {row.radius_mm} | {two(row.sketch)} | {two(row.finished)} | {two(row.worker)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the part of the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=HERE / "gui.md")
    parser.add_argument("-n", "--repeats", type=int, default=7)
    options = parser.parse_args()
    import SimpleITK as sitk

    import host as test_host
    from PASTAGenLib.torso import TorsoSpec, build_torso
    from PASTALib.ct import Segmentation
    from PASTALib.files import write_text
    from PASTALib.mrml.segmentations import add_segmentation
    from PASTALib.mrml.volumes import add_volume

    host = test_host.start()
    torso = build_torso(TorsoSpec(seed=1, spacing=SPACING_MM))
    none = sitk.Image(torso.organs.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(torso.organs)
    volume = add_volume(host.scene, torso.image, "Torso")
    organs = add_segmentation(host.scene, Segmentation(torso.organs, none, none), "Organs")
    panel = host.load_module("PASTAGen").panel
    panel.input.choose(volume, organs)
    rows = measure(host, panel, options.repeats)
    panel.worker.close()
    test_host.stop()
    text = options.output.read_text(encoding="utf-8").split(HEADING)[0].rstrip()
    part = as_markdown(rows, torso.image.GetSize(), options.repeats)
    write_text(options.output, f"{text}\n\n{part}")


if __name__ == "__main__":
    main()
