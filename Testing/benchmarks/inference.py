"""Our inference against nnU-Net's predictor and MONAI's sliding window.

The same network, weights and CT in one run; "first look" is ours without the closer look, which
the others do not have. Every path runs in a process of its own, so that its peak memory is its own;
seconds are from the CT file to the label file, without imports and loading of the weights. See
README.md beside this file.

    python Testing/benchmarks/inference.py --spacing 1.5
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.closer.look import CLOSER_FILE, CLOSER_WEIGHTS
from PASTALib.errors import PastaError
from PASTALib.model import ModelInfo, Normalization, load_model, model_folder, read_info, save_model

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DEFAULT_CTS = ("totalsegmentator/example_ct.nii.gz", "tcia_tcga_thca_A4MA/torso_ct.nii.gz")
REFERENCE = "nnU-Net"
FULL, FIRST_LOOK = "ours", "first look"
PATH_NAMES = (FULL, FIRST_LOOK, REFERENCE, "MONAI")
_SMALLEST_CLASS = 100
"""Classes of fewer voxels in both maps say nothing about agreement."""


@dataclass(frozen=True)
class Measured:
    """One path on one CT."""

    seconds: float
    cpu_seconds: float
    peak_gb: float


@dataclass(frozen=True)
class Agreement:
    """Dice of every class with nnU-Net's labels."""

    by_class: dict[str, float]

    @property
    def mean(self) -> float:
        """Mean over the classes; NaN if there is none."""
        return float(np.mean(list(self.by_class.values()))) if self.by_class else float("nan")

    @property
    def worst(self) -> str:
        """The class that agrees least."""
        if not self.by_class:
            return "-"
        key = min(self.by_class, key=lambda name: self.by_class[name])
        return f"{key} {self.by_class[key]:.3f}"


def peak_memory_gb() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux: unlike getrusage it does not count the parent before exec
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e9
    import psutil

    info = psutil.Process().memory_info()
    return float(getattr(info, "peak_wset", info.rss)) / 1e9


def run_here(name: str, source: Path, target: Path, model_dir: Path, device: str) -> Measured:
    """Run one path in this process."""
    from inference_paths import PATHS

    model = load_model(model_dir, device)
    start, cpu = time.perf_counter(), time.process_time()
    PATHS[name](source, target, model)
    return Measured(time.perf_counter() - start, time.process_time() - cpu, peak_memory_gb())


def run_apart(name: str, source: Path, target: Path, options: argparse.Namespace) -> Measured:
    """Run one path in a process of its own.

    Raises:
        SystemExit: it failed; its messages are on stderr.
    """
    result = target.parent / "measured.json"
    place = [str(source), str(target), str(result)]
    command = [sys.executable, __file__, "--child", name, *place, "--model", options.model]
    environment = dict(os.environ)
    if options.threads:
        for variable in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
            environment[variable] = str(options.threads)
        environment["nnUNet_def_n_proc"] = str(options.threads)
    done = subprocess.run(
        [*command, "--device", options.device],
        stdout=sys.stderr,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The path {name} failed with exit code {done.returncode}.")
    return Measured(**json.loads(result.read_text(encoding="utf-8")))


def compare(seen: np.ndarray, reference: np.ndarray, classes: Sequence[str]) -> Agreement:
    """Dice of each class that either map holds, background left out."""
    count = len(classes)
    both = np.bincount(reference[seen == reference], minlength=count)
    sizes = np.bincount(seen.ravel(), minlength=count) + np.bincount(
        reference.ravel(), minlength=count
    )
    return Agreement(
        {
            classes[number]: float(2 * both[number] / sizes[number])
            for number in range(1, count)
            if sizes[number] >= 2 * _SMALLEST_CLASS
        }
    )


def prepare_model(options: argparse.Namespace, folder: Path) -> str:
    """Write the model that all paths use; returns what to say about it."""
    from PASTALib.network import UNet

    try:
        found = model_folder(options.model) if not options.features else None
    except PastaError:
        found = None
    if found is not None:
        network = load_model(found).network
        info = read_info(found)
        says = f"{info.name} {info.version}"
    else:
        import torch

        from PASTATrain.classes import CLASSES

        torch.manual_seed(0)
        features = tuple(options.features or (16, 32, 64, 128, 160, 160))
        info = ModelInfo(
            "random", "0", CLASSES, 3.0, (64,) * 3, features, Normalization(-1000, 1000, 0, 400)
        )
        network = UNet(features, len(CLASSES)).eval()
        says = "RANDOM WEIGHTS (no trained model): time and memory count, agreement does not"
    info = replace(info, spacing_mm=options.spacing or info.spacing_mm, sha256="")
    save_model(folder, info, network)
    if found is not None and (found / CLOSER_FILE).is_file():
        for name in (CLOSER_FILE, CLOSER_WEIGHTS):
            shutil.copyfile(found / name, folder / name)
        says += " with its closer look"
    millions = sum(value.numel() for value in network.parameters()) / 1e6
    return (
        f"{says}; {millions:.1f} M parameters, {len(info.classes)} classes, "
        f"{info.spacing_mm:g} mm, tiles of {'x'.join(map(str, info.patch))}"
    )


def benchmark(ct: Path, options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Run all paths on one CT and print their table."""
    # nnU-Net does not turn a CT, so all get it with the axes that the network knows.
    source = folder / "ct.nii.gz"
    image = sitk.DICOMOrient(sitk.ReadImage(str(ct)), "LPS")
    sitk.WriteImage(image, str(source))
    size = "x".join(map(str, image.GetSize()))
    step = "x".join(f"{value:.2f}" for value in image.GetSpacing())
    print(f"\n{ct.name}: {size} voxels of {step} mm", flush=True)
    measured, labels = {}, {}
    for name in options.paths:
        target = folder / f"{name}.nii.gz"
        measured[name] = run_apart(name, source, target, options)
        labels[name] = sitk.GetArrayFromImage(sitk.ReadImage(str(target)))
    classes = read_info(Path(options.model)).classes
    reference = REFERENCE if REFERENCE in measured else options.paths[0]
    agreements = {name: compare(labels[name], labels[reference], classes) for name in measured}
    base = measured[reference]
    print(f"{'path':11}{'s':>8}{'CPU s':>8}{'GB':>7}{'faster':>8}{'memory':>8}{'Dice':>8}  least")
    for name, value in measured.items():
        print(
            f"{name:11}{value.seconds:8.1f}{value.cpu_seconds:8.1f}{value.peak_gb:7.2f}"
            f"{base.seconds / value.seconds:7.1f}x{value.peak_gb / base.peak_gb:7.2f}x"
            f"{agreements[name].mean:8.4f}  {agreements[name].worst}",
            flush=True,
        )
    if {FULL, FIRST_LOOK} <= set(measured):
        print(closer_look_told(measured[FULL], measured[FIRST_LOOK]), flush=True)
    return {
        "ct": ct.name,
        "measured": {name: asdict(value) for name, value in measured.items()},
        "dice": {name: value.by_class for name, value in agreements.items()},
    }


def closer_look_told(full: Measured, first: Measured) -> str:
    """What the whole takes as a multiple of what it takes without the closer look."""
    return (
        f"with the closer look: {full.cpu_seconds / first.cpu_seconds:.2f}x CPU s, "
        f"{full.seconds / first.seconds:.2f}x s, {full.peak_gb / first.peak_gb:.2f}x memory"
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--ct", type=Path, nargs="+", help="CT files; default: two shared ones")
    parser.add_argument("--model", default="pasta-s", help="bundled model or model folder")
    parser.add_argument("--spacing", type=float, help="mm; default: the model's own")
    parser.add_argument("--device", default="cpu", help="torch device for all paths")
    parser.add_argument("--threads", type=int, help="threads for all paths; default: all cores")
    parser.add_argument("--paths", nargs="+", choices=PATH_NAMES, default=list(PATH_NAMES))
    parser.add_argument("--features", type=int, nargs="+", help="random network of this size")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    options = parse(arguments)
    if options.child:
        name, source, target, result = options.child
        measured = run_here(name, Path(source), Path(target), Path(options.model), options.device)
        Path(result).write_text(json.dumps(asdict(measured)))
        return 0
    cts = options.ct or [SHARED_DATA / name for name in DEFAULT_CTS]
    missing = [str(ct) for ct in cts if not ct.is_file()]
    if missing:
        print(f"Not found: {', '.join(missing)}. Give a CT with --ct.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(prepare_model(options, folder / "model"))
        options.model = str(folder / "model")
        results = [benchmark(ct, options, folder) for ct in cts]
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
