"""Statements that follow from the size of a lesion by a published rule, and only those.

Sizes are compared as they are printed (`printed_mm`), so that a report never says "40 mm" beside a
category that begins above 40 mm. Nothing here is a stage or a recommendation for a patient: each
statement names its rule and the conditions that the software cannot know.

Sources: RECIST 1.1 (Eisenhauer, Eur J Cancer 2009); AJCC/UICC 8th edition, size part of T only;
Fleischner Society 2017 (Radiology 161659); Bosniak 2019 (Silverman, Radiology 2019) and LI-RADS
v2018, of which only descriptors are named. Organs whose T category goes by depth of invasion
(gallbladder, esophagus, stomach, colorectum, bladder) get no size statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PASTALib.catalog import catalog
from PASTALib.lesions import STONES, Lesion
from PASTALib.report import Statement

T_SIZES_MM: dict[str, tuple[tuple[float, str], ...]] = {
    "lung_tumor": (
        (10, "T1a"),
        (20, "T1b"),
        (30, "T1c"),
        (40, "T2a"),
        (50, "T2b"),
        (70, "T3"),
        (float("inf"), "T4"),
    ),
    "kidney_tumor": ((40, "T1a"), (70, "T1b"), (100, "T2a"), (float("inf"), "T2b")),
    "pancreas_tumor": (
        (5, "T1a"),
        (9.99, "T1b"),  # T1b is below 10 mm, T1c begins at 10 mm
        (20, "T1c"),
        (40, "T2"),
        (float("inf"), "T3"),
    ),
}
"""Largest size of each category, AJCC/UICC 8."""
T_CONDITIONS = {
    "lung_tumor": "Only for a primary lung cancer; invasion and further nodules can raise T.",
    "kidney_tumor": "Only for a renal cell carcinoma that is limited to the kidney.",
    "pancreas_tumor": "Only for a pancreatic carcinoma without arterial involvement (T4).",
    "liver_tumor": "Only for a hepatocellular carcinoma; vessel invasion is not assessed.",
}

SOLID_HU = -160.0
"""Lung tissue above this counts as solid (PLoS ONE 2018 13:e0205490)."""
GROUND_GLASS_HU = -300.0
"""A nodule whose median is below this is ground glass (pure ones are about -600 HU)."""
AERATED_HU = -400.0
"""A larger nodule with a quarter of its voxels below this has a part that is not solid."""
NODULE_MM = 30.0
"""A larger lung lesion is a mass, to which the Fleischner rules do not apply."""
THIN_SLICE_MM = 1.5
"""Fleischner 2017 asks for contiguous sections of at most this."""
MEASURABLE_MM = 10.0
RECIST_SLICE_MM = 5.0
BLASTIC_HU = 250.0
"""Median of a bone lesion above which it is no lytic one with soft tissue (30 to 100 HU)."""

NodulePattern = Literal["solid", "ground_glass", "mixed"]
Measurability = Literal["measurable", "not measurable", "to be confirmed"]


@dataclass(frozen=True)
class Setting:
    """What the rules need to know of the study.

    Attributes:
        slice_mm: the larger of slice thickness and spacing.
        lungs_complete: whether both lungs are whole in the scan.
        lesions: all lesions of the study.
    """

    slice_mm: float
    lungs_complete: bool
    lesions: Sequence[Lesion]


def printed_mm(length: float) -> float:
    """A length as it is printed: whole millimeters, below 10 mm with one decimal."""
    rounded = round(length, 1)
    return float(int(length + 0.5)) if rounded >= 10 else rounded


def mm(length: float) -> str:
    """Such as ``34`` or ``6.5``, without the unit."""
    return f"{printed_mm(length):g}"


def make_statements(lesion: Lesion, setting: Setting) -> tuple[Statement, ...]:
    """All statements that the rules allow for a lesion."""
    found: list[Statement | None] = [recist(lesion, setting)]
    if lesion.type == "lung_tumor":
        found += [lung_t_size(lesion), fleischner(lesion, setting)]
    elif lesion.type in T_SIZES_MM:
        found.append(t_size(lesion))
    elif lesion.type == "liver_tumor":
        found += [hcc_size(lesion, setting), li_rads(lesion)]
    elif lesion.type == "kidney_cyst":
        found.append(bosniak(lesion))
    return tuple(statement for statement in found if statement is not None)


def first_upper(text: str) -> str:
    """With its first letter as a capital, the others as they are."""
    return text[:1].upper() + text[1:]


def t_category(lesion_type: str, length_mm: float) -> str:
    """Category whose size criterion a length meets, AJCC/UICC 8."""
    size = printed_mm(length_mm)
    return next(category for limit, category in T_SIZES_MM[lesion_type] if size <= limit)


def cut_by_edge(lesion: Lesion) -> bool:
    """Whether a lesion reaches the edge of the image, so that sizes are lower limits."""
    region = lesion.region
    shape = region.geometry.shape_zyx
    ends = zip(region.start, region.mask.shape, shape, strict=True)
    return any(start == 0 or start + size == whole for start, size, whole in ends)


def t_size(lesion: Lesion) -> Statement:
    """Size part of T by the axial long axis; says so where the 3D diameter is in another one."""
    axial = lesion.measurements.long_axis.length_mm
    longest = lesion.measurements.diameter_3d.length_mm
    category, in_space = t_category(lesion.type, axial), t_category(lesion.type, longest)
    other = ""
    if in_space != category:
        other = f" The longest diameter in space, {mm(longest)} mm, would meet that of {in_space}."
    return Statement(
        rule="t_size",
        title=f"T size, {_organ(lesion)}",
        text=f"{first_upper(_at_least(lesion))}{mm(axial)} mm: size criterion consistent with "
        f"{category} (AJCC 8), not a stage.{other}",
        conditions=T_CONDITIONS[lesion.type],
        category=category,
    )


def nodule_pattern(lesion: Lesion) -> NodulePattern:
    """Whether a lung lesion is solid, ground glass or mixed, by its HU percentiles.

    Partial volume makes up to half of a small nodule's voxels, so only larger ones are called
    mixed for their low quartile.
    """
    if lesion.hu.median < GROUND_GLASS_HU and lesion.hu.p75 < SOLID_HU:
        return "ground_glass"
    aerated = lesion.hu.p25 < AERATED_HU and lesion.measurements.long_axis.length_mm >= 10
    return "mixed" if lesion.hu.median < SOLID_HU or aerated else "solid"


def lung_t_size(lesion: Lesion) -> Statement:
    """Size part of T of a solid lung lesion; the T size of others is that of their solid part."""
    pattern = nodule_pattern(lesion)
    if pattern == "solid":
        return t_size(lesion)
    name = "ground-glass" if pattern == "ground_glass" else "mixed, partly aerated"
    return Statement(
        rule="t_size",
        title="T size, lung",
        text=f"Density pattern {name} (median {lesion.hu.median:.0f} HU): the T size counts only "
        "the solid part, which is not measured apart; no size criterion given.",
        conditions=T_CONDITIONS[lesion.type],
    )


def hcc_size(lesion: Lesion, setting: Setting) -> Statement:
    """Size part of T of hepatocellular carcinoma, AJCC 8: number and size, vessels left open."""
    sizes = [
        printed_mm(other.measurements.long_axis.length_mm)
        for other in setting.lesions
        if other.type == lesion.type
    ]
    if len(sizes) > 1:
        largest = max(sizes)
        category = "T3" if largest > 50 else "T2"
        about = f"{len(sizes)} lesions, the largest {largest:g} mm"
    else:
        category = "T1a" if sizes[0] <= 20 else "T1b, with vessel invasion T2"
        about = f"Solitary, {_at_least(lesion)}{sizes[0]:g} mm"
    return Statement(
        rule="t_size",
        title="T size, liver",
        text=f"{about}: number and size criterion consistent with {category} (AJCC 8, "
        "hepatocellular carcinoma), not a stage.",
        conditions=T_CONDITIONS[lesion.type],
        category=category.split(",", maxsplit=1)[0],
    )


def recist(lesion: Lesion, setting: Setting) -> Statement:
    """Measurability by RECIST 1.1."""
    length = printed_mm(lesion.measurements.long_axis.length_mm)
    least = smallest_measurable_mm(setting.slice_mm)
    category, text = _measurability(lesion, length, least)
    if category != "not measurable" and setting.slice_mm > RECIST_SLICE_MM:
        text += f" Slices are {setting.slice_mm:g} mm, so the limit is twice that."
    return Statement(
        rule="recist",
        title="RECIST 1.1",
        text=text,
        conditions=""
        if category == "not measurable"
        else "Only for a malignant lesion at baseline; the choice of targets is the reader's.",
        category=category,
    )


def smallest_measurable_mm(slice_mm: float) -> float:
    """10 mm with slices up to 5 mm, else twice the slice."""
    return MEASURABLE_MM if slice_mm <= RECIST_SLICE_MM else 2 * slice_mm


def measurability(lesion: Lesion, setting: Setting) -> Measurability:
    """The short result of `recist`."""
    length = printed_mm(lesion.measurements.long_axis.length_mm)
    return _measurability(lesion, length, smallest_measurable_mm(setting.slice_mm))[0]


def _measurability(lesion: Lesion, length: float, least: float) -> tuple[Measurability, str]:
    if lesion.type in STONES:
        return "not measurable", "A stone is not a target lesion."
    if not catalog().lesion_types[lesion.type].malignant:
        return "not measurable", "A simple cyst is not a malignant lesion and not a target lesion."
    if length < least:
        return (
            "not measurable",
            f"Long axis {length:g} mm, below {least:g} mm: not measurable (non-target).",
        )
    if lesion.type == "bone_metastasis":
        if lesion.hu.median > BLASTIC_HU:
            return "not measurable", "A blastic bone lesion is not measurable (non-target)."
        return (
            "to be confirmed",
            f"Bone lesion, long axis {length:g} mm: measurable only if lytic with a soft-tissue "
            f"component of at least {least:g} mm, to be confirmed by the reader.",
        )
    return "measurable", f"Long axis {length:g} mm, at least {least:g} mm: measurable."


def fleischner(lesion: Lesion, setting: Setting) -> Statement | None:
    """Fleischner 2017 wording for an incidental nodule; None above 30 mm or if it is cut."""
    size = lesion.measurements
    if cut_by_edge(lesion):
        return None
    mean = (size.long_axis.length_mm + size.short_axis.length_mm) / 2
    if size.long_axis.length_mm > NODULE_MM:
        return None
    whole = int(mean + 0.5)
    text = f"Average diameter {whole} mm, {size.volume_mm3:.0f} mm³. "
    nodules = [
        n
        for n in setting.lesions
        if n.type == "lung_tumor" and n.measurements.long_axis.length_mm <= NODULE_MM
    ]
    malignant = [
        n
        for n in setting.lesions
        if n.type != "lung_tumor" and catalog().lesion_types[n.type].malignant
    ]
    if malignant:
        text += (
            "Not applied: another suspected malignancy in this scan "
            f"({', '.join(n.id for n in malignant)})."
        )
    elif not setting.lungs_complete:
        text += "Not applied: the scan does not show both lungs completely."
    else:
        text += _fleischner_interval(lesion, whole, len(nodules))
    if setting.slice_mm > THIN_SLICE_MM:
        text += f" Measured on {setting.slice_mm:g} mm slices; the rule asks for 1.5 mm or less."
    return Statement(
        rule="fleischner",
        title="Fleischner 2017",
        text=text,
        conditions="Only for an incidental nodule, age 35 or older, no known cancer, no "
        "immunosuppression, not in lung cancer screening.",
    )


def _fleischner_interval(lesion: Lesion, whole_mm: int, nodules: int) -> str:
    pattern = nodule_pattern(lesion)
    if pattern == "mixed":
        return (
            "Density pattern mixed: for a part-solid nodule of 6 mm or more the guideline gives CT "
            "at 3 to 6 months, then yearly for 5 years while its solid part stays below 6 mm."
            if whole_mm >= 6
            else "Part-solid nodule below 6 mm: no routine follow-up."
        )
    if pattern == "ground_glass":
        return (
            "Ground-glass nodule of 6 mm or more: the guideline gives CT at 6 to 12 months, then "
            "every 2 years until 5 years."
            if whole_mm >= 6
            else "Ground-glass nodule below 6 mm: no routine follow-up."
        )
    if nodules > 1:
        return (
            f"{nodules} nodules; multiple solid nodules of 6 mm or more: the guideline gives CT at "
            "3 to 6 months, then at 18 to 24 months."
            if whole_mm >= 6
            else f"{nodules} nodules, this one solid and below 6 mm: no routine follow-up, "
            "optional CT at 12 months at high risk."
        )
    if whole_mm < 6:
        return (
            "Solid nodule below 6 mm: no routine follow-up, optional CT at 12 months at high risk."
        )
    if whole_mm <= 8:
        return (
            "Solid nodule of 6 to 8 mm: the guideline gives CT at 6 to 12 months, then at 18 to 24 "
            "months."
        )
    return (
        "Solid nodule above 8 mm: the guideline gives CT at 3 months, PET/CT or tissue sampling to "
        "be considered."
    )


def bosniak(lesion: Lesion) -> Statement:
    """Descriptors that Bosniak 2019 asks for; no class, since walls and septa are not assessed."""
    median, texture = lesion.hu.median, lesion.attributes["heterogeneity"].value.lower()
    if -9 <= median <= 20:
        fluid = "within the range of simple fluid (-9 to 20 HU)"
    elif median >= 70:
        fluid = "in the range of hyperdense content (70 HU or more, if non-contrast)"
    else:
        fluid = "outside the range of simple fluid (-9 to 20 HU)"
    return Statement(
        rule="bosniak",
        title="Bosniak descriptors",
        text=f"{texture.capitalize()}, median {median:.0f} HU, {fluid}; "
        f"{lesion.attributes['surface'].value.lower()}. No class assigned.",
        conditions="Wall, septa and enhancement are not assessed by the software.",
    )


def li_rads(lesion: Lesion) -> Statement:
    """Feature of LI-RADS v2018 that one phase can show: size. Never a category."""
    size = printed_mm(lesion.measurements.long_axis.length_mm)
    band = "below 10 mm" if size < 10 else "10 to 19 mm" if size < 20 else "20 mm or more"
    return Statement(
        rule="li_rads",
        title="LI-RADS v2018 features",
        text=f"Size {size:g} mm ({band}). Arterial hyperenhancement, washout, capsule and growth "
        "need several phases or an earlier scan. No category assigned.",
        conditions="Only for a patient at risk of hepatocellular carcinoma.",
    )


def _at_least(lesion: Lesion) -> str:
    return "cut by the edge of the scan, at least " if cut_by_edge(lesion) else ""


def _organ(lesion: Lesion) -> str:
    return catalog().organs[lesion.organ].name.lower()
