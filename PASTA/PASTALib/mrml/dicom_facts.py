"""What Slicer's DICOM database knows of a volume that was loaded from it."""

from __future__ import annotations

from typing import Any

PATIENT_POSITION = "0018,5100"


def patient_position(volume: Any) -> str:
    """DICOM's Patient Position of a volume node, such as ``HFS``; empty where it is not known."""
    import slicer

    instances = (volume.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if not instances or database is None or not database.isOpen:
        return ""
    return str(database.instanceValue(instances[0], PATIENT_POSITION))
