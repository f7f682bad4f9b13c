"""How the patient lies, as DICOM says it: stones and fluid levels go by it."""

from __future__ import annotations

from PASTAGenLib.spec import Position

OF_DICOM: dict[str, Position] = {
    "S": "supine",
    "P": "prone",
    "DL": "left_lateral",
    "DR": "right_lateral",
}
"""By what follows ``HF`` (head first) or ``FF`` (feet first) in Patient Position (0018,5100);
decubitus left means that the left side is down."""


def position_of(patient_position: str) -> Position | None:
    """Position by DICOM's Patient Position; None where that is empty or of another kind."""
    word = patient_position.strip().upper()
    return OF_DICOM.get(word[2:]) if word[:2] in ("HF", "FF") else None
