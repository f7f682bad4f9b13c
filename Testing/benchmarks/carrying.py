"""Masks carried to scans whose masks are known: Dice of each step, and seconds of one core.

``python Testing/benchmarks/carrying.py --data DATA --torsos 8``: the scans with a full set of
masks, one after the other, with all others that are in training as atlases. A scan kept out of
training is a target, never an atlas.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.console import Console
from PASTALib.model import load_model
from PASTALib.progress import CancelToken
from PASTATrain.carrying.atlases import GRID_MM, atlas_of, read_atlases
from PASTATrain.carrying.carry import CarryJob
from PASTATrain.carrying.fusing import vote
from PASTATrain.carrying.refining import labels_of_votes, probabilities, refined, sure_labels
from PASTATrain.classes import IGNORE, STRUCTURES
from PASTATrain.evaluation import dice
from PASTATrain.sources import SCANS, scan_case

LEAST_ML = 2.0


@dataclass
class Table:
    """Dice of each structure in each step.

    `unknown` is the share of the structures' voxels without a label, `wrong` that of the voxels
    with a wrong one, among those that are labeled and a structure by truth or label.
    """

    truth: np.ndarray
    dice: dict[str, dict[str, float]] = field(default_factory=dict)
    unknown: dict[str, float] = field(default_factory=dict)
    wrong: dict[str, float] = field(default_factory=dict)

    def add(self, step: str, labels: np.ndarray) -> None:
        """Judge the labels of a step ``[z, y, x]``: unknown voxels count as missed."""
        self.dice[step] = {}
        for key in STRUCTURES:
            mask = np.isin(self.truth, catalog().labels_of(key))
            if mask.sum() * GRID_MM**3 >= LEAST_ML * 1000:
                found = np.isin(labels, catalog().labels_of(key))
                self.dice[step][key] = dice(found, mask)
        taught = [number for key in STRUCTURES for number in catalog().labels_of(key)]
        ours, true = (
            np.where(np.isin(array, [IGNORE, *taught]), array, 0) for array in (labels, self.truth)
        )
        judged = (ours != IGNORE) & ((ours > 0) | (true > 0))
        self.wrong[step] = float((ours != true)[judged].mean())
        self.unknown[step] = float((labels == IGNORE)[self.truth > 0].mean())

    def __str__(self) -> str:
        steps = list(self.dice)
        rows = [f"| | {' | '.join(steps)} |", "|---" * (len(steps) + 1) + "|"]
        for key in self.dice[steps[0]]:
            rows.append(
                f"| {key} | " + " | ".join(f"{self.dice[s][key]:.2f}" for s in steps) + " |"
            )
        means = [np.mean(list(self.dice[step].values())) for step in steps]
        rows.append("| mean | " + " | ".join(f"{value:.2f}" for value in means) + " |")
        rows.append("| unknown | " + " | ".join(f"{self.unknown[s]:.0%}" for s in steps) + " |")
        rows.append("| wrong | " + " | ".join(f"{self.wrong[s]:.0%}" for s in steps) + " |")
        return "\n".join(rows)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--torsos", type=int, default=8)
    parser.add_argument("--tried", type=int, default=6)
    parser.add_argument("--best", type=int, default=3)
    parser.add_argument("--model", default="pasta-s")
    options = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    cancel, console = CancelToken(), Console()
    everything = read_atlases(options.data, None, options.torsos, console, cancel)
    model = load_model(options.model)
    for scan in SCANS:
        target = atlas_of(scan_case(options.data, scan, GRID_MM))
        atlases = [atlas for atlas in everything if atlas.name != scan.name]
        job = CarryJob(atlases, options.tried, options.best, None, cancel)
        hu = sitk.GetArrayViewFromImage(target.image)
        table = Table(sitk.GetArrayViewFromImage(target.labels))
        start = time.process_time()
        classes = model.info.classes
        seen = probabilities(target.image, target.image, model)
        guide = sure_labels(hu, seen, classes)
        print(f"\n{scan.name}: model {time.process_time() - start:.0f} s")
        start = time.process_time()
        laid = job.laid(target.image, guide, console)
        straight = [one.carried(target.image) for one in laid]
        print(f"affine {time.process_time() - start:.0f} s")
        print(", ".join(f"{one.atlas.name} {one.likeness:.2f}" for one in laid))
        table.add("affine, best", straight[0][1])
        table.add("affine, vote", labels_of_votes(hu, vote(hu, straight)))
        start = time.process_time()
        curved = [job.bent(target.image, one).carried(target.image) for one in laid]
        print(f"B-splines {time.process_time() - start:.0f} s")
        table.add("bent, best", curved[0][1])
        votes = vote(hu, curved)
        table.add("bent, vote", labels_of_votes(hu, votes))
        table.add("bent, majority", votes.labels[votes.shares.argmax(axis=0)])
        table.add("model and vote", refined(hu, votes, seen, classes))
        table.add("model where sure", guide)
        numbers = [catalog().label(key) if key in STRUCTURES else 0 for key in classes]
        organs = [n for n, key in enumerate(classes) if key not in catalog().lesion_types]
        found = np.array(numbers, np.uint8)[organs][seen[organs].argmax(axis=0)]
        table.add("model", found)
        print(table, flush=True)


if __name__ == "__main__":
    main()
