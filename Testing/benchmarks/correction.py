"""How many clicks until an outline is right: a robot user, several ways to draw, and a brush.

The robot clicks into the middle (the deepest voxel) of the largest connected error of an outline,
until the clicks are used up or nothing is wrong. It works on inserted lesions and on real ones,
from no outline and from a wrong one: with the bundled chooser, with other choosers and promptable
networks, with the method that needs no training, and with a ball brush.

    python Testing/benchmarks/correction.py --torsos 1 [--data FOLDER] [--pictures FILE.png]
        [--chooser NAME=FOLDER ...] [--network NAME=FOLDER ...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from correction_cases import Case, inserted_cases, real_cases
from correction_pictures import Work, draw_works

from PASTALib.errors import PastaError
from PASTALib.geometry import as_vector
from PASTALib.gestures.chooser import bundled_chooser, load_chooser
from PASTALib.gestures.click_network import load_click_network
from PASTALib.gestures.drawing import ChosenDrawing, Draw, NetworkDrawing, draw_without_training
from PASTALib.gestures.marks import Gesture
from PASTALib.gestures.outlining import Scan, outlined
from PASTALib.region import Region
from PASTATrain.choosing.reader import errors
from PASTATrain.prompting.spoiling import spoiled

Change = Callable[[np.ndarray, list[Gesture]], np.ndarray]
"""From a mask and all gestures so far to the next mask."""
Robot = Callable[[Case], Change]
BRUSH_MM = 5.0
FIRST_TORSO = 36
"""Torsos from this seed on are not trained with."""
FIRST_SEED = 5
WORSE = 0.02
"""A click that costs more Dice than this made it worse."""
SHOWN = (0, 1, 2, 3, 5)
"""Clicks after which the table shows the Dice."""
GOALS = (0.80, 0.85, 0.90)
MARGIN_VOXELS = 40
"""How far around the lesion the robot looks for errors."""


@dataclass(frozen=True)
class Session:
    """What a robot reached with one lesion.

    Attributes:
        dice: before the first and after each click; what is right already is not clicked at.
        seconds: of CPU and of the clock, of each click.
        gestures: the clicks.
        outlines: before the first and after each click, ``[z, y, x]`` of the scan.
    """

    dice: tuple[float, ...]
    seconds: tuple[tuple[float, float], ...]
    gestures: tuple[Gesture, ...] = ()
    outlines: tuple[np.ndarray, ...] = ()

    def figures(self) -> Session:
        """The same without the outlines, which are as large as the scan."""
        return Session(self.dice, self.seconds)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Of two masks that are not both empty."""
    return 2 * int((first & second).sum()) / int(first.sum() + second.sum())


def around(case: Case) -> tuple[slice, ...]:
    """The part of the scan in which the robot looks for errors."""
    index = np.argwhere(case.truth)
    low = np.maximum(index.min(axis=0) - MARGIN_VOXELS, 0)
    return tuple(
        slice(a, b)
        for a, b in zip(low.tolist(), (index.max(axis=0) + MARGIN_VOXELS).tolist(), strict=True)
    )


def work(case: Case, start: np.ndarray, clicks: int, change: Change) -> Session:
    """Let the robot click."""
    box = around(case)
    now, gestures, outlines = start, list[Gesture](), [start]
    reached, seconds = [dice(now, case.truth)], []
    for _ in range(clicks):
        wrong = max(errors(case.truth[box], now[box]), key=lambda part: part.size, default=None)
        if wrong is None:
            break
        index = np.add(wrong.deepest(case.geometry.spacing_zyx), [s.start for s in box])
        place = as_vector(case.geometry.points_of_zyx(index))
        gestures.append(Gesture("point", (place,), wrong.missing))
        began, clock = time.process_time(), time.perf_counter()
        now = change(now, gestures)
        seconds.append((time.process_time() - began, time.perf_counter() - clock))
        reached.append(dice(now, case.truth))
        outlines.append(now)
    return Session(tuple(reached), tuple(seconds), tuple(gestures), tuple(outlines))


def with_gestures(draw: Draw) -> Robot:
    """The outline follows the clicks."""

    def robot(case: Case) -> Change:
        scan = Scan(case.hu, case.geometry)

        def change(now: np.ndarray, gestures: list[Gesture]) -> np.ndarray:
            mask = np.zeros_like(now)
            try:
                region = outlined(scan, gestures, Region.of(now, case.geometry), draw)
            except PastaError:
                return mask
            mask[region.slices] = region.mask
            return mask

        return change

    return robot


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


def wrong_outline(case: Case) -> np.ndarray:
    """A wrong outline of the lesion to begin with, the same in each run."""
    box = around(case)
    rng = np.random.default_rng(int(case.truth.sum()))
    mask = np.zeros_like(case.truth)
    mask[box] = spoiled(case.truth[box], np.zeros_like(case.truth[box]), rng)
    return mask


def after(session: Session, clicks: int) -> float:
    """Dice after so many clicks."""
    return session.dice[min(clicks, len(session.dice) - 1)]


def clicks_to(sessions: Sequence[Session], goal: float, most: int) -> str:
    """Median number of clicks until a Dice is reached; sessions that never do count as more."""
    needed = [next((n for n, d in enumerate(s.dice) if d >= goal), most + 1) for s in sessions]
    median = float(np.median(needed))
    return f"more than {most}" if median > most else f"{median:g}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def compared(sessions: dict[str, list[Session]], clicks: int) -> str:
    """Robots beside each other."""
    rows = []
    for name, done in sessions.items():
        reached = [f"{np.median([after(s, n) for s in done]):.2f}" for n in SHOWN]
        needed = [clicks_to(done, goal, clicks) for goal in GOALS]
        steps = np.concatenate([np.diff(s.dice) for s in done])
        worse = f"{100 * (steps < -WORSE).mean():.0f} %"
        rows.append([name, *reached, *needed, worse])
    head = ["with", *(f"{n} clicks" for n in SHOWN), *(f"to {goal:.2f}" for goal in GOALS)]
    return table([*head, "clicks that made it worse"], rows)


def by_type(kinds: Sequence[str], done: Sequence[Session]) -> str:
    """One robot's median Dice for each type."""
    rows = []
    for kind in dict.fromkeys(kinds):
        mine = [s for k, s in zip(kinds, done, strict=True) if k == kind]
        reached = [f"{np.median([after(s, n) for s in mine]):.2f}" for n in SHOWN[1:]]
        rows.append([kind, len(mine), *reached])
    return table(["type", "n", *(f"{n} clicks" for n in SHOWN[1:])], rows)


def timed(sessions: dict[str, list[Session]]) -> str:
    """How long a click takes."""
    rows = []
    for name, done in sessions.items():
        spent = np.array([pair for s in done for pair in s.seconds])
        cpu, clock = (
            f"{np.median(spent[:, n]):.2f}, {np.percentile(spent[:, n], 95):.2f}" for n in (0, 1)
        )
        rows.append([name, cpu, clock])
    return table(["with", "CPU s: median, p95", "s by the clock: median, p95"], rows)


def robots(choosers: Sequence[str], networks: Sequence[str]) -> dict[str, Robot]:
    """All robots by name; the first one is looked at more closely."""
    found: dict[str, Robot] = {}
    bundled = bundled_chooser()
    if bundled is not None:
        found["chooser"] = with_gestures(ChosenDrawing(bundled))
    for item in choosers:
        name, folder = item.split("=", 1)
        found[name] = with_gestures(ChosenDrawing(load_chooser(Path(folder))))
    for item in networks:
        name, folder = item.split("=", 1)
        found[name] = with_gestures(NetworkDrawing(load_click_network(Path(folder))))
    found["no training"] = with_gestures(draw_without_training)
    found[f"brush {BRUSH_MM:g} mm"] = with_brush
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("none"), help="folder of public scans")
    parser.add_argument("--torsos", type=int, default=1, help="torsos made by rule")
    parser.add_argument("--seeds", type=int, default=1, help="lesions of each type a scan")
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--chooser", nargs="*", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=FOLDER")
    parser.add_argument(
        "--pictures", type=Path, help="PNG of five lesions in torsos over the clicks"
    )
    options = parser.parse_args()
    compete = robots(options.chooser, options.network)
    best = next(iter(compete))
    works: list[Work] = []
    torsos = range(FIRST_TORSO, FIRST_TORSO + options.torsos)
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    sets = {
        "Inserted lesions": inserted_cases(options.data, torsos, seeds),
        "Real lesions": real_cases(options.data),
    }
    for title, cases in sets.items():
        kinds: list[str] = []
        empty: dict[str, list[Session]] = {name: [] for name in compete}
        wrong: dict[str, list[Session]] = {name: [] for name in compete}
        for case in cases:
            kinds.append(case.type)
            for name, robot in compete.items():
                begun = work(case, np.zeros_like(case.truth), options.clicks, robot(case))
                empty[name].append(begun.figures())
                mended = work(case, wrong_outline(case), options.clicks, robot(case))
                wrong[name].append(mended.figures())
                if name == best and options.pictures and case.made_by_rule:
                    works.append(Work.of(case, begun.gestures, begun.outlines, begun.dice))
        if kinds:
            print(f"### {title}: {len(kinds)}\n\nMedian Dice, from no outline:\n")
            print(compared(empty, options.clicks))
            print(f"From a wrong outline:\n\n{compared(wrong, options.clicks)}")
            print(f"With {best}, from no outline:\n\n{by_type(kinds, empty[best])}")
            print(timed({name: empty[name] + wrong[name] for name in compete}), flush=True)
    if options.pictures:
        draw_works(works, SHOWN, options.pictures)


if __name__ == "__main__":
    main()
