"""The agreement of asked and measured, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from PASTAGenLib.quality.agreement import Agreement, Outcome
from PASTALib.catalog import catalog

AIM = 0.95
WORST = 12
"""Confusions and refusals that are listed."""
GAVE_UP = "was measured as it was meant"
"""In the sentence with which the generator refuses what its own check never passed."""

Verdict = Callable[[Outcome], bool | None]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def share(verdicts: Iterable[bool | None]) -> float | None:
    """Share of true ones among those that are known; None if there are none."""
    known = [verdict for verdict in verdicts if verdict is not None]
    return sum(known) / len(known) if known else None


def as_percent(value: float | None) -> str:
    """``97``, in bold where the aim is missed; a dash where nothing is known."""
    if value is None:
        return "–"
    text = f"{100 * value:.0f}"
    return text if value >= AIM else f"**{text}**"


def asked_agrees(key: str) -> Verdict:
    """Whether an attribute is measured as it was asked; None if it was not asked for."""
    return lambda o: o.asked[key] == o.measured[key] if key in o.asked else None


def declared_agrees(key: str) -> Verdict:
    """Whether an attribute is measured as the generator's truth declares it."""
    return lambda o: o.declared[key] == o.measured[key]


def agreement_lines(agreement: Agreement) -> list[str]:
    """Tables of agreement by type and by scan, the commonest confusions, and what was refused."""
    outcomes = agreement.outcomes
    lines = [*_by_type(agreement), "", "By scan, all types together:", ""]
    lines += _rows("scan", [(name, [o for o in outcomes if o.scan == name])
                            for name in dict.fromkeys(o.scan for o in outcomes)])  # fmt: skip
    lines += [
        "",
        *_sizes(outcomes),
        "",
        "Declared = measured (the truth that training learns from):",
        "",
    ]
    keys = list(catalog().attributes)
    row = [as_percent(share(map(declared_agrees(key), outcomes))) for key in keys]
    lines += table(keys, [row])
    return [*lines, "", *_confusions(outcomes), "", *_refusals(agreement)]


def _by_type(agreement: Agreement) -> list[str]:
    groups = [
        (kind.name, [o for o in agreement.outcomes if o.type == kind.key])
        for kind in catalog().lesion_types.values()
    ]
    return _rows("type", [*groups, ("all", list(agreement.outcomes))])


def _rows(first: str, groups: list[tuple[str, list[Outcome]]]) -> list[str]:
    """Share of agreement of every attribute, of size and of mean HU in each group."""
    keys = list(catalog().attributes)
    verdicts: list[Verdict] = [asked_agrees(key) for key in keys]
    verdicts += [lambda o: o.size_agrees, lambda o: o.hu_agrees]
    header = [first, "lesions", *keys, "size", "mean HU (measurable)", "first draw"]
    rows = []
    for name, group in groups:
        cells = [as_percent(share(map(verdict, group))) for verdict in verdicts]
        measurable = sum(o.measured_hu is not None for o in group)
        cells[-1] += f" ({measurable})"
        first_draw = share(o.redrawn == 0 for o in group)
        drawn = "–" if first_draw is None else f"{100 * first_draw:.0f}"
        rows.append([name, str(len(group)), *cells, drawn])
    return table(header, rows)


def _sizes(outcomes: Sequence[Outcome]) -> list[str]:
    """Where the sizes that miss are, and how far the means are off."""
    shapes = dict.fromkeys(o.asked["shape"] for o in outcomes)
    by_shape = []
    for shape in shapes:
        right = share(o.size_agrees for o in outcomes if o.asked["shape"] == shape)
        by_shape.append(f"{shape.lower()} {as_percent(right)}")
    off = [o.measured_hu - o.planned_hu for o in outcomes if o.measured_hu is not None]
    lines = [f"Size by the shape that was asked: {'; '.join(by_shape)}."]
    if off:
        low, middle, high = np.percentile(off, (10, 50, 90))
        lines.append(
            f"Mean HU, measured minus planned: median {middle:+.1f}, eight of ten from {low:+.1f} "
            f"to {high:+.1f} HU. The generator sets the mean of the core by the rule that measures "
            "it, so this says only that noise, texture and rounding do not undo it."
        )
    return lines


def _confusions(outcomes: Sequence[Outcome]) -> list[str]:
    wrong: Counter[tuple[str, str, str, str]] = Counter()
    of: Counter[tuple[str, str, str]] = Counter()
    for o in outcomes:
        for key, asked in o.asked.items():
            of[o.type, key, asked] += 1
            if o.measured[key] != asked:
                wrong[o.type, key, asked, o.measured[key]] += 1
    if not wrong:
        return ["No asked attribute was measured as anything else."]
    rows = [
        [type_, key, asked, measured, f"{count} of {of[type_, key, asked]}"]
        for (type_, key, asked, measured), count in wrong.most_common(WORST)
    ]
    return ["Commonest confusions:", "", *table(
        ["type", "attribute", "asked", "measured", "how often"], rows)]  # fmt: skip


def _refusals(agreement: Agreement) -> list[str]:
    refused: Counter[tuple[str, str]] = Counter()
    for type_, scan, _, count in agreement.refused:
        refused[type_, scan] += count
    redrawn: Counter[str] = Counter()
    for o in agreement.outcomes:
        for reason, count in o.rejected:
            redrawn[reason] += count
    gave_up = sum(count for *_, text, count in agreement.refused if GAVE_UP in text)
    total, made = sum(refused.values()), len(agreement.outcomes)
    lines = [
        f"Beside the {made} requests that the generator fulfilled it refused {total}, which were "
        f"replaced by others: {total - gave_up} because scan or type cannot hold what is asked, "
        f"{gave_up} because none of its draws passed its own check."
    ]
    if refused:
        most = ", ".join(f"{t} in {s} {n}" for (t, s), n in refused.most_common(WORST))
        lines.append(f"Most of them: {most}.")
    if redrawn:
        reasons = ", ".join(f"{name} {count}" for name, count in redrawn.most_common())
        lines.append(f"Drawn again by the generator's own check before it handed over: {reasons}.")
    return lines
