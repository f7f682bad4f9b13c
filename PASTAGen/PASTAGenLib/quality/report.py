"""The report of an evaluation, ``pastagen.md``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from PASTAGenLib.quality.agreement_report import AIM, agreement_lines, share, table
from PASTAGenLib.quality.noise_power import NoiseRatio
from PASTAGenLib.quality.results import AgreementPart, Part, SeamPart, ShapesPart
from PASTAGenLib.quality.scans import REAL, TORSOS
from PASTAGenLib.quality.seam import OURS, PUSHED, SeamScore
from PASTAGenLib.quality.shapes import Comparison, compare
from PASTALib.catalog import catalog

AUC_AIM, POWER_AIM = 0.55, 0.10
GALLERY_FILE, SHAPES_FILE = "pastagen_gallery.png", "pastagen_shapes.png"


def report(
    agreement: AgreementPart | None, seam: SeamPart | None, shapes: ShapesPart | None
) -> str:
    """The whole report; parts that were not measured are named as such."""
    lines = ["# Quality of the generator", "", *_head(agreement, seam, shapes)]
    lines += ["", "## 1 Asked = measured", ""]
    lines += _agreement(agreement) if agreement else ["Not measured."]
    lines += ["", "## 2 No seam", "", *(_seam(seam) if seam else ["Not measured."])]
    lines += ["", "## 3 Shapes", "", *(_shapes(shapes) if shapes else ["Not measured."])]
    lines += ["", "## 4 Gallery", "", *_gallery()]
    return "\n".join(lines) + "\n"


def _head(*parts: Part | None) -> list[str]:
    names = ("agreement", "seam", "shapes")
    measured = [
        f"- {name}: generator `{part.generator}`, `{part.command}`"
        for name, part in zip(names, parts, strict=True)
        if part is not None
    ]
    return [
        "Written by `python -m PASTAGenLib evaluate` (`--help` says how); do not edit. Synthetic "
        "pictures only. Figures in bold miss their aim. Research use only.",
        "",
        f"Scans: {', '.join([*TORSOS, *REAL])}, as far as they hold the organ. Torsos are made by "
        "rule; the others are public CT that are not part of this repository (without them, "
        "torsos only).",
        "",
        *measured,
    ]


def _agreement(part: AgreementPart) -> list[str]:
    outcomes = part.result.outcomes
    cells = [
        share(o.asked[key] == o.measured[key] for o in outcomes if o.type == t and key in o.asked)
        for t in catalog().lesion_types
        for key in catalog().attributes
    ]
    known = [value for value in cells if value is not None]
    reached = sum(value >= AIM for value in known)
    return [
        f"Every value that a type allows is asked equally often, though some are refused more "
        f"often than others (below); `PASTALib`'s measurement, which sees image, mask and organ "
        f"labels only, reads it back. Percent of lesions; aim {100 * AIM:.0f} for each attribute "
        f"and type: {reached} of {len(known)} reach it. Size: long axis within 10 % or one voxel. "
        f"Mean HU: of voxels without partial volume, within 5 HU or the standard error by noise, "
        f"where there are enough of them. *First draw*: lesions that passed the generator's own "
        f"check at once; it uses the same rules of measurement, so later draws agree by selection.",
        "",
        *agreement_lines(part.result),
    ]


def _seam(part: SeamPart) -> list[str]:
    rows = [
        [s.what, s.scans, str(s.places), _auc(s), f"{s.low:.2f} to {s.high:.2f}"]
        for s in part.result.scores
    ]
    return [
        "A small 3D network is trained to tell crops in which a homogeneous lesion with the HU of "
        "its surroundings was inserted from the same places untouched, cross-validated over "
        f"regions of the scans. Aim: an area under the ROC curve of at most {AUC_AIM}. The "
        "controls are faults that it has to find, otherwise its silence says nothing. *With mass "
        "effect* the surroundings are pushed aside as well, and vessels and borders really move.",
        "",
        *table(["inserted", "scans", "places", "AUC", "95 % interval"], rows),
        "",
        f"Without mass effect {100 * part.result.changed:.0f} % of the voxels of these lesions "
        "are other than before: the generator keeps the scan's own noise, so where contrast and "
        "texture are zero it leaves most of the picture as it was, and an AUC near 0.5 is to be "
        "expected. The rows with mass effect are the harder test.",
        "",
        "Noise power inside the inserted tissue over that of even tissue of the organ around it, "
        f"median over lesions with 95 % interval; aim within {100 * POWER_AIM:.0f} %. *Untouched* "
        "is the same ratio before insertion, the error of the measure itself. *Fine grain* is the "
        "power of differences between neighboring voxels, after over before.",
        "",
        *_noise(part.result.noise),
    ]


def _auc(score: SeamScore) -> str:
    missed = score.what in (OURS, PUSHED) and score.auc > AUC_AIM
    return f"**{score.auc:.2f}**" if missed else f"{score.auc:.2f}"


def _noise(ratios: Sequence[NoiseRatio]) -> list[str]:
    rows = []
    for name in [*dict.fromkeys(r.scan for r in ratios), "all"]:
        own = [r for r in ratios if name in (r.scan, "all")]
        power = np.array([r.power for r in own])
        median = float(np.median(power))
        text = f"{median:.2f} ({_interval(power)})"
        rows.append(
            [
                name,
                str(len(own)),
                text if abs(median - 1) <= POWER_AIM else f"**{text}**",
                f"{np.median([r.untouched for r in own]):.2f}",
                f"{np.median([r.fine for r in own]):.2f}",
            ]
        )
    return table(["scan", "lesions", "power inside / around", "untouched", "fine grain"], rows)


def _interval(values: np.ndarray) -> str:
    rng = np.random.default_rng(0)
    medians = np.median(values[rng.integers(0, len(values), (500, len(values)))], axis=1)
    low, high = np.percentile(medians, (2.5, 97.5))
    return f"{low:.2f} to {high:.2f}"


def _shapes(part: ShapesPart) -> list[str]:
    lines = [
        "Masks that the generator draws for a kidney tumor where no organ cuts them, each of the "
        "long axis of a real mask and on its voxels, beside ellipsoids with an elastic deformation "
        "(as SynTumor describes them) of the same volume. Energy distances in SD of the real "
        "masks; *shift* is the difference of medians. Smaller is nearer to real masks; aim: ours "
        "below the ellipsoids'. The volume follows from what is asked and is shown as a check.",
    ]
    for shapes in part.result:
        ours, simple = compare(shapes, seed=0)
        counts = f"{len(shapes.real)} real, {len(shapes.ours)} ours, {len(shapes.ellipsoids)}"
        lines += ["", f"**{shapes.name}** ({counts} ellipsoids; {shapes.refused} refused)", ""]
        lines += _comparison(ours, simple)
    return [*lines, "", f"![Cumulative distributions of shape figures]({SHAPES_FILE})"]


def _comparison(ours: Comparison, simple: Comparison) -> list[str]:
    rows = [
        [
            "all but volume",
            _nearer(
                ours.joint, simple.joint, f"{ours.joint:.2f} ({ours.low:.2f} to {ours.high:.2f})"
            ),
            f"{simple.joint:.2f} ({simple.low:.2f} to {simple.high:.2f})",
            "",
            "",
        ]
    ]
    for mine, theirs in zip(ours.each, simple.each, strict=True):
        rows.append(
            [
                mine.figure.replace("_", " "),
                _nearer(mine.energy, theirs.energy, f"{mine.energy:.2f}"),
                f"{theirs.energy:.2f}",
                f"{mine.ks:.2f} / {theirs.ks:.2f}",
                f"{mine.shift:+.1f} / {theirs.shift:+.1f}",
            ]
        )
    header = ["figure", "ours", "ellipsoids", "Kolmogorov-Smirnov", "shift"]
    return table(header, rows)


def _nearer(ours: float, simple: float, text: str) -> str:
    return text if ours < simple else f"**{text}**"


def _gallery() -> list[str]:
    return [
        "Every type as it is drawn where nothing but the type is asked. Four cells each: soft "
        "kernel portal venous, sharp kernel arterial, soft kernel without contrast, sharp kernel "
        "portal venous. The lesion is in the middle of its cell; an empty cell found no place.",
        "",
        f"![Contact sheet of all types]({GALLERY_FILE})",
    ]
