"""Lesions per second by size: how fast the engine puts lesions into a CT at 1 mm, and its memory.

    python Testing/benchmarks/insertion.py [--ct CT --organs LABELS --table totalsegmentator_v2]

Each lesion is planned and painted (as `insert_in` does) in a scan whose scene is kept, as a mass
production does it, with one thread and with two; the first lesion of a scene, which finds the
organs, is given by itself; *until right* is with the measurement of each lesion, which
is drawn anew until it shows what was meant. The scan is also measured at its own spacing, all
types together. With --device (and --processes) only that is measured: how many lesions a second so
many processes make that share one device, each with lesions of its own.

Memory is read from /proc, so this needs Linux. Without arguments: the torso by rule at 1 mm, and
the abdomen of the shared test data where that is there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from PASTAGenLib.apply import drawn_in, insert_in
from PASTAGenLib.case import Trial
from PASTAGenLib.insertion import painted
from PASTAGenLib.plan import placed_in
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.torso import TorsoSpec, build_torso
from PASTALib.catalog import catalog
from PASTALib.devices import choose_device
from PASTALib.errors import PastaError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "totalsegmentator"
RADII_MM = (4, 8, 16, 32)
TYPE = "liver_tumor"
ROUNDS = 4
SHARED_RADIUS_MM, SHARED_LESIONS = 16, 24


def at_1mm(image: sitk.Image, interpolator: int) -> sitk.Image:
    """An image at 1 mm voxels."""
    if image.GetSpacing() == (1.0, 1.0, 1.0):
        return image
    size = [round(n * s) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    return sitk.Resample(
        image,
        size,
        sitk.Transform(),
        interpolator,
        image.GetOrigin(),
        (1.0, 1.0, 1.0),
        image.GetDirection(),
    )


def with_table(labels: sitk.Image, table: str) -> sitk.Image:
    """A label map in the catalogue's labels."""
    lookup = np.zeros(1 + int(sitk.GetArrayViewFromImage(labels).max()), np.uint8)
    for number, label in catalog().label_table(table).items():
        if number < len(lookup):
            lookup[number] = label
    image = sitk.GetImageFromArray(lookup[sitk.GetArrayFromImage(labels)])
    image.CopyInformation(labels)
    return image


def scans(options: argparse.Namespace) -> list[tuple[str, sitk.Image, sitk.Image]]:
    """Name, CT and organs of what is measured on: the torso at 1 mm, the CT as it is."""
    torso = build_torso(TorsoSpec(seed=1, spacing=(1.0, 1.0, 1.0)))
    found = [("torso", torso.image, torso.organs)]
    ct, organs = options.ct, options.organs
    if ct is None and (SHARED / "example_ct.nii.gz").exists():
        ct, organs = SHARED / "example_ct.nii.gz", SHARED / "example_seg_total117.nii.gz"
    if ct is not None:
        labels = with_table(sitk.ReadImage(str(organs)), options.table)
        found.append((ct.name, sitk.ReadImage(str(ct), sitk.sitkInt16), labels))
    return found


def memory_mb(field: str) -> float:
    """``VmRSS``, what this process holds, or ``VmHWM``, the most since `forget_peak`, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(field))
    return float(line.split()[1]) / 1024


def forget_peak() -> float:
    """What this process holds in MB; the peak is counted from here, not from the torso's making."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return memory_mb("VmRSS")


def measure_types(name: str, ct: sitk.Image, organs: sitk.Image) -> None:
    """Print the mean over all types that a scan can hold, as drawn where only the type is asked."""
    scene = Scene.of(ct, organs)
    torch.set_num_threads(1)
    taken = []
    for type_ in catalog().lesion_types:
        for seed in range(-1, ROUNDS):  # the first one finds the organ
            begun = time.process_time()
            try:
                insert_in(scene, LesionSpec(type_), np.random.default_rng(seed + 10))
            except PastaError:
                continue
            if seed >= 0:
                taken.append(time.process_time() - begun)
    mean, spacing = 1000 * sum(taken) / len(taken), " x ".join(f"{s:g}" for s in ct.GetSpacing())
    print(f"\n{name}, {spacing} mm, {len(taken)} lesions of all types: {mean:.1f} CPU ms each")


def until_right(trial: Trial, radius_mm: float) -> float:
    """CPU seconds a lesion that is measured, and drawn anew until it is what was meant."""
    begun = time.process_time()
    for seed in range(ROUNDS):
        spec = LesionSpec(TYPE, long_axis_mm=2.0 * radius_mm, protrudes=False)
        drawn_in(trial, spec, np.random.default_rng(seed))
    return (time.process_time() - begun) / ROUNDS


def measure(name: str, ct: sitk.Image, organs: sitk.Image, all_threads: list[int]) -> None:
    """Print the table of one scan."""
    scene = Scene.of(ct, organs)
    trial = Trial(scene, organs)
    torch.set_num_threads(1)
    before = forget_peak()
    start = time.process_time()
    insert_in(scene, LesionSpec(TYPE, long_axis_mm=16), np.random.default_rng(0))
    print(f"\n{name}, {' x '.join(map(str, ct.GetSize()))} voxels of 1 mm, {TYPE}")
    print(f"first lesion, with finding the organs: {time.process_time() - start:.2f} CPU s")
    print(f"peak memory beyond the scan and its organs: {memory_mb('VmHWM') - before:.0f} MB")
    print(
        "radius mm  threads  wall s/lesion  CPU s/lesion  of it plan  lesions/s  peak MB"
        "  until right"
    )
    for radius in RADII_MM:
        for threads in all_threads:
            torch.set_num_threads(threads)
            before = forget_peak()
            wall, cpu, planned, made = time.perf_counter(), time.process_time(), 0.0, 0
            for seed in range(ROUNDS):
                spec = LesionSpec(TYPE, long_axis_mm=2.0 * radius, protrudes=False)
                try:
                    begun = time.process_time()
                    placed = placed_in(scene, spec, np.random.default_rng(seed))
                    planned += time.process_time() - begun
                    painted(scene, placed.plan, placed.outline, "cpu")
                    made += 1
                except PastaError as error:
                    print(f"{radius:9}  {error}")
            if made:
                wall = (time.perf_counter() - wall) / made
                cpu = (time.process_time() - cpu) / made
                peak = memory_mb("VmHWM") - before
                print(
                    f"{radius:9}  {threads:7}  {wall:13.3f}  {cpu:12.3f}  {planned / made:10.3f}"
                    f"  {1 / wall:9.1f}  {peak:7.0f}  {until_right(trial, radius):11.3f}"
                )


def make_lesions(ct: Path, organs: Path, device: str, first: int, ready: Barrier) -> None:
    """What one process of `measure_processes` does; the barrier begins and ends the time."""
    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    scene = Scene.of(sitk.ReadImage(str(ct)), sitk.ReadImage(str(organs)))
    spec = LesionSpec(TYPE, long_axis_mm=2.0 * SHARED_RADIUS_MM, protrudes=False)
    insert_in(scene, spec, np.random.default_rng(0), device)
    ready.wait()
    for seed in range(first, first + SHARED_LESIONS):
        insert_in(scene, spec, np.random.default_rng(seed), device)
    ready.wait()


def measure_processes(
    name: str, ct: sitk.Image, organs: sitk.Image, device: str, processes: int
) -> None:
    """Print how many lesions a second some processes make on one device."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / "ct.mha", Path(folder) / "organs.mha")
        for image, path in zip((ct, organs), files, strict=True):
            sitk.WriteImage(image, str(path))
        started = [
            context.Process(
                target=make_lesions, args=(*files, device, number * SHARED_LESIONS, ready)
            )
            for number in range(processes)
        ]
        for process in started:
            process.start()
        ready.wait()
        begun = time.perf_counter()
        ready.wait()
        taken = time.perf_counter() - begun
        for process in started:
            process.join()
    rate = processes * SHARED_LESIONS / taken
    print(
        f"{name} at 1 mm, {TYPE} of {SHARED_RADIUS_MM} mm radius, {processes} processes on "
        f"{device}: {rate:.1f} lesions/s"
    )


def main() -> None:
    """Measure on every scan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ct", type=Path)
    parser.add_argument("--organs", type=Path)
    parser.add_argument("--table", default="totalsegmentator_v2")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    parser.add_argument("--device", help="share this one: cpu, cuda, cuda:N or mps")
    parser.add_argument("--processes", type=int, nargs="+", default=[1], help="default: 1")
    options = parser.parse_args()
    device = None if options.device is None else choose_device(options.device)
    for name, ct, organs in scans(options):
        if device is None:
            measure_types(name, ct, organs)
        hu, labels = at_1mm(ct, sitk.sitkLinear), at_1mm(organs, sitk.sitkNearestNeighbor)
        if device is None:
            measure(name, hu, labels, options.threads)
            continue
        for processes in options.processes:
            measure_processes(name, hu, labels, device, processes)


if __name__ == "__main__":
    main()
