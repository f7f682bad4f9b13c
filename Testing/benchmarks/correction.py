"""A robot reader outlines lesions with clicks: how good after how many, and how long each takes.

The robot clicks where the outline is most wrong: into the deepest voxel of the largest connected
error, positive where lesion is missing, negative where the outline reaches too far. Beside it the
same robot works with a ball brush. No network takes part.

    python Testing/benchmarks/correction.py --torsos 2 [--data FOLDER] [--clicks 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTAGenLib.apply import insert
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import PHASES, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, as_vector
from PASTALib.gestures.marks import Gesture
from PASTALib.gestures.outlining import Scan, outlined
from PASTALib.region import Region
from PASTATrain.evaluation import scans

Change = Callable[[np.ndarray, list[Gesture]], np.ndarray]
"""From a mask and all gestures so far to the next mask."""
BRUSH_MM = 5.0
FIRST_TORSO = 36
"""Torsos from this seed on are not trained with."""
WORSE = 0.02
"""A click that costs more Dice than this made it worse."""


@dataclass(frozen=True)
class Case:
    """A lesion to be outlined."""

    scan: str
    type: str
    hu: np.ndarray
    truth: np.ndarray
    geometry: Geometry


@dataclass(frozen=True)
class Session:
    """What a robot reached with one lesion: Dice after each click, seconds of CPU of each."""

    dice: tuple[float, ...]
    seconds: tuple[float, ...]


def cases(data: Path, torsos: range) -> Iterator[Case]:
    """One inserted lesion of each type in each scan that was kept out of training."""
    for name, ct, organs in scans(data, torsos, "test"):
        phase = next((phase for phase in PHASES if phase == ct.phase.value), None)
        for number, kind in enumerate(catalog().lesion_types):
            rng = np.random.default_rng((5, number))
            try:
                case = insert(ct.image, organs, LesionSpec(type=kind, phase=phase), rng)
            except PastaError:
                continue  # the scan does not hold that organ
            yield Case(
                name,
                kind,
                sitk.GetArrayFromImage(case.ct),
                sitk.GetArrayFromImage(case.lesion_mask) > 0,
                Geometry.of(case.ct),
            )


def next_click(truth: np.ndarray, now: np.ndarray, spacing: np.ndarray) -> tuple | None:
    """Voxel of the next click and whether it is positive; None where nothing is wrong."""
    best: tuple[int, np.ndarray, bool] | None = None
    for wrong, positive in ((truth & ~now, True), (now & ~truth, False)):
        parts, count = ndimage.label(wrong)
        if count:
            sizes = np.bincount(parts.ravel())[1:]
            if best is None or sizes.max() > best[0]:
                best = int(sizes.max()), parts == 1 + sizes.argmax(), positive
    if best is None:
        return None
    depth = ndimage.distance_transform_edt(np.pad(best[1], 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    return np.unravel_index(depth.argmax(), depth.shape), best[2]


def work(
    case: Case, clicks: int, change: Callable[[np.ndarray, list[Gesture]], np.ndarray]
) -> Session:
    """Let the robot click."""
    box = tuple(slice(max(0, a - 40), b + 40) for a, b in _extent(case.truth))
    now, gestures = np.zeros(case.truth.shape, bool), list[Gesture]()
    reached, seconds = [], []
    for _ in range(clicks):
        click = next_click(case.truth[box], now[box], case.geometry.spacing_zyx)
        if click is not None:
            index = np.add(click[0], [s.start for s in box])
            place = as_vector(case.geometry.points_of_zyx(index))
            gestures.append(Gesture("point", (place,), click[1]))
            began = time.process_time()
            now = change(now, gestures)
            seconds.append(time.process_time() - began)
        both = int((now & case.truth).sum())
        reached.append(2 * both / int(now.sum() + case.truth.sum()))
    return Session(tuple(reached), tuple(seconds))


def _extent(mask: np.ndarray) -> list[tuple[int, int]]:
    index = np.argwhere(mask)
    return list(zip(index.min(axis=0).tolist(), (index.max(axis=0) + 1).tolist(), strict=True))


def with_gestures(case: Case) -> Change:
    """The outline follows the clicks."""
    scan = Scan(case.hu, case.geometry)

    def change(now: np.ndarray, gestures: list[Gesture]) -> np.ndarray:
        try:
            region = outlined(scan, gestures, Region.of(now, case.geometry))
        except PastaError:
            return np.zeros_like(now)
        mask = np.zeros_like(now)
        mask[region.slices] = region.mask
        return mask

    return change


def with_brush(case: Case) -> Change:
    """Each click adds or erases a ball."""

    def change(now: np.ndarray, gestures: list[Gesture]) -> np.ndarray:
        place = np.array(gestures[-1].points[0])
        low, high = case.geometry.box_around(place + BRUSH_MM * np.array([[-1] * 3, [1] * 3]))
        box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
        index = np.stack(np.mgrid[box], axis=-1)
        ball = np.linalg.norm(case.geometry.points_of_zyx(index) - place, axis=-1) <= BRUSH_MM
        mask = now.copy()
        mask[box] = mask[box] | ball if gestures[-1].inside else mask[box] & ~ball
        return mask

    return change


def clicks_to(sessions: list[Session], dice: float) -> str:
    """Median number of clicks until a Dice is reached; sessions that never do count as more."""
    needed = [
        next((n for n, d in enumerate(s.dice, 1) if d >= dice), len(s.dice) + 1) for s in sessions
    ]
    median = float(np.median(needed))
    most = len(sessions[0].dice)
    return f"more than {most}" if median > most else f"{median:g}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("none"), help="folder of public scans")
    parser.add_argument("--torsos", type=int, default=2, help="torsos made by rule")
    parser.add_argument("--clicks", type=int, default=5)
    options = parser.parse_args()
    robots = {"gestures": with_gestures, f"brush {BRUSH_MM:g} mm": with_brush}
    sessions: dict[str, list[Session]] = {name: [] for name in robots}
    kinds: list[str] = []
    for case in cases(options.data, range(FIRST_TORSO, FIRST_TORSO + options.torsos)):
        kinds.append(case.type)
        for name, robot in robots.items():
            sessions[name].append(work(case, options.clicks, robot(case)))
    head = " | ".join(f"{n} clicks" for n in range(1, options.clicks + 1))
    print(f"{len(kinds)} lesions. Median Dice after\n\n| with | {head} |")
    print("|---" * (options.clicks + 1) + "|")
    for name, done in sessions.items():
        medians = np.median([s.dice for s in done], axis=0)
        print(f"| {name} | " + " | ".join(f"{d:.2f}" for d in medians) + " |")
    print("\n| with | clicks to 0.80 | to 0.85 | to 0.90 | clicks that made it worse |")
    print("|---" * 5 + "|")
    for name, done in sessions.items():
        steps = np.diff([s.dice for s in done], axis=1)
        needed = " | ".join(clicks_to(done, dice) for dice in (0.80, 0.85, 0.90))
        print(f"| {name} | {needed} | {100 * (steps < -WORSE).mean():.0f} % |")
    print(f"\n| type | n | Dice after 1 | 3 | {options.clicks} |\n|---|---|---|---|---|")
    for kind in dict.fromkeys(kinds):
        mine = [s.dice for k, s in zip(kinds, sessions["gestures"], strict=True) if k == kind]
        first, third, last = (np.median([d[n] for d in mine]) for n in (0, 2, -1))
        name = catalog().lesion_types[kind].name
        print(f"| {name} | {len(mine)} | {first:.2f} | {third:.2f} | {last:.2f} |")
    spent = np.concatenate([s.seconds for s in sessions["gestures"]])
    print(
        f"\nCPU seconds a click: median {np.median(spent):.2f}, p95 {np.percentile(spent, 95):.2f}"
    )


if __name__ == "__main__":
    main()
