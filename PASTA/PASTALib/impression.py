"""Sentences: each finding in words, the impression, and what limits the report.

How sure a sentence sounds follows the finding's confidence: from `SURE` a malignant type is
"suspected" and a benign one is stated, from `LIKELY` they are "possible" and "probable", and below
that "questionable". The words are not calibrated; the numbers stand beside them in the report.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from PASTALib.catalog import catalog
from PASTALib.lesions import Lesion, minimum_diameter
from PASTALib.organs_seen import places_of
from PASTALib.report import Finding, ModelFacts, OrganSeen, Technique
from PASTALib.statements import cut_by_edge, first_upper, mm

SURE, LIKELY = 0.8, 0.5
TYPE_UNSURE = 0.6
"""Below this share of the probability the sentence says that the type is uncertain."""
THICK_SLICE_MM = 3.0
SOFT_ORGANS = ("liver", "pancreas", "kidney", "gallbladder", "stomach", "colorectum", "bladder")
"""Organs whose lesions can be invisible without contrast."""


def place(organ: str, side: str | None, part: str | None) -> str:
    """Where in words: ``right upper lobe``, ``lower third of the left kidney``, ``vertebra L3``."""
    name = catalog().organs[organ].name.lower()
    sided = f"{side} " if side else ""
    if part is None:
        return f"{sided}{name}"
    if organ in ("lung", "bone"):
        return f"{sided}{part}"
    return f"{part} of the {sided}{name}"


def plural(name: str) -> str:
    """Plural of a lesion type's name."""
    return f"{name[:-3]}ses" if name.endswith("sis") else f"{name}s"


def describe(lesion: Lesion) -> str:
    """A lesion in one sentence or two."""
    known = catalog().lesion_types[lesion.type]
    words = qualified(known.name.lower(), known.malignant, lesion.confidence)
    size = lesion.measurements
    where = in_place(lesion.organ, lesion.side, lesion.part)
    sentence = (
        f"{words}{where}, {mm(size.long_axis.length_mm)} × "
        f"{mm(size.short_axis.length_mm)} mm in the axial plane, "
        f"{volume_text(size.volume_mm3 / 1000)}: {_attributes(lesion)}."
    )
    if cut_by_edge(lesion):
        sentence += " Cut by the edge of the scan: it may be larger."
    if lesion.type_confidence < TYPE_UNSURE:
        sentence += f" The type is uncertain ({lesion.type_confidence:.0%})."
    return sentence


def volume_text(volume_ml: float) -> str:
    """Such as ``12 ml`` or ``0.35 ml``: two significant digits below 10 ml."""
    return f"{volume_ml:.0f} ml" if volume_ml >= 10 else f"{float(f'{volume_ml:.2g}'):g} ml"


def qualified(name: str, malignant: bool, confidence: float) -> str:
    """A type's name with a word for how sure it is, capitalized."""
    if confidence < LIKELY:
        word = "questionable "
    elif malignant:
        word = "suspected " if confidence >= SURE else "possible "
    else:
        word = "" if confidence >= SURE else "probable "
    return first_upper(word + name)


def lower_first(text: str) -> str:
    """With its first letter small, the others as they are (``vertebra L3``)."""
    return text[:1].lower() + text[1:]


def write_impression(
    findings: Sequence[Finding], organs: Iterable[OrganSeen], can_find: Collection[str]
) -> tuple[str, ...]:
    """The impression: malignant types first, then benign ones, then what is free of lesions."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.type, []).append(finding)
    ordered = sorted(
        groups.values(), key=lambda g: (not g[0].malignant, -max(f.confidence for f in g))
    )
    sentences = [_one(group[0]) if len(group) == 1 else _several(group) for group in ordered]
    taken = places_of(findings)
    looked_for = {catalog().lesion_types[key].organ for key in can_find}
    rest = [o for o in organs if (o.structure or o.organ) not in taken]
    seen = [o for o in rest if o.status in ("complete", "incomplete") and o.organ in looked_for]
    if seen:
        part = ", as far as the scan shows it" if any(o.status != "complete" for o in seen) else ""
        sentences.append(f"No lesion found in: {', '.join(_names(seen))}{part}.")
    elif not findings:
        sentences.append("No lesion found; none of the ten organs is sufficiently in the scan.")
    missing = [o for o in rest if o not in seen]
    if missing:
        sentences.append(f"Not assessed: {', '.join(_names(missing))}.")
    return tuple(sentences)


def write_limitations(
    technique: Technique, organs: Iterable[OrganSeen], model: ModelFacts | None
) -> tuple[str, ...]:
    """What a reader must know before trusting a negative or a size."""
    seen = {o.organ for o in organs if o.status in ("complete", "incomplete")}
    found = []
    if technique.phase.value == "non-contrast" and seen & set(SOFT_ORGANS):
        found.append(
            "Without contrast, solid lesions of the abdominal organs can be invisible; a negative "
            "result there is weak."
        )
    elif technique.phase.value == "unknown":
        found.append("The contrast phase is not known; density is compared with portal venous HU.")
    thickness = max(technique.slice_spacing_mm, technique.slice_thickness_mm or 0.0)
    if thickness > THICK_SLICE_MM:
        found.append(
            f"Slices of {thickness:g} mm: lesions smaller than about {2 * thickness:.0f} mm can be "
            "missed, and volumes are coarse."
        )
    if model is not None:
        least = minimum_diameter("liver_tumor", model.spacing_mm)
        found.append(
            f"The network sees voxels of {model.spacing_mm:g} mm; lesions below about "
            f"{least:.0f} mm are not reported."
        )
    return tuple(found)


def _names(organs: Iterable[OrganSeen]) -> list[str]:
    """Names in lower case; the two sides of an organ become one if both are there."""
    names: dict[str, list[str]] = {}
    for organ in organs:
        names.setdefault(organ.organ, []).append(lower_first(organ.name))
    both = {"lung": "both lungs", "kidney": "both kidneys"}
    return [both[key] if len(parts) == 2 else parts[0] for key, parts in names.items()]


def _one(finding: Finding) -> str:
    where = finding.location
    words = qualified(finding.name.lower(), finding.malignant, finding.confidence)
    sentence = (
        f"{words}{in_place(where.organ, where.side, where.part)}, {_axes(finding)}"
        f"{_key_attributes(finding)} ({finding.id})."
    )
    if finding.type_confidence < TYPE_UNSURE:
        sentence += " The type is uncertain."
    return sentence


def _several(group: list[Finding]) -> str:
    largest = max(group, key=lambda f: f.size.long_axis.length_mm)
    surest = max(f.confidence for f in group)
    words = qualified(plural(largest.name.lower()), largest.malignant, surest)
    where = largest.location
    return (
        f"{len(group)} {lower_first(words)} ({', '.join(f.id for f in group)}); the largest, "
        f"{largest.id}{in_place(where.organ, where.side, where.part)}, {_axes(largest)}"
        f"{_key_attributes(largest)}."
    )


def _axes(finding: Finding) -> str:
    size = finding.size
    least = "at least " if size.cut_by_edge else ""
    return f"{least}{mm(size.long_axis.length_mm)} × {mm(size.short_axis.length_mm)} mm"


def _key_attributes(finding: Finding) -> str:
    """Density, and the two values that point to malignancy where they are present."""
    names = catalog().attributes
    words = [a.value for k, a in finding.attributes.items() if k == "density"]
    if finding.malignant:
        for key in ("surface", "invasion"):
            entry = finding.attributes.get(key)
            if entry is not None and entry.value == names[key].values[1]:
                words.append(entry.value)
    return "".join(f", {lower_first(word)}" for word in words)


def in_place(organ: str, side: str | None, part: str | None) -> str:
    """`` in the left kidney``; nothing where the type's name already says it."""
    if side is None and part is None:
        return ""
    article = "" if organ == "bone" and part and part.startswith("vertebra") else "the "
    if organ == "bone" and part == "rib":
        article = "a "
    return f" in {article}{place(organ, side, part)}"


def _attributes(lesion: Lesion) -> str:
    values = {key: lower_first(a.value) for key, a in lesion.attributes.items()}
    words = [values[k] for k in ("shape", "density", "heterogeneity", "surface") if k in values]
    density = f" ({lesion.hu.median:.0f} HU)"
    if len(words) > 1:
        words[1] += density
    close = catalog().attributes["invasion"].values[1]
    invasion = lesion.attributes.get("invasion")
    if invasion is not None and invasion.value == close and lesion.contacts:
        names = [catalog().structures[c.structure].name.lower() for c in lesion.contacts[:2]]
        words.append(f"close to the {' and the '.join(names)}")
    return ", ".join(words)
