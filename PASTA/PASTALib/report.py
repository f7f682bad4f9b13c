"""The report: one typed document for one CT, from the machine's draft to the reader's last edit.

Everything that a report says is in here, who says it (`Provenance`), and what was changed later
(`Edit`). It is written as JSON; ``Resources/Report/report.schema.json`` is its schema. Points are
LPS mm, sizes mm, volumes ml, densities HU, confidences 0 to 1. It holds no patient data and no
file paths.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from PASTALib.errors import PastaError
from PASTALib.files import write_text

SCHEMA_VERSION = "1.0.0"
"""Of the document: the first number changes when older readers would misread it."""

RESEARCH_USE_ONLY = (
    "Research use only. Not a medical device. Drafted by software; not a diagnosis. Every "
    "statement must be checked by a radiologist against the images."
)

Provenance = Literal["model", "measured", "reader", "generator"]
"""Who says it: a network, a rule that measures the image, a person, or the lesion generator."""
PROVENANCE_NAMES: dict[str, str] = {
    "model": "predicted by the network",
    "measured": "measured in the image by a documented rule",
    "reader": "set by a reader",
    "generator": "known from the generator that inserted the lesion",
}

Point = tuple[float, float, float]


class Part(BaseModel):
    """A part of the report; never changed in place."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Evaluated(Part):
    """A value with how sure we are and where it is from."""

    value: str
    confidence: float = Field(ge=0, le=1)
    source: str


class Axis(Part):
    """A straight measurement."""

    length_mm: float = Field(gt=0)
    start: Point
    end: Point


class Size(Part):
    """Size of a finding."""

    long_axis: Axis
    """RECIST 1.1 longest diameter in one axial slice."""
    short_axis: Axis
    """Longest diameter perpendicular to the long axis in the same slice."""
    slice_index: int
    """Of both axes: index (from 0) along `slice_axis`."""
    slice_axis: Literal["i", "j", "k"]
    """Image axis that axial slices are numbered along: i is the first, k the last."""
    slice_count: int
    slice_position_mm: float
    """LPS z of the middle of the long axis."""
    diameter_3d: Axis
    """Longest diameter in space."""
    volume_ml: float = Field(gt=0)
    sphericity: float = Field(ge=0, le=1)
    cut_by_edge: bool
    """Whether the finding reaches the edge of the scan, so that its true size may be larger."""
    provenance: Provenance = "measured"
    """Who laid the axes; the rest is always measured."""


class Density(Part):
    """Distribution of HU over the voxels of a finding."""

    mean: float
    sd: float
    median: float
    p5: float
    p25: float
    p75: float
    p95: float
    reference: str
    """The tissue that it is compared with."""
    reference_median: float
    reference_measured: bool
    """Whether the reference was measured in this CT; otherwise it is a table value."""


class Location(Part):
    """Where a finding is."""

    organ: str
    """Catalogue key of one of the ten organs."""
    structure: str | None
    """Catalogue key of the labelled structure that holds it."""
    side: Literal["left", "right"] | None
    part: str | None
    text: str
    center: Point


class Contact(Part):
    """A structure of another organ within 2 mm of a finding."""

    structure: str
    name: str
    area_mm2: float = Field(ge=0)


class AttributeEntry(Part):
    """One of the five attributes of the PASTA report template."""

    key: str
    name: str
    value: str
    """One of the catalogue's strings."""
    confidence: float = Field(ge=0, le=1)
    provenance: Provenance
    evidence: str
    """One sentence with the numbers that led to the value."""


class Statement(Part):
    """A sentence that follows from the size (or density) by a published rule."""

    rule: Literal["t_size", "recist", "fleischner", "bosniak", "li_rads"]
    title: str
    text: str
    conditions: str = ""
    """What must hold for the rule to apply, and that the software does not know."""
    category: str | None = None
    """Short result, such as ``T1a`` or ``measurable``; None for a mere description."""


class PictureReference(Part):
    """A key image; its bytes are kept beside the report under this id."""

    id: str
    view: Literal["axial", "coronal", "3d"]
    caption: str


class Finding(Part):
    """One lesion."""

    id: str
    instance: int
    """Label number in the instance map."""
    type: str
    """Catalogue key of the lesion type."""
    name: str
    malignant: bool
    """Whether the type is a malignant one; not a diagnosis."""
    confidence: float = Field(ge=0, le=1)
    """That this is a lesion."""
    type_confidence: float = Field(ge=0, le=1)
    """That it is of this type rather than of another type of the same organ."""
    provenance: Provenance
    """Who found it and says its type."""
    review: Literal["open", "confirmed", "dismissed"] = "open"
    """What a reader says of it; a dismissed finding stays in the document."""
    location: Location
    size: Size
    density: Density
    attributes: dict[str, AttributeEntry]
    contacts: tuple[Contact, ...] = ()
    statements: tuple[Statement, ...] = ()
    pictures: tuple[PictureReference, ...] = ()
    sentence: str
    """The finding in words."""


class OrganSeen(Part):
    """How much of an organ (one side of it, if there are two) the scan shows."""

    organ: str
    structure: str | None
    """Catalogue key of the side of a paired organ."""
    name: str
    status: Literal["complete", "incomplete", "not_identified", "outside"]
    """Whole in the scan; cut by its edge; not found though its place is scanned; not scanned."""
    volume_ml: float = Field(ge=0)
    """Of the part that is seen, lesions included."""


class Technique(Part):
    """How the CT was made, as far as it is known."""

    phase: Evaluated
    region: Evaluated
    size: tuple[int, int, int]
    """Voxels along i, j, k."""
    spacing_mm: Point
    slice_spacing_mm: float
    slice_thickness_mm: float | None
    """As the scanner reported it."""
    slice_tilt_degrees: float = 0.0
    reported: dict[str, str] = {}
    """Acquisition facts that the files tell, such as the kernel."""
    notes: tuple[str, ...] = ()
    """What was found or repaired on reading."""


class TargetCandidates(Part):
    """Lesions that RECIST 1.1 allows as targets, the largest first; a reader chooses."""

    findings: tuple[str, ...]
    sum_mm: float
    """Sum of their longest diameters."""


class ModelFacts(Part):
    """The network that found the lesions."""

    name: str
    version: str
    sha256: str
    spacing_mm: float
    finds: tuple[str, ...] = ()
    """Lesion types that it looks for."""


class Edit(Part):
    """One change by a reader."""

    who: str
    when: datetime
    path: str
    """What was changed, such as ``findings/L1/attributes/shape/value``."""
    old: Any
    new: Any
    reason: str = ""


class Report(Part):
    """The report of one CT."""

    schema_version: str = SCHEMA_VERSION
    title: str = "CT lesion report"
    study: str
    """Short name of the case; holds no patient data."""
    created: datetime
    software: str
    """Name and version of this software."""
    model: ModelFacts | None
    synthetic: bool
    """Whether the CT holds synthetic content."""
    disclaimer: str = RESEARCH_USE_ONLY
    technique: Technique
    organs: tuple[OrganSeen, ...]
    findings: tuple[Finding, ...]
    negatives: tuple[str, ...]
    """Organs without a lesion, and organs that could not be judged, one sentence each."""
    targets: TargetCandidates | None = None
    limitations: tuple[str, ...] = ()
    impression: tuple[str, ...]
    edits: tuple[Edit, ...] = ()

    def finding(self, finding_id: str) -> Finding:
        """The finding with an id.

        Raises:
            PastaError: there is none.
        """
        for finding in self.findings:
            if finding.id == finding_id:
                return finding
        known = ", ".join(f.id for f in self.findings) or "no findings"
        raise PastaError(f"The report has no finding '{finding_id}'; it has {known}.")


def report_schema() -> dict[str, Any]:
    """JSON schema of the report."""
    schema = Report.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:pasta-slicer:report:{SCHEMA_VERSION}",
        **schema,
    }


def schema_text() -> str:
    """The schema as it is kept in ``Resources/Report/report.schema.json``."""
    return json.dumps(report_schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write_report(report: Report, path: Path) -> None:
    """Write a report as JSON, atomically."""
    write_text(path, report.model_dump_json(indent=1) + "\n")


def read_report(path: Path) -> Report:
    """Read a report.

    Raises:
        PastaError: the file is missing, is not a report, or is of a newer kind.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = json.loads(text)
    except (OSError, ValueError) as error:
        raise PastaError(f"'{path}' cannot be read as a report ({error}).") from error
    version = str(data.get("schema_version", "")) if isinstance(data, dict) else ""
    if version.split(".")[0] != SCHEMA_VERSION.split(".", maxsplit=1)[0]:
        raise PastaError(
            f"'{path}' is a report of version '{version}', this software reads "
            f"{SCHEMA_VERSION}; use the software that wrote it."
        )
    try:
        return Report.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(str(part) for part in first["loc"])
        raise PastaError(f"'{path}' is not a valid report: {first['msg']} at {place}.") from error
