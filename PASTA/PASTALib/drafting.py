"""From lesions to the report: the machine's draft, with sentences that a radiologist would use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from PASTALib import __version__
from PASTALib.catalog import PHASE_NAMES, catalog
from PASTALib.ct import CT, Estimate, Segmentation
from PASTALib.geometry import Geometry
from PASTALib.impression import describe, lower_first, place, write_impression, write_limitations
from PASTALib.lesions import Lesion
from PASTALib.measure import Axis as MeasuredAxis
from PASTALib.model import ModelInfo
from PASTALib.organs_seen import negatives, organs_seen
from PASTALib.report import (
    AttributeEntry,
    Axis,
    Contact,
    Density,
    Evaluated,
    Finding,
    Location,
    ModelFacts,
    OrganSeen,
    PictureReference,
    Point,
    Provenance,
    Report,
    Size,
    TargetCandidates,
    Technique,
)
from PASTALib.statements import Setting, cut_by_edge, make_statements, measurability

MOST_TARGETS, MOST_TARGETS_OF_ORGAN = 5, 2
"""RECIST 1.1."""
VIEWS = ("axial", "coronal", "3d")
AXIS_NAMES = ("k", "j", "i")
"""Image axis of each array axis."""


def draft_report(
    ct: CT,
    segmentation: Segmentation,
    lesions: tuple[Lesion, ...],
    model_info: ModelInfo | None = None,
    *,
    found_by: Provenance = "model",
    created: datetime | None = None,
) -> Report:
    """Draft the report of one CT.

    Args:
        ct: the CT.
        segmentation: organs and lesions in its geometry.
        lesions: what is to be reported, from `PASTALib.lesions.find_lesions`.
        model_info: the network that found them; None if it was none.
        found_by: who found the lesions and says their type: ``generator`` for the truth of
            inserted ones, ``reader`` for drawn ones.
        created: time of the report; now by default.
    """
    technique = _technique(ct)
    organs = organs_seen(segmentation.organs)
    setting = setting_of(technique, organs, lesions)
    findings = tuple(draft_finding(lesion, setting, ct, found_by) for lesion in lesions)
    can_find = (
        frozenset(catalog().lesion_types)
        if model_info is None
        else frozenset(model_info.classes) & frozenset(catalog().lesion_types)
    )
    model = (
        None
        if model_info is None
        else ModelFacts(
            name=model_info.name,
            version=model_info.version,
            sha256=model_info.sha256,
            spacing_mm=model_info.spacing_mm,
            finds=tuple(key for key in catalog().lesion_types if key in can_find),
        )
    )
    return Report(
        study=ct.name,
        created=created or datetime.now(timezone.utc),
        software=f"PASTA for 3D Slicer {__version__}",
        model=model,
        synthetic=ct.synthetic,
        technique=technique,
        organs=organs,
        findings=findings,
        negatives=negatives(organs, findings, can_find),
        targets=draft_targets(lesions, setting),
        limitations=write_limitations(technique, organs, model),
        impression=write_impression(findings, organs, can_find),
    )


def setting_of(
    technique: Technique, organs: Sequence[OrganSeen], lesions: Sequence[Lesion]
) -> Setting:
    """What the rules need to know of a study."""
    lungs = [o for o in organs if o.organ == "lung"]
    return Setting(
        slice_mm=max(technique.slice_spacing_mm, technique.slice_thickness_mm or 0.0),
        lungs_complete=bool(lungs) and all(o.status == "complete" for o in lungs),
        lesions=lesions,
    )


def _technique(ct: CT) -> Technique:
    geometry = Geometry.of(ct.image)
    thickness = _number(ct.technique.get("slice thickness", ""))
    x, y, z = (round(s, 4) for s in geometry.spacing)
    return Technique(
        phase=_evaluated(ct.phase),
        region=_evaluated(ct.region),
        size=geometry.size,
        spacing_mm=(x, y, z),
        slice_spacing_mm=round(float(geometry.spacing_zyx[geometry.slice_axis]), 3),
        slice_thickness_mm=thickness,
        slice_tilt_degrees=round(geometry.slice_tilt_degrees, 1),
        reported=dict(ct.technique),
        notes=ct.notes,
    )


def _number(text: str) -> float | None:
    """The number that a reported fact such as ``2.5 mm`` begins with."""
    try:
        return float(text.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return None


def _evaluated(estimate: Estimate) -> Evaluated:
    value = PHASE_NAMES.get(estimate.value, estimate.value)
    return Evaluated(value=value, confidence=estimate.confidence, source=estimate.source)


def draft_finding(lesion: Lesion, setting: Setting, ct: CT, found_by: Provenance) -> Finding:
    """One lesion as the report tells it."""
    known = catalog()
    lesion_type = known.lesion_types[lesion.type]
    return Finding(
        id=lesion.id,
        instance=lesion.instance,
        type=lesion.type,
        name=lesion_type.name,
        malignant=lesion_type.malignant,
        confidence=round(lesion.confidence, 3),
        type_confidence=round(lesion.type_confidence, 3),
        provenance=found_by,
        location=Location(
            organ=lesion.organ,
            structure=lesion.structure,
            side=lesion.side,
            part=lesion.part,
            text=place(lesion.organ, lesion.side, lesion.part),
            center=_point(lesion.measurements.centroid),
        ),
        size=_size(lesion, ct),
        density=_density(lesion),
        attributes={
            key: AttributeEntry(
                key=key,
                name=known.attributes[key].name,
                value=measured.value,
                confidence=measured.confidence,
                provenance="measured",
                evidence=measured.evidence,
            )
            for key, measured in lesion.attributes.items()
        },
        contacts=tuple(
            Contact(
                structure=contact.structure,
                name=known.structures[contact.structure].name,
                area_mm2=round(contact.area_mm2, 1),
            )
            for contact in lesion.contacts
        ),
        statements=make_statements(lesion, setting),
        pictures=tuple(_picture(lesion, view) for view in VIEWS),
        sentence=describe(lesion),
    )


def _picture(lesion: Lesion, view: str) -> PictureReference:
    size = lesion.measurements
    captions = {
        "axial": f"Axial, slice {size.slice_index + 1} with long and short axis",
        "coronal": "Coronal through the center",
        "3d": "Place in the body, seen from the front",
    }
    return PictureReference.model_validate(
        {"id": f"{lesion.id}-{view}", "view": view, "caption": captions[view]}
    )


def _size(lesion: Lesion, ct: CT) -> Size:
    measured = lesion.measurements
    middle = (measured.long_axis.start[2] + measured.long_axis.end[2]) / 2
    return Size.model_validate(
        {
            "long_axis": _axis(measured.long_axis),
            "short_axis": _axis(measured.short_axis),
            "slice_index": measured.slice_index,
            "slice_axis": AXIS_NAMES[measured.slice_axis],
            "slice_count": ct.image.GetSize()[2 - measured.slice_axis],
            "slice_position_mm": round(middle, 1),
            "diameter_3d": _axis(measured.diameter_3d),
            "volume_ml": round(measured.volume_mm3 / 1000, 3) or 0.001,
            "sphericity": round(measured.sphericity, 3),
            "cut_by_edge": cut_by_edge(lesion),
        }
    )


def _axis(measured: MeasuredAxis) -> Axis:
    return Axis(
        length_mm=round(measured.length_mm, 2),
        start=_point(measured.start),
        end=_point(measured.end),
    )


def _point(point: tuple[float, float, float]) -> Point:
    x, y, z = (round(value, 2) for value in point)
    return x, y, z


def _density(lesion: Lesion) -> Density:
    hu = lesion.hu
    return Density(
        mean=round(hu.mean, 1),
        sd=round(hu.sd, 1),
        median=round(hu.median, 1),
        p5=round(hu.p5, 1),
        p25=round(hu.p25, 1),
        p75=round(hu.p75, 1),
        p95=round(hu.p95, 1),
        reference=tissue_name(lesion.reference.name),
        reference_median=round(lesion.reference.median, 1),
        reference_measured=lesion.reference.measured,
    )


def tissue_name(name: str) -> str:
    """A structure's name as the catalogue writes it (``left kidney`` for ``kidney left``)."""
    structure = catalog().structures.get(name.replace(" ", "_"))
    return name if structure is None else lower_first(structure.name)


def draft_targets(lesions: Sequence[Lesion], setting: Setting) -> TargetCandidates | None:
    """The largest measurable lesions, at most two of an organ and five in all."""
    chosen: list[Lesion] = []
    for lesion in sorted(lesions, key=lambda x: -x.measurements.long_axis.length_mm):
        same = sum(other.organ == lesion.organ for other in chosen)
        if measurability(lesion, setting) == "measurable" and same < MOST_TARGETS_OF_ORGAN:
            chosen.append(lesion)
    chosen = chosen[:MOST_TARGETS]
    if not chosen:
        return None
    total = sum(lesion.measurements.long_axis.length_mm for lesion in chosen)
    return TargetCandidates(findings=tuple(x.id for x in chosen), sum_mm=round(total, 1))
