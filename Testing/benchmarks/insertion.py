"""Lesions per second by size: how fast the engine puts lesions into a CT at 1 mm, and its memory.

    python Testing/benchmarks/insertion.py [--ct CT --organs LABELS --table totalsegmentator_v2]

Each lesion is planned and painted (`insert_in`) in a scan whose scene is kept, as a mass
production does it, with one thread and with two; the first lesion of a scene, which finds the
organs, is given by itself. Without arguments: the torso by rule at 1 mm, and the abdomen of the
shared test data resampled to 1 mm where that is there.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from PASTAGenLib.apply import insert_in
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.torso import TorsoSpec, build_torso
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "totalsegmentator"
RADII_MM = (4, 8, 16, 32)
TYPE = "liver_tumor"
ROUNDS = 4


def at_1mm(image: sitk.Image, interpolator: int) -> sitk.Image:
    """An image at 1 mm voxels."""
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
    """Name, CT and organs of what is measured on."""
    torso = build_torso(TorsoSpec(seed=1, spacing=(1.0, 1.0, 1.0)))
    found = [("torso", torso.image, torso.organs)]
    ct, organs = options.ct, options.organs
    if ct is None and (SHARED / "example_ct.nii.gz").exists():
        ct, organs = SHARED / "example_ct.nii.gz", SHARED / "example_seg_total117.nii.gz"
    if ct is not None:
        hu = at_1mm(sitk.ReadImage(str(ct), sitk.sitkInt16), sitk.sitkLinear)
        labels = with_table(sitk.ReadImage(str(organs)), options.table)
        found.append((ct.name, hu, at_1mm(labels, sitk.sitkNearestNeighbor)))
    return found


def peak_mb() -> float:
    """Largest memory that this process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, ct: sitk.Image, organs: sitk.Image) -> None:
    """Print the table of one scan."""
    scene = Scene.of(ct, organs)
    before = peak_mb()
    start = time.perf_counter()
    insert_in(scene, LesionSpec(TYPE, long_axis_mm=16), np.random.default_rng(0))
    print(f"\n{name}, {' x '.join(map(str, ct.GetSize()))} voxels of 1 mm, {TYPE}")
    print(f"first lesion, with finding the organs: {time.perf_counter() - start:.2f} s")
    print("radius mm  threads  wall s/lesion  CPU s/lesion  lesions/s")
    for radius in RADII_MM:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            wall, cpu, made = time.perf_counter(), time.process_time(), 0
            for seed in range(ROUNDS):
                try:
                    spec = LesionSpec(TYPE, long_axis_mm=2.0 * radius, protrudes=False)
                    insert_in(scene, spec, np.random.default_rng(seed))
                    made += 1
                except PastaError as error:
                    print(f"{radius:9}  {error}")
            if made:
                wall = (time.perf_counter() - wall) / made
                cpu = (time.process_time() - cpu) / made
                print(f"{radius:9}  {threads:7}  {wall:13.3f}  {cpu:12.3f}  {1 / wall:9.1f}")
    print(f"peak memory beyond the scan and its organs: {peak_mb() - before:.0f} MB")


def main() -> None:
    """Measure on every scan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ct", type=Path)
    parser.add_argument("--organs", type=Path)
    parser.add_argument("--table", default="totalsegmentator_v2")
    for name, ct, organs in scans(parser.parse_args()):
        measure(name, ct, organs)


if __name__ == "__main__":
    main()
